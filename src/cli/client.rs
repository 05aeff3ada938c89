//! Asks a running server over HTTP, and says what to do when that fails.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use reqwest::{Method, StatusCode, Url};

use crate::cli::settings::{self, Environment, Listen, Overrides};
use crate::cli::{Failure, Verdict};

const HTTP: &str =
    "The server's HTTP address and port, such as 127.0.0.1:8500 [env: LIVEZONE_HTTP]";

/// The server answers from what it has published, and waits for nothing.
const READING: Duration = Duration::from_secs(5);
/// What is written has to reach a disk first, which may be slow.
const WRITING: Duration = Duration::from_secs(30);

/// Flags that say where the server is.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct At {
    #[arg(long, value_name = "ADDR", help = HTTP)]
    pub(super) http: Option<String>,
    #[arg(long, value_name = "FILE", help = settings::CONFIG)]
    pub(super) config: Option<PathBuf>,
}

/// One request.
#[derive(Debug, Default)]
pub(super) struct Request<'a> {
    /// Below `/v1`; each may hold any character.
    pub(super) path: &'a [&'a str],
    pub(super) query: &'a [(&'a str, &'a str)],
    pub(super) body: String,
    /// What to do when the server knows nothing of that path.
    pub(super) if_unknown: &'a str,
}

/// A server that may be asked.
pub(super) struct Client {
    /// host:port
    server: String,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Client {
    pub(super) fn find(at: &At, environment: &Environment) -> Result<Self, Failure> {
        let server = find(at, environment)?;
        let made = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            // A proxy knows nothing of this host's loopback.
            let http = reqwest::Client::builder().no_proxy().build()?;
            anyhow::Ok((http, runtime))
        };
        let (http, runtime) = made().map_err(|error| Failure::new(Verdict::Unreachable, error))?;
        Ok(Self { server, http, runtime })
    }

    /// The body of the response.
    pub(super) fn get(&self, request: &Request<'_>) -> Result<String, Failure> {
        self.send((Method::GET, READING), request)
    }

    pub(super) fn put(&self, request: &Request<'_>) -> Result<(), Failure> {
        self.send((Method::PUT, WRITING), request).map(drop)
    }

    fn send(
        &self,
        (method, patience): (Method, Duration),
        request: &Request<'_>,
    ) -> Result<String, Failure> {
        let url = self.url(request).map_err(|error| Failure::new(Verdict::Usage, error))?;
        let sending = self.http.request(method, url).timeout(patience).body(request.body.clone());
        let receive = async {
            let response = sending.send().await?;
            Ok::<_, reqwest::Error>((response.status(), response.text().await?))
        };
        let received = self.runtime.block_on(receive).with_context(|| {
            format!(
                "cannot reach livezone at {}: check that `livezone serve` is running and listens \
                 there, or give another address with --http ADDR",
                self.server
            )
        });
        let (status, text) = received.map_err(|error| Failure::new(Verdict::Unreachable, error))?;
        if status.is_success() {
            return Ok(text);
        }
        // What livezone has to say is one line.
        let words = text.lines().next().unwrap_or_default().trim();
        Err(self.refused(status, words, request.if_unknown))
    }

    fn url(&self, request: &Request<'_>) -> anyhow::Result<Url> {
        let invalid = || format!("invalid address of a server {:?}", self.server);
        let mut url = Url::parse(&format!("http://{}/v1", self.server)).with_context(invalid)?;
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(request.path);
        }
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(request.query);
        }
        Ok(url)
    }

    /// What the server says, and what to do.
    fn refused(&self, status: StatusCode, words: &str, if_unknown: &str) -> Failure {
        let server = &self.server;
        match status {
            StatusCode::MISDIRECTED_REQUEST => {
                let error = anyhow!(
                    "livezone at {server} does not accept this name: give its address with --http, \
                     or add the name to [http] hosts in its livezone.toml and send SIGHUP"
                );
                Failure::new(Verdict::Unreachable, error)
            }
            StatusCode::NOT_FOUND if !if_unknown.is_empty() => {
                Failure::new(Verdict::Bad, anyhow!("{}; {if_unknown}", words.trim_end_matches('.')))
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY => {
                Failure::new(Verdict::Unreachable, anyhow!("{server} cannot do this now: {words}"))
            }
            _ if words.is_empty() => {
                let error =
                    anyhow!("{server} returned {status}: check that it is a livezone server");
                Failure::new(Verdict::Bad, error)
            }
            _ => Failure::new(Verdict::Bad, anyhow!("{words}")),
        }
    }

    /// The error of a response that is not what livezone answers.
    pub(super) fn strange(&self, error: serde_json::Error) -> Failure {
        let what = format!(
            "cannot read the response of {}: check that it is a livezone server",
            self.server
        );
        Failure::new(Verdict::Unreachable, anyhow::Error::new(error).context(what))
    }
}

/// Where the server is, as host:port.
fn find(at: &At, environment: &Environment) -> Result<String, Failure> {
    let named = |text: &String| text.rsplit_once(':').is_some_and(|(host, _)| !host.is_empty());
    if let Some(http) = &at.http {
        if !named(http) {
            let error = anyhow!("invalid --http {http:?}: write host:port, like 127.0.0.1:8500");
            return Err(Failure::new(Verdict::Usage, error));
        }
        return Ok(http.clone());
    }
    // The variable may name a host, which an address to listen on may not.
    let variable = environment("LIVEZONE_HTTP").and_then(|value| value.into_string().ok());
    if let Some(http) = variable.filter(named) {
        return Ok(reachable(&http));
    }
    let config = at.config.clone();
    let flags = Overrides { config, zones: None, state: None, listen: Listen::default() };
    let Some(listen) = settings::load(&flags, environment)?.config.http.listen else {
        let error = anyhow!(
            "the configuration turns the HTTP API off: give the address of a \
                             server with --http ADDR"
        );
        return Err(Failure::new(Verdict::Unreachable, error));
    };
    Ok(reachable(&listen.to_string()))
}

/// Who listens on every address listens on loopback.
fn reachable(listen: &str) -> String {
    match listen.parse::<SocketAddr>() {
        Ok(mut socket) if socket.ip().is_unspecified() => {
            socket.set_ip(match socket.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
            socket.to_string()
        }
        Ok(_) | Err(_) => listen.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::io::{Read, Write};

    use super::*;

    /// What a command is told by a server that answers with these octets, and what it was asked.
    fn told(answer: &'static str, request: &Request<'_>) -> (Failure, String) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let http = Some(listener.local_addr().unwrap().to_string());
        let thread = std::thread::spawn(move || {
            let (mut stream, mut octets) = (listener.accept().unwrap().0, [0; 1024]);
            let length = stream.read(&mut octets).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(octets[..length].to_vec()).unwrap()
        });
        let client = Client::find(&At { http, config: None }, &|_| None).unwrap();
        (client.put(request).unwrap_err(), thread.join().unwrap())
    }

    #[test]
    fn a_server_is_found_by_flag_then_environment_and_a_wildcard_is_loopback() {
        let mut at = At { http: Some("livezone:8500".to_owned()), config: None };
        let environment =
            |name: &str| (name == "LIVEZONE_HTTP").then(|| OsString::from("0.0.0.0:8501"));
        assert_eq!(find(&at, &environment).unwrap(), "livezone:8500");
        at.http = None;
        assert_eq!(find(&at, &environment).unwrap(), "127.0.0.1:8501");
        at.http = Some("8500".to_owned());
        assert_eq!(find(&at, &environment).unwrap_err().verdict, Verdict::Usage);
        assert_eq!(reachable("[::]:8500"), "[::1]:8500");
    }

    #[test]
    fn a_server_that_turned_http_off_cannot_be_reached() {
        let environment = |name: &str| (name == "LIVEZONE_HTTP").then(OsString::new);
        let failure = find(&At::default(), &environment).unwrap_err();
        assert_eq!(failure.verdict, Verdict::Unreachable);
    }

    #[test]
    fn a_server_that_is_not_known_by_that_name_is_told_of_with_what_to_do() {
        let answer = "HTTP/1.1 421 Misdirected Request\r\nContent-Length: 0\r\n\r\n";
        let (failure, _) = told(answer, &Request::default());
        let error = failure.error.to_string();
        assert!(error.contains("127.0.0.1:") && error.contains("[http] hosts"), "{error}");
    }

    #[test]
    fn ids_may_hold_any_character_and_the_servers_words_come_with_advice() {
        let request = Request {
            path: &["agent", "a/b c%"],
            query: &[("reason", "x & y")],
            if_unknown: "look elsewhere",
            ..Request::default()
        };
        let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\nno a/b.";
        let (failure, asked) = told(answer, &request);
        assert_eq!(
            (failure.verdict, &*failure.error.to_string()),
            (Verdict::Bad, "no a/b; look elsewhere")
        );
        assert!(
            asked.starts_with("PUT /v1/agent/a%2Fb%20c%25?reason=x+%26+y HTTP/1.1\r\n"),
            "{asked}"
        );
    }

    #[test]
    fn a_server_that_cannot_do_it_now_counts_as_unreachable() {
        let answer = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";
        assert_eq!(told(answer, &Request::default()).0.verdict, Verdict::Unreachable);
    }
}
