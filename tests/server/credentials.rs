//! A password in a check's URL reaches the server that is asked, and nobody else.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::server::{Server, TestServer};
use crate::support::time::{SOON, eventually};

/// `operator:Hunter2!`, and how it stands in a URL.
const SENT: &str = "Authorization: Basic b3BlcmF0b3I6SHVudGVyMiE=";
const WRITTEN: &str = "operator:Hunter2%21";
/// Parts of it, as it is written and as it is sent.
const SECRETS: [&str; 3] = ["Hunter2", "b3BlcmF0b3", "operator"];

/// A server that answers 200 to whoever knows the password, for as long as it is told to.
fn guarded() -> (u16, Arc<AtomicBool>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let is_open = Arc::new(AtomicBool::new(true));
    let opened = Arc::clone(&is_open);
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let (mut request, mut octet) = (Vec::new(), [0]);
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut octet).unwrap_or(0) > 0 {
                request.push(octet[0]);
            }
            let knows = String::from_utf8_lossy(&request).contains(SENT);
            let status = if knows && opened.load(Ordering::Relaxed) { "200 OK" } else { "401 No" };
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        }
    });
    (port, is_open)
}

/// All that the server and the commands say to anybody.
fn all_that_is_said(server: &Server) -> String {
    let mut said = server.process.log().join("\n");
    for path in ["/v1/livezone/services", "/health/ready", "/metrics"] {
        said += &server.get(path).body;
    }
    for arguments in [&["status"][..], &["status", "web"], &["status", "--json"]] {
        let output = server.command(arguments);
        said += &String::from_utf8(output.stdout).unwrap();
        said += &String::from_utf8(output.stderr).unwrap();
    }
    let mut check = crate::support::server::livezone();
    let output = check.current_dir(server.setup.path()).arg("check").output().unwrap();
    said + &String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

fn assert_secret(said: &str) {
    for secret in SECRETS {
        let shown: Vec<_> = said.lines().filter(|line| line.contains(secret)).collect();
        assert!(shown.is_empty(), "{secret}: {shown:#?}");
    }
}

#[test]
fn a_password_in_a_url_is_sent_and_never_shown() {
    let (port, is_open) = guarded();
    let url = format!("http://{WRITTEN}@localhost:{port}/health");
    // In one line, so that every excerpt of the file would show the password.
    let native = |name: &str, id: &str| {
        format!(
            "service = [{{ name = \"{name}\", check = [{{ http = \"{url}\", interval = \"1s\", timeout = \"1s\" }}], \
             instance = [{{ id = \"{id}\", address = \"127.0.0.1\", port = {port} }}] }}]\n"
        )
    };
    let consul = format!(
        "{{\"service\": {{\"name\": \"db\", \"address\": \"127.0.0.1\", \"port\": {port}, \
         \"check\": {{\"http\": \"{}\", \"interval\": \"1s\", \"timeout\": \"1s\"}}}}}}\n",
        url.replace('/', "\\/")
    );
    let server = TestServer::with("a.toml", &native("web", "web-1"));
    server.put("db.json", &consul);
    server.configure("log.level = \"debug\"\n");
    let server = server.start();
    server.answers("web", &["127.0.0.1"]);
    server.answers("db", &["127.0.0.1"]);
    let said = all_that_is_said(&server);
    assert!(said.contains(&format!("http:http://localhost:{port}/health")), "{said}");
    assert_secret(&said);

    // The same id twice, mistakes beside the URL and in it, a file that is no TOML, and no JSON.
    server.setup.put("b.toml", &native("web", "web-1"));
    server.setup.put("c.toml", &native("c", "c-1").replace("interval", "intervall"));
    server.setup.put("d.toml", &native("d", "d-1").replace("/health", "x/health"));
    server.setup.put("e.toml", &native("e", "e-1").replace("] }]", "]"));
    server.setup.put("f.json", &consul.replace("}}}", "}}"));
    server.setup.put("g.json", &consul.replace("timeout", "timeoutt"));
    server.setup.put("h.toml", &native("h", "h-1").replace("http =", "tcp ="));
    for file in ["b.toml", "c.toml", "d.toml", "e.toml", "f.json", "g.json", "h.toml"] {
        server.process.wait_for_log(&[file]);
    }
    let said = all_that_is_said(&server);
    for file in ["b.toml", "c.toml", "d.toml", "e.toml", "f.json", "g.json", "h.toml"] {
        assert!(said.contains(file), "{file}: {said}");
    }
    assert!(said.contains("*@localhost"), "excerpts are shown: {said}");
    assert_secret(&said);

    is_open.store(false, Ordering::Relaxed);
    eventually("the outcome", SOON, || {
        let said = all_that_is_said(&server);
        assert_secret(&said);
        if said.contains("HTTP 401") { Ok(()) } else { Err(said) }
    });
}
