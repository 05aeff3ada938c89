//! livezone.toml → [`Config`].

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::config::{
    Access, Config, DNS_PORT, Dns, Health, Log, LogFormat, LogLevel, MAX_CONNECTIONS, Tcp, address,
    consul, cookies, http, policy, rrl,
};
use crate::diagnostic::Diagnostic;
use crate::model::check::{Policy, Scripts};
use crate::model::definition::PolicyDefinition;
use crate::syntax::reader::Reader;
use crate::syntax::report::Report;
use crate::syntax::toml;

const MAX_WORKERS: i64 = 1024;
/// RFC 9715 section 3: on nearly every path a datagram with so many octets stays in one piece.
const UNFRAGMENTED: u16 = 1232;
/// The unit in which idle time is offered (RFC 7828 section 3.1): less would be said as none.
const SHORTEST_OFFER: Duration = Duration::from_millis(100);

/// `None` when an error is among the diagnostics.
pub fn parse(path: Arc<Path>, text: Arc<str>) -> (Option<Config>, Vec<Diagnostic>) {
    let report = Report::new(path, text);
    let text = Arc::clone(&report.text);
    let tree = toml::parse(&report);
    let config = config(Reader::document(&report, &tree, "livezone.toml"));
    let (config, mut diagnostics) = report.finish(Some(config));
    cookies::conceal(&text, &mut diagnostics);
    (config, diagnostics)
}

fn config(mut reader: Reader<'_>) -> Config {
    let default = Config::default();
    let state_dir = folder(&mut reader, "state_dir").unwrap_or(default.state_dir);
    let zones_dir = folder(&mut reader, "zones_dir").unwrap_or(default.zones_dir);
    let grace = reader.duration("shutdown_grace", Duration::ZERO);
    let config = Config {
        state_dir,
        zones_dir,
        shutdown_grace: grace.map_or(default.shutdown_grace, |grace| grace.value),
        dns: reader.table("dns", "[dns]").map_or(default.dns.clone(), |r| dns(r, default.dns)),
        rrl: reader
            .table("rrl", "[rrl]")
            .map_or(default.rrl.clone(), |r| rrl::read(r, default.rrl)),
        cookies: reader.table("cookies", "[cookies]").map_or(default.cookies, cookies::read),
        http: reader
            .table("http", "[http]")
            .map_or(default.http.clone(), |r| http::read(r, default.http)),
        health: reader
            .table("health", "[health]")
            .map_or(default.health.clone(), |r| health(r, default.health)),
        consul: reader
            .table("consul", "[consul]")
            .map_or(default.consul.clone(), |r| consul::read(r, default.consul)),
        log: reader.table("log", "[log]").map_or(default.log, |r| log(r, default.log)),
    };
    reader.finish();
    config
}

fn folder(reader: &mut Reader<'_>, key: &'static str) -> Option<PathBuf> {
    let text = reader.string(key)?;
    if text.value.is_empty() {
        reader.report.error(
            text.span,
            format!("{key:?} is empty"),
            "write \".\" for the current \
                                                                     directory",
        );
        return None;
    }
    Some(PathBuf::from(text.value))
}

fn dns(mut reader: Reader<'_>, default: Dns) -> Dns {
    let dns = Dns {
        listen: listen(&mut reader).unwrap_or(default.listen),
        workers: reader.integer("workers", 0..=MAX_WORKERS).map_or(default.workers, |p| p.value),
        udp_max_size: udp_max_size(&mut reader).unwrap_or(default.udp_max_size),
        udp_segmentation: reader
            .boolean("udp_segmentation")
            .map_or(default.udp_segmentation, |p| p.value),
        access: Access {
            allow: address::networks(&mut reader, "allow").unwrap_or_default(),
            deny: address::networks(&mut reader, "deny").unwrap_or_default(),
        },
        tcp: reader.table("tcp", "[dns.tcp]").map_or(default.tcp, |r| tcp(r, default.tcp)),
    };
    reader.finish();
    dns
}

/// RFC 1035 section 4.2.1 asks for 512 at least.
fn udp_max_size(reader: &mut Reader<'_>) -> Option<u16> {
    let size = reader.integer("udp_max_size", 512..=65_535)?;
    if size.value > UNFRAGMENTED {
        reader.report.warning(
            size.span,
            format!(
                "responses above {UNFRAGMENTED} octets are fragmented: many networks drop \
                 fragments, and fragments are easier to forge"
            ),
            format!("write {UNFRAGMENTED}, unless a client cannot use TCP"),
        );
    }
    Some(size.value)
}

fn tcp(mut reader: Reader<'_>, default: Tcp) -> Tcp {
    let idle = reader.duration("idle", SHORTEST_OFFER);
    let message = reader.duration("message", SHORTEST_OFFER);
    let tcp = Tcp {
        idle: idle.map_or(default.idle, |placed| placed.value),
        message: message.map_or(default.message, |placed| placed.value),
        max: reader.integer("max", 1..=MAX_CONNECTIONS).map_or(default.max, |p| p.value),
        max_per_client: reader
            .integer("max_per_client", 1..=MAX_CONNECTIONS)
            .map_or(default.max_per_client, |p| p.value),
    };
    reader.finish();
    tcp
}

fn listen(reader: &mut Reader<'_>) -> Option<Vec<SocketAddr>> {
    let texts = reader.strings("listen")?;
    let (mut sockets, mut seen) = (Vec::with_capacity(texts.len()), HashSet::new());
    for text in &texts {
        let Some(socket) = address::socket(reader.report, text, DNS_PORT) else { continue };
        if !seen.insert(socket) && socket.port() != 0 {
            let message = format!("{socket} is listed twice");
            reader.report.error(text.span.clone(), message, "remove it");
        }
        sockets.push(socket);
    }
    if texts.is_empty() {
        let label = format!("write [\"127.0.0.1:{DNS_PORT}\"]");
        reader.report.error(reader.place_of("listen"), "\"listen\" is empty", label);
    }
    Some(sockets)
}

fn health(mut reader: Reader<'_>, default: Health) -> Health {
    let written = policy::read(&mut reader, Some(default.policy.interval));
    let first_round = reader.duration("first_round", Duration::ZERO);
    let health = Health {
        policy: inherit(written, default.policy),
        first_round: first_round.map_or(default.first_round, |placed| placed.value),
        max_in_flight: reader
            .integer("max_in_flight", 1..=1_000_000)
            .map_or(default.max_in_flight, |placed| placed.value),
        source: sources(&mut reader),
        scripts: scripts(&mut reader).unwrap_or(default.scripts),
    };
    reader.finish();
    health
}

/// An interval shorter than a default time lowers that time with it.
fn inherit(written: PolicyDefinition, default: Policy) -> Policy {
    let interval = written.interval.unwrap_or(default.interval);
    let failures = written.failures_before_critical.unwrap_or(default.failures_before_critical);
    Policy {
        interval,
        timeout: written.timeout.unwrap_or(default.timeout).min(interval),
        fast_interval: written.fast_interval.unwrap_or(default.fast_interval).min(interval),
        failures_before_critical: failures,
        failures_before_warning: failures,
        success_before_passing: written
            .success_before_passing
            .unwrap_or(default.success_before_passing),
        immediate_status: written.immediate_status.unwrap_or(default.immediate_status),
        deregister_after: default.deregister_after,
    }
}

fn sources(reader: &mut Reader<'_>) -> Vec<IpAddr> {
    let texts = reader.strings("source").unwrap_or_default();
    let mut sources: Vec<IpAddr> = Vec::with_capacity(2);
    for text in &texts {
        let Some(address) = address::host(reader.report, text) else { continue };
        if sources.iter().any(|source| source.is_ipv4() == address.is_ipv4()) {
            let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
            reader.report.error(
                text.span.clone(),
                format!("{address} is a second {family} source address"),
                "write one address per family",
            );
        }
        sources.push(address);
    }
    sources
}

fn scripts(reader: &mut Reader<'_>) -> Option<Scripts> {
    let allowed = reader.boolean("script_checks")?.value;
    Some(if allowed { Scripts::Allowed } else { Scripts::Refused })
}

fn log(mut reader: Reader<'_>, default: Log) -> Log {
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let levels =
        [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace]
            .map(|level| (level.word(), level));
    let log = Log {
        format: reader.choice("format", &formats).map_or(default.format, |placed| placed.value),
        level: reader.choice("level", &levels).map_or(default.level, |placed| placed.value),
    };
    reader.finish();
    log
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConnectionLimits;
    use crate::model::name::Name;

    fn good(text: &str) -> Config {
        let (config, diagnostics) = parse(Path::new("livezone.toml").into(), text.into());
        assert_eq!(diagnostics, []);
        config.unwrap()
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        assert_eq!(good(""), Config::default());
        assert_eq!(
            good(
                "[dns]\n[dns.tcp]\n[rrl]\n[cookies]\nsecret = \"\"\n[http]\n[health]\n[consul]\nnode_address = \"\"\n[log]\n"
            ),
            Config::default()
        );
    }

    const EACH_KEY: &str = r#"
state_dir = "/var/lib/livezone"
zones_dir = "/etc/zones"
shutdown_grace = "1m30s"
[dns]
listen = ["0.0.0.0:53", "[::]:53"]
workers = 4
udp_max_size = 1024
udp_segmentation = false
allow = ["10.0.0.0/8", "2001:db8::1"]
deny = ["10.9.0.0/16"]
[dns.tcp]
idle = "1m"
message = "500ms"
max = 5000
max_per_client = 100
[rrl]
responses_per_second = 50
slip = 2
exempt = ["10.0.0.0/8"]
dry_run = true
[cookies]
secret = "e5e973e5a6b2a43f48e7dc849e37bfcf"
previous = ["dd3bdf9344b678b185a6f5cb60fca715", "445536bcd2513298075a5d379663c962"]
[http]
listen = ""
insecure = true
observe = "0.0.0.0:9090"
hosts = ["livezone.example.com", "Other."]
max = 300
max_per_client = 30
check_networks = ["10.0.0.0/8"]
[health]
interval = "1s"
fast_interval = "100ms"
failures_before_critical = 2
success_before_passing = 1
immediate_status = [503]
first_round = "2s"
max_in_flight = 64
source = ["192.0.2.1", "2001:db8::1"]
script_checks = true
[consul]
zone = "Service.Example"
domain = "Consul"
datacenter = "fra-1"
node = "host-7"
node_address = "192.0.2.7"
[log]
format = "json"
level = "debug"
"#;

    #[test]
    fn each_key_is_read() {
        let config = good(EACH_KEY);
        assert_eq!(config.state_dir, PathBuf::from("/var/lib/livezone"));
        assert_eq!(config.shutdown_grace, Duration::from_secs(90));
        let permits = |text: &str| config.dns.access.permits(text.parse().unwrap());
        assert!(permits("2001:db8::1") && permits("10.8.0.1"));
        assert!(!permits("2001:db8::2") && !permits("10.9.0.1"));
        let rrl = &config.rrl;
        assert_eq!((rrl.responses_per_second, rrl.slip, rrl.dry_run), (50, 2, true));
        assert!(rrl.exempt.contains("10.1.2.3".parse().unwrap()));
        assert!(!rrl.exempt.contains("127.0.0.1".parse().unwrap()), "a list is the whole list");
        assert_eq!((config.dns.workers, config.dns.udp_max_size), (4, 1024));
        assert!(!config.dns.udp_segmentation && Config::default().dns.udp_segmentation);
        assert_eq!(config.cookies.secret.unwrap().0[..2], [0xe5, 0xe9]);
        assert_eq!(config.cookies.previous[1].0[..2], [0x44, 0x55]);
        let (idle, message) = (Duration::from_secs(60), Duration::from_millis(500));
        assert_eq!(config.dns.tcp, Tcp { idle, message, max: 5000, max_per_client: 100 });
        assert_eq!((config.http.listen, config.http.insecure), (None, true));
        assert_eq!(config.http.observe, Some("0.0.0.0:9090".parse().unwrap()));
        let hosts = ["livezone.example.com", "other"].map(|name| Name::parse(name).unwrap());
        assert_eq!(config.http.hosts, hosts);
        assert_eq!(config.http.connections, ConnectionLimits { max: 300, max_per_client: 30 });
        assert!(config.http.check_networks.contains("10.1.2.3".parse().unwrap()));
        let policy = &config.health.policy;
        assert_eq!(policy.timeout, Duration::from_secs(1), "lowered to the interval");
        assert_eq!((policy.failures_before_critical, policy.failures_before_warning), (2, 2));
        assert_eq!(policy.immediate_status, [503]);
        assert_eq!(config.health.source.len(), 2);
        let consul = &config.consul;
        assert_eq!(consul.zone, Name::parse("service.example").unwrap());
        assert_eq!(consul.domain, Some(Name::parse("consul").unwrap()));
        assert_eq!((&*consul.datacenter, &*consul.node), ("fra-1", "host-7"));
        assert_eq!(consul.node_address, Some("192.0.2.7".parse().unwrap()));
        assert_eq!(config.health.scripts, Scripts::Allowed);
        assert_eq!(config.log, Log { format: LogFormat::Json, level: LogLevel::Debug });
    }

    #[test]
    fn a_domain_of_consul_lies_apart_from_the_zone_that_it_shows() {
        for domain in [".", "web.service.internal", "internal", "a..b"] {
            let text = format!("[consul]\ndomain = \"{domain}\"\n");
            let (config, diagnostics) = parse(Path::new("a").into(), text.into());
            assert_eq!((config, diagnostics.len()), (None, 1), "{domain}");
        }
    }

    #[test]
    fn all_the_errors_of_a_file_are_told() {
        let text = "zone_dir = 1\n[dns]\nworkers = -1\nlisten = [\n[health]\ninterval = \"0s\"\n";
        let (config, diagnostics) = parse(Path::new("a").into(), text.into());
        assert_eq!(config, None);
        let lines: Vec<_> = diagnostics.iter().map(|d| d.line_column().unwrap().0).collect();
        for line in [1, 3, 6] {
            assert!(lines.contains(&line), "{diagnostics:#?}");
        }
    }
}
