//! Every metric by name, in one place; each family is shown from the start.

mod classic;
pub mod connections;
pub mod dns;
pub mod limited;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::metrics::connections::{Closed, Connections};
use crate::metrics::dns::{DnsCells, Transport, WorkerCells};
use crate::model::check::Question;
use crate::model::health::{Condition, Finding};

/// A check's length: the default timeout is 2 s.
const CHECK_SECONDS: [f64; 11] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0];
/// Lateness of a start and the way from a verdict to being served: microseconds when all is well.
const SHORT_SECONDS: [f64; 11] =
    [0.000_01, 0.000_05, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0];

/// The two forms that a scraper may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposition {
    /// Prometheus' own text, version 0.0.4.
    Text,
    /// The `OpenMetrics` text, version 1.0.0.
    OpenMetrics,
}

impl Exposition {
    /// The `Content-Type` of this form.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

type Words<const N: usize> = [(&'static str, &'static str); N];

/// The handle that every stage counts with; clones count together.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    dns: Arc<DnsCells>,
    tcp: Connections,
    http: Connections,
    services: Gauge,
    instances: Family<Words<1>, Gauge>,
    checks: Family<Words<2>, Counter>,
    check_seconds: Family<Words<1>, Histogram, fn() -> Histogram>,
    /// Both of these by kind, found beforehand: thousands are counted a second.
    kinds: Vec<Kind>,
    check_lag: Histogram,
    transitions: Family<Words<1>, Counter>,
    generation: Gauge<u64, AtomicU64>,
    propagation: Histogram,
    source_errors: Family<[(&'static str, String); 1], Gauge>,
    log_dropped: Counter,
}

#[derive(Debug)]
struct Kind {
    word: &'static str,
    outcomes: Vec<(&'static str, Counter)>,
    seconds: Histogram,
}

impl Metrics {
    /// Every family at zero; `version` is the program's.
    pub fn new(version: &str) -> Self {
        let mut inner = Inner {
            registry: Registry::with_prefix("livezone"),
            dns: Arc::default(),
            tcp: Connections::with(Closed::DNS),
            http: Connections::with(Closed::HTTP),
            services: Gauge::default(),
            instances: Family::default(),
            checks: Family::default(),
            check_seconds: Family::new_with_constructor(|| Histogram::new(CHECK_SECONDS)),
            kinds: Vec::new(),
            check_lag: Histogram::new(SHORT_SECONDS),
            transitions: Family::default(),
            generation: Gauge::default(),
            propagation: Histogram::new(SHORT_SECONDS),
            source_errors: Family::default(),
            log_dropped: Counter::default(),
        };
        inner.start_at_zero();
        inner.register(version);
        Self(Arc::new(inner))
    }

    /// The cells of one DNS worker, which alone writes them.
    pub fn worker(&self, transport: Transport) -> Arc<WorkerCells> {
        self.0.dns.worker(transport)
    }

    pub fn log_dropped(&self) -> Counter {
        self.0.log_dropped.clone()
    }

    /// How often each UDP worker's loop has turned.
    pub fn beats(&self) -> Vec<u64> {
        self.0.dns.beats()
    }

    pub fn services(&self) -> i64 {
        self.0.services.get()
    }

    /// How many instances are in this condition.
    pub fn instances(&self, condition: Condition) -> i64 {
        self.0.instances.get_or_create(&[("state", condition.word())]).get()
    }

    /// How many instances there are, whatever their condition.
    pub fn all_instances(&self) -> i64 {
        Condition::ALL.into_iter().map(|condition| self.instances(condition)).sum()
    }

    pub fn tcp(&self) -> Connections {
        self.0.tcp.clone()
    }

    pub fn http(&self) -> Connections {
        self.0.http.clone()
    }

    pub fn set_services(&self, count: usize) {
        self.0.services.set(signed(count));
    }

    /// How many instances are in this condition.
    pub fn set_instances(&self, condition: Condition, count: usize) {
        self.0.instances.get_or_create(&[("state", condition.word())]).set(signed(count));
    }

    pub fn check_finished(&self, kind: &'static str, finding: Finding, took: Duration) {
        let Some(kind) = self.0.kinds.iter().find(|known| known.word == kind) else { return };
        kind.seconds.observe(took.as_secs_f64());
        if let Some((_, count)) = kind.outcomes.iter().find(|(word, _)| *word == finding.word()) {
            count.inc();
        }
    }

    /// A check was started `late` after it was due.
    pub fn check_started(&self, late: Duration) {
        self.0.check_lag.observe(late.as_secs_f64());
    }

    pub fn transition(&self, to: Condition) {
        self.0.transitions.get_or_create(&[("to", to.word())]).inc();
    }

    pub fn set_generation(&self, generation: u64) {
        self.0.generation.set(generation);
    }

    /// A verdict or a registration is served, `after` it was known.
    pub fn propagated(&self, after: Duration) {
        self.0.propagation.observe(after.as_secs_f64());
    }

    /// How many files of `source` are in error now.
    pub fn set_source_errors(&self, source: &str, count: usize) {
        let labels = [("source", source.to_owned())];
        self.0.source_errors.get_or_create(&labels).set(signed(count));
    }

    pub fn render(&self, exposition: Exposition) -> String {
        let mut out = String::new();
        // Writing to a `String` does not fail, and neither does anything registered here.
        let written = encode_registry(&mut out, &self.0.registry);
        debug_assert!(written.is_ok(), "a metric cannot be encoded");
        match exposition {
            Exposition::Text => classic::text(&out),
            Exposition::OpenMetrics => {
                let ended = encode_eof(&mut out);
                debug_assert!(ended.is_ok(), "the end cannot be encoded");
                out
            }
        }
    }
}

impl Inner {
    /// A family without samples is not shown: each gets those that are known beforehand.
    fn start_at_zero(&mut self) {
        for kind in Question::WORDS {
            let counter = |outcome| {
                let labels = [("kind", kind), ("outcome", outcome)];
                (outcome, self.checks.get_or_create_owned(&labels))
            };
            self.kinds.push(Kind {
                word: kind,
                outcomes: Finding::WORDS.map(counter).into(),
                seconds: self.check_seconds.get_or_create_owned(&[("kind", kind)]),
            });
        }
        for condition in Condition::ALL {
            drop(self.instances.get_or_create(&[("state", condition.word())]));
            drop(self.transitions.get_or_create(&[("to", condition.word())]));
        }
        drop(self.source_errors.get_or_create(&[("source", "files".to_owned())]));
    }

    fn register(&mut self, version: &str) {
        let to = &mut self.registry;
        to.register("services", "Registered services", self.services.clone());
        to.register("instances", "Instances by state", self.instances.clone());
        to.register("checks", "Check runs by kind and outcome", self.checks.clone());
        to.register("check_seconds", "Duration of check runs", self.check_seconds.clone());
        to.register(
            "check_lag_seconds",
            "Delay of check starts after their scheduled time",
            self.check_lag.clone(),
        );
        to.register("transitions", "Instance state changes by new state", self.transitions.clone());
        to.register(
            "snapshot_generation",
            "Generation of the snapshot being served",
            self.generation.clone(),
        );
        to.register(
            "propagation_seconds",
            "Time from a change of health or registration until it is served",
            self.propagation.clone(),
        );
        to.register(
            "source_errors",
            "Files with errors now, by source",
            self.source_errors.clone(),
        );
        to.register(
            "log_dropped",
            "Log lines lost because standard error was not read",
            self.log_dropped.clone(),
        );
        // A gauge, not an OpenMetrics info: the classic text has no such type.
        let build = Family::<[(&'static str, String); 1], Gauge>::default();
        build.get_or_create(&[("version", version.to_owned())]).set(1);
        to.register("build_info", "Version of livezone", build);
        to.register_collector(Box::new(Arc::clone(&self.dns)));
        self.tcp.register(to, ["dns_tcp_connections", "dns_tcp_closed"], "DNS");
        self.http.register(to, ["http_connections", "http_closed"], "HTTP");
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::dns::Dropped;
    use crate::metrics::limited::{Action, Class};
    use crate::model::dns::{Rcode, Rtype};

    /// The table of the contract: name, type, and the labels of a sample.
    const FAMILIES: [(&str, &str, &str); 21] = [
        ("dns_queries_total", "counter", "{transport=\"udp\",qtype=\"A\",rcode=\"NOERROR\"} 0"),
        ("dns_response_seconds", "histogram", "_bucket{le=\"+Inf\",transport=\"tcp\"} 0"),
        ("dns_dropped_total", "counter", "{reason=\"response\"} 0"),
        ("dns_path_total", "counter", "{path=\"fast\"} 0"),
        ("dns_limited_total", "counter", "{class=\"negative\",action=\"dry-run\"} 0"),
        ("dns_panics_total", "counter", " 0"),
        ("dns_tcp_connections", "gauge", " 0"),
        ("dns_tcp_closed_total", "counter", "{reason=\"limit\"} 0"),
        ("http_connections", "gauge", " 0"),
        ("http_closed_total", "counter", "{reason=\"requests\"} 0"),
        ("services", "gauge", " 0"),
        ("instances", "gauge", "{state=\"suspect\"} 0"),
        ("checks_total", "counter", "{kind=\"http\",outcome=\"critical\"} 0"),
        ("check_seconds", "histogram", "_count{kind=\"tcp\"} 0"),
        ("check_lag_seconds", "histogram", "_count 0"),
        ("transitions_total", "counter", "{to=\"recovering\"} 0"),
        ("snapshot_generation", "gauge", " 0"),
        ("propagation_seconds", "histogram", "_count 0"),
        ("source_errors", "gauge", "{source=\"files\"} 0"),
        ("log_dropped_total", "counter", " 0"),
        ("build_info", "gauge", "{version=\"1.2.3\"} 1"),
    ];

    #[test]
    fn every_family_is_present_from_the_start_in_both_forms() {
        let metrics = Metrics::new("1.2.3");
        let text = metrics.render(Exposition::Text);
        let open = metrics.render(Exposition::OpenMetrics);
        for (name, kind, sample) in FAMILIES {
            let sample = format!("\nlivezone_{name}{sample}\n");
            assert!(text.contains(&sample), "{sample} in {text}");
            assert!(open.contains(&sample), "{sample} in {open}");
            assert!(text.contains(&format!("# TYPE livezone_{name} {kind}\n")), "{name}: {text}");
            assert!(text.contains(&format!("# HELP livezone_{name} ")), "{name}: {text}");
            let family = name.trim_end_matches("_total");
            assert!(open.contains(&format!("# TYPE livezone_{family} {kind}\n")), "{name}");
        }
        assert_eq!(text.matches("# TYPE").count(), FAMILIES.len());
        assert!(open.ends_with("# EOF\n") && !text.contains("# EOF"));
    }

    #[test]
    fn what_is_counted_is_shown() {
        let metrics = Metrics::new("0");
        metrics.tcp().opened();
        metrics.tcp().opened();
        metrics.tcp().gone();
        metrics.tcp().closed(Closed::Idle);
        metrics.http().opened();
        metrics.http().closed(Closed::Requests);
        metrics.set_services(3);
        metrics.set_instances(Condition::Passing, 7);
        metrics.check_finished("tcp", Finding::Pass, Duration::from_millis(3));
        metrics.check_started(Duration::ZERO);
        metrics.transition(Condition::Critical);
        metrics.set_generation(12);
        metrics.propagated(Duration::from_micros(20));
        metrics.set_source_errors("files", 2);
        metrics.log_dropped().inc_by(4);
        let text = metrics.render(Exposition::Text);
        for sample in [
            "dns_tcp_connections 1",
            "dns_tcp_closed_total{reason=\"idle\"} 1",
            "http_connections 1",
            "http_closed_total{reason=\"requests\"} 1",
            "services 3",
            "instances{state=\"passing\"} 7",
            "checks_total{kind=\"tcp\",outcome=\"passing\"} 1",
            "check_seconds_bucket{le=\"0.0025\",kind=\"tcp\"} 0",
            "check_seconds_bucket{le=\"0.005\",kind=\"tcp\"} 1",
            "check_lag_seconds_count 1",
            "transitions_total{to=\"critical\"} 1",
            "snapshot_generation 12",
            "propagation_seconds_count 1",
            "source_errors{source=\"files\"} 2",
            "log_dropped_total 4",
        ] {
            assert!(text.contains(&format!("\nlivezone_{sample}\n")), "{sample} in {text}");
        }
    }

    #[test]
    fn workers_are_summed_by_transport() {
        let metrics = Metrics::new("0");
        let (one, two) = (metrics.worker(Transport::Udp), metrics.worker(Transport::Udp));
        let three = metrics.worker(Transport::Tcp);
        one.answered(Rtype::SRV, Rcode::NxDomain);
        two.answered(Rtype::SRV, Rcode::NxDomain);
        three.answered(Rtype(65280), Rcode::NoError);
        three.observe_all(Duration::from_micros(7), 3);
        one.observe(Duration::from_micros(40));
        two.observe(Duration::from_secs(9));
        two.dropped(Dropped::Source);
        one.limited(Class::Error, Action::Slipped);
        two.limited(Class::Error, Action::Slipped);
        two.panicked();
        three.panicked();
        let text = metrics.render(Exposition::Text);
        for sample in [
            "queries_total{transport=\"udp\",qtype=\"SRV\",rcode=\"NXDOMAIN\"} 2",
            "queries_total{transport=\"tcp\",qtype=\"other\",rcode=\"NOERROR\"} 1",
            "response_seconds_bucket{le=\"0.00005\",transport=\"udp\"} 1",
            "response_seconds_bucket{le=\"1.0\",transport=\"udp\"} 1",
            "response_seconds_bucket{le=\"+Inf\",transport=\"udp\"} 2",
            "response_seconds_bucket{le=\"0.000005\",transport=\"tcp\"} 0",
            "response_seconds_bucket{le=\"0.00001\",transport=\"tcp\"} 3",
            "response_seconds_sum{transport=\"tcp\"} 0.000021",
            "response_seconds_count{transport=\"udp\"} 2",
            "dropped_total{reason=\"source\"} 1",
            "limited_total{class=\"error\",action=\"slipped\"} 2",
            "panics_total 2",
        ] {
            assert!(text.contains(&format!("\nlivezone_dns_{sample}\n")), "{sample} in {text}");
        }
        assert!(!text.contains("qtype=\"AAAA\""));
    }
}
