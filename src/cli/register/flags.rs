//! The flags that describe one service.

use std::str::FromStr;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::{Map, Value, json};

use crate::syntax::duration;

#[derive(Args, Debug, Default)]
pub(super) struct Flags {
    /// The service's name, which is its name in DNS
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    name: Option<String>,
    /// The instance's id, unique among all that is registered over HTTP [default: the name]
    #[arg(long, value_name = "ID", conflicts_with = "file")]
    id: Option<String>,
    /// An IP address or a host name [default: the server's own address]
    #[arg(long, value_name = "ADDRESS", conflicts_with = "file")]
    address: Option<String>,
    /// The port
    #[arg(long, value_name = "PORT", conflicts_with = "file")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// A tag; repeat the flag for more
    #[arg(long = "tag", value_name = "TAG", conflicts_with = "file")]
    tags: Vec<String>,
    /// Meta data; repeat the flag for more
    #[arg(long, value_name = "KEY=VALUE", conflicts_with = "file", value_parser = pair)]
    meta: Vec<(String, String)>,
    /// Check that the port takes connections
    #[arg(long, conflicts_with = "file", requires = "port")]
    tcp: bool,
    /// Serve the instance while `livezone pass` comes at least this often, such as 30s
    #[arg(long, value_name = "DURATION", conflicts_with = "file", value_parser = ttl)]
    ttl: Option<String>,
}

/// `--http`: what to check, or where the server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Http {
    Path(String),
    Server(String),
}

impl FromStr for Http {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with('/') || text.contains("://") {
            return Ok(Self::Path(text.to_owned()));
        }
        match text.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                Ok(Self::Server(text.to_owned()))
            }
            _ => Err("write a path to check, like /health, or the server's host:port".to_owned()),
        }
    }
}

impl Http {
    /// The path to check and the server, each at most once.
    pub(super) fn split(all: Vec<Self>) -> Result<(Option<String>, Option<String>), &'static str> {
        let (mut path, mut server) = (None, None);
        for http in all {
            let before = match http {
                Self::Path(text) => path.replace(text),
                Self::Server(text) => server.replace(text),
            };
            if before.is_some() {
                return Err("--http is given twice: one path and one server are possible");
            }
        }
        Ok((path, server))
    }
}

/// The one check of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Check {
    Http(String),
    Tcp { port: u16 },
    Ttl(String),
}

impl Check {
    pub(super) fn of(flags: &Flags, path: Option<String>) -> Result<Option<Self>, &'static str> {
        let http = path.map(Self::Http);
        let tcp = flags.port.filter(|_| flags.tcp).map(|port| Self::Tcp { port });
        let ttl = flags.ttl.clone().map(Self::Ttl);
        let mut all = http.into_iter().chain(tcp).chain(ttl);
        match (all.next(), all.next()) {
            (check, None) => Ok(check),
            _ => Err("write only one of --http PATH, --tcp and --ttl; a file may have several \
                      checks"),
        }
    }

    fn body(self) -> Value {
        match self {
            Self::Http(url) => json!({ "HTTP": url }),
            // To livezone this host is the instance.
            Self::Tcp { port } => json!({ "TCP": format!("localhost:{port}") }),
            Self::Ttl(ttl) => json!({ "TTL": ttl }),
        }
    }
}

impl Flags {
    /// What `PUT /v1/agent/service/register` takes.
    pub(super) fn body(self, check: Option<Check>) -> Value {
        let mut body = Map::new();
        let said = [
            ("Name", self.name.map(Value::from)),
            ("ID", self.id.map(Value::from)),
            ("Address", self.address.map(Value::from)),
            ("Port", self.port.map(Value::from)),
            ("Check", check.map(Check::body)),
        ];
        for (key, value) in said {
            body.extend(value.map(|value| (key.to_owned(), value)));
        }
        body.insert("Tags".to_owned(), self.tags.into());
        let meta = self.meta.into_iter().map(|(key, value)| (key, Value::from(value)));
        body.insert("Meta".to_owned(), meta.collect::<Map<_, _>>().into());
        Value::Object(body)
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let (key, value) = pair.ok_or("write key=value, like version=1.2")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn ttl(text: &str) -> Result<String, String> {
    match duration::parse(text) {
        Some(ttl) if !ttl.is_zero() => Ok(text.to_owned()),
        Some(_) | None => Err("write a duration, like 30s".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(texts: &[&str]) -> Result<(Option<String>, Option<String>), &'static str> {
        Http::split(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[test]
    fn http_is_the_path_to_check_or_the_server() {
        let owned = |text: &str| Some(text.to_owned());
        assert_eq!(http(&["/health"]), Ok((owned("/health"), None)));
        let both = Ok((owned("https://localhost:1/"), owned("[::1]:8500")));
        assert_eq!(http(&["[::1]:8500", "https://localhost:1/"]), both);
        assert!(http(&["a:1", "b:1"]).is_err() && http(&["/a", "/b"]).is_err());
        for wrong in ["health", "8500", ":8500", "localhost:http"] {
            assert!(wrong.parse::<Http>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_check_may_be_described() {
        let flags = |tcp, ttl: Option<&str>| Flags {
            port: Some(80),
            tcp,
            ttl: ttl.map(str::to_owned),
            ..Flags::default()
        };
        let path = || Some("/".to_owned());
        assert_eq!(Check::of(&flags(true, None), None), Ok(Some(Check::Tcp { port: 80 })));
        assert_eq!(Check::of(&flags(false, None), None), Ok(None));
        for (flags, path) in [
            (flags(true, None), path()),
            (flags(false, Some("1s")), path()),
            (flags(true, Some("1s")), None),
        ] {
            assert!(Check::of(&flags, path).is_err(), "{flags:?}");
        }
    }

    #[test]
    fn flags_say_what_consul_is_told() {
        let flags = Flags {
            name: Some("web".to_owned()),
            port: Some(80),
            tags: vec!["v1".to_owned()],
            meta: vec![pair("a=b=c").unwrap()],
            ..Flags::default()
        };
        let wanted = json!({
            "Name": "web", "Port": 80, "Tags": ["v1"], "Meta": { "a": "b=c" },
            "Check": { "TCP": "localhost:80" },
        });
        assert_eq!(flags.body(Some(Check::Tcp { port: 80 })), wanted);
        assert!(pair("=b").is_err() && pair("a").is_err());
        assert!(ttl("0s").is_err() && ttl("30").is_err());
    }
}
