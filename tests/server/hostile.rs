//! Text from outside that would forge lines, move the cursor or turn what is read around, in every
//! place that is read, and everything that is written of it.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Output;
use std::thread;

use hickory_proto::rr::RecordType;
use nix::sys::signal::Signal;

use crate::support::dns;
use crate::support::server::{Process, Server, TestServer, livezone};
use crate::support::time::{SOON, eventually};

/// A line end, escape codes of both kinds, a turn of direction, what cannot be seen, and a bell.
const HOSTILE: &str = "x\n2031-01-01T00:00:00Z ERROR forged\x1b[2J\u{9b}31m\u{202e}\u{2066}\u{200b}\u{feff}\
                       \u{2028}\u{85}\u{e0041}\u{ad}\u{7f}\u{7}y";

/// As JSON and TOML write it between quotes.
fn quoted() -> String {
    HOSTILE.chars().fold(String::new(), |text, c| match u32::from(c) {
        0x20..0x7f => text + &c.to_string(),
        code @ ..=0xffff => text + &format!("\\u{code:04x}"),
        code => {
            let [high, low] = [0xd800 + ((code - 0x10000) >> 10), 0xdc00 + (code & 0x3ff)];
            text + &format!("\\u{high:04x}\\u{low:04x}")
        }
    })
}

/// Nothing but line ends and what can be seen.
fn is_clean(character: char) -> bool {
    let hidden = matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}');
    character == '\n' || !(hidden || character.is_control())
}

fn clean(what: &str, text: &str) {
    let found: Vec<_> = text.chars().filter(|&c| !is_clean(c)).collect();
    assert!(found.is_empty(), "{what} has {found:?}: {text:?}");
    let forged = text.lines().any(|line| line.starts_with("2031"));
    assert!(!forged, "{what} has a forged line: {text}");
}

/// What a command prints, and that it is clean; with `words` that show that the text was in it.
fn printed(what: &str, output: &Output, words: &[&str]) {
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    clean(what, &text);
    for word in words {
        assert!(text.contains(word), "{what}: {word} in {text}");
    }
}

/// A backend that says the same to all, in every place of its answer.
fn backend() -> u16 {
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let line = HOSTILE.replace('\n', " ");
    // Ends with the process.
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let answer = format!(
                "HTTP/1.1 503 {line}\r\nServer: {line}\r\nContent-Length: 9999\r\n\r\n{HOSTILE}"
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    port
}

/// A service that is taken, and whose every text is hostile where it may be.
fn consul(port: u16) -> String {
    let text = quoted();
    let check = |n: u8, what: &str| {
        format!(
            "{{\"id\": \"{text}{n}\", \"name\": \"{text}\", \"notes\": \"{text}\", \"interval\": \"1s\", {what}}}"
        )
    };
    let checks = [
        check(
            1,
            &format!("\"args\": [\"/bin/sh\", \"-c\", \"echo \\\"$0\\\"; exit 2\", \"{text}\"]"),
        ),
        check(2, "\"http\": \"http://localhost/\""),
        check(3, "\"http\": \"https://localhost/\""),
        check(4, "\"grpc\": \"localhost\""),
    ];
    let odd = format!(
        "{{\"name\": \"odd\", \"id\": \"{text}\", \"address\": \"127.0.0.2\", \"port\": {port}, \
         \"tags\": [\"{text}\"], \"meta\": {{\"key\": \"{text}\"}}, \"checks\": [{}]}}",
        checks.join(", ")
    );
    format!("{{\"service\": {odd}}}")
}

/// A check whose last line holds escape codes and what is no UTF-8.
const SCRIPT: &str = "[[service]]\nname = \"script\"\n[[service.check]]\ninterval = \"1s\"\n\
     args = [\"/bin/sh\", \"-c\", \"printf 'A\\\\033[2J\\\\302\\\\233m\\\\342\\\\200\\\\256\\\\377B'; exit 2\"]\n\
     [[service.instance]]\naddress = \"127.0.0.2\"\n";

/// Definitions with hostile words in every place; checks that fail with others.
fn definitions(server: &TestServer, port: u16) {
    server.put("odd.json", &consul(port));
    let text = quoted();
    let wrong = format!("{{\"name\": \"{text}\"}}, {{\"name\": \"b\", \"{text}\": \"{text}\"}}");
    server.put("wrong.json", &format!("{{\"services\": [{wrong}]}}"));
    server.put("script.toml", SCRIPT);
    let mistakes = format!("# {HOSTILE}\n[[service]]\nname = \"{HOSTILE}\"\n");
    server.put("raw.toml", &mistakes);
    server.put(
        "key.toml",
        "[[service]]\nname = \"a\"\n\"k\\u202e\\u001b\\u009b\" = 1 # \u{202e}\u{9b}\n",
    );
    server.put("raw.hcl", &format!("service {{ name = \"{HOSTILE}\" }}"));
    server.put("raw.json", &format!("{{\"service\": {{\"name\": \"{HOSTILE}\"}}}}"));
    server.put("master.zone", &format!("a{HOSTILE} IN A 1\n@ IN FOO {HOSTILE}\n"));
    server.put(&format!("{HOSTILE}.toml"), "[[service]]\nnmae = 1\n");
    fs::write(server.zone().join(OsStr::from_bytes(b"\xff\x9b\x1b[2J.toml")), "nmae = 1\n")
        .unwrap();
    let zones = server.path().join("zones");
    fs::create_dir(zones.join(HOSTILE)).unwrap();
    fs::create_dir(zones.join(OsStr::from_bytes(b"\xc2\x9b\xff"))).unwrap();
}

fn raw(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.http()).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

fn show_everything(format: &str) {
    let server = TestServer::new();
    let config = format!(
        "[log]\nformat = \"{format}\"\nlevel = \"trace\"\n[health]\nscript_checks = true\n"
    );
    server.configure(&config);
    definitions(&server, backend());
    let server = server.start();
    server.process.wait_for_log(&["health changed", "script", "critical"]);
    server.process.wait_for_log(&["health changed", "odd", "critical"]);

    for path in ["/v1/livezone/services", "/health/ready", "/metrics", "/\u{1b}[2J\u{202e}"] {
        clean(path, &server.get(path).body);
    }
    for request in [
        format!("GET /{} HTTP/1.1\r\nHost: {0}\r\n\r\n", HOSTILE.replace('\n', "")),
        "GET /%1b%5b2J%e2%80%ae HTTP/1.1\r\nHost: \u{202e}\r\nConnection: close\r\n\r\n".to_owned(),
    ] {
        clean("an answer over HTTP", &raw(&server, &request).replace('\r', ""));
    }
    let services = server.get("/v1/livezone/services").json();
    let id = &services["services"][0]["instances"][0]["id"];
    assert_eq!(id, HOSTILE, "whoever reads JSON has the id itself");
    printed(
        "status",
        &server.command(&["status"]),
        &["forged\\u{1b}[2J", "odd.service.internal", "A\\u{1b}[2J"],
    );
    printed("status --json", &server.command(&["status", "--json"]), &["forged\\u001b[2J\\u009b"]);
    printed("status of nothing", &server.command(&["status", HOSTILE]), &["forged"]);
    for name in ["odd", "script"] {
        let (_, words) = dns::extended_error(&server.ask(name, RecordType::A)).unwrap();
        clean("an extended error", &words);
    }

    let key = "\"k\\u202e\\u001b\\u009b\\nforged\" = 1\n";
    server.setup.configure(&(config + key));
    server.process.signal(Signal::SIGHUP);
    server.process.wait_for_log(&["configuration rejected", "forged"]);
    server.setup.put("later.toml", &format!("x = \"{HOSTILE}"));
    server.process.wait_for_log(&["later.toml"]);
    read_log(&server.process.log(), format);
}

fn read_log(log: &[String], format: &str) {
    let begins = if format == "json" { "{\"timestamp\":\"20" } else { "20" };
    for line in log {
        clean("the log", line);
        assert!(line.starts_with(begins), "not a line of ours: {line}");
        if format == "json" {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
    }
    for word in ["odd", "raw.toml", "key.toml", "raw.hcl", "raw.json", "master.zone", "forged"] {
        assert!(log.iter().any(|line| line.contains(word)), "{word} in {log:#?}");
    }
}

#[test]
fn the_text_log_and_all_that_is_shown_is_clean() {
    show_everything("text");
}

#[test]
fn the_json_log_is_clean() {
    show_everything("json");
}

#[test]
fn what_check_shows_is_clean() {
    let server = TestServer::new();
    definitions(&server, 1);
    let check = |arguments: &[&str]| {
        let mut command = livezone();
        command.current_dir(server.path()).arg("check").args(arguments).output().unwrap()
    };
    printed("check", &check(&[]), &["forged\\u{1b}[2J", "master.zone", "unknown key \"k\\u{202e}"]);
    let hostile_file = format!("zones/service.internal/{HOSTILE}.toml");
    printed("check of a file", &check(&[&hostile_file, HOSTILE]), &["no such file", "nmae"]);
    server.configure(&format!("a = \"{HOSTILE}"));
    printed("check of livezone.toml", &check(&[]), &["livezone.toml"]);
}

/// Arguments, and variables of the environment.
type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)]);

#[test]
fn what_was_said_to_the_program_itself_is_shown_clean() {
    let server = TestServer::new();
    let at = |folder: &Path, arguments: &[&str], environment: &[(&str, &str)]| {
        let mut command = livezone();
        command.current_dir(folder).args(arguments).envs(environment.iter().copied());
        command.output().unwrap()
    };
    let cases: [Case<'_>; 8] = [
        (&["serve", "--config", HOSTILE], &[]),
        (&["serve", "--dns", HOSTILE], &[]),
        (&["serve", "--zones", HOSTILE, "--dns", "127.0.0.1:0", "--http", ""], &[]),
        (&[HOSTILE], &[]),
        (&["status", "--http", HOSTILE], &[]),
        (&["status", "--http", "\u{202e}\u{1b}x:1"], &[]),
        (&["serve"], &[("LIVEZONE_DNS", HOSTILE)]),
        (&["check"], &[("LIVEZONE_CONFIG", HOSTILE)]),
    ];
    for (arguments, environment) in cases {
        let output = at(server.path(), arguments, environment);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
        printed(&format!("{arguments:?} {environment:?}"), &output, &[]);
    }
    let mut command = livezone();
    command.current_dir(server.path()).arg("serve").args(&server.arguments);
    command.env("NOTIFY_SOCKET", HOSTILE).args(["--ready-file", "no\u{202e}\u{1b}\n/folder"]);
    command.args(["--state", "/proc/\u{202e}\u{1b}x"]);
    let process = Process::start(command);
    eventually("all is said", SOON, || {
        let said = [
            "service manager notifications are off",
            "cannot write the ready file",
            "state is not saved",
        ];
        let missing = said.iter().any(|words| process.lines_with(&[words]).is_empty());
        if missing { Err(process.log()) } else { Ok(()) }
    });
    process.log().iter().for_each(|line| clean("the log", line));
}
