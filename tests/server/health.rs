//! Backends die, hang, fail and come back; the answers follow.

use std::time::Duration;

use hickory_proto::rr::RecordType;
use nix::sys::signal::Signal;

use crate::support::backend::Backend;
use crate::support::server::Server;
use crate::support::time::{SOON, Stopwatch, becomes, pause};

/// What scheduling may add on a machine with other work.
const SLACK: Duration = Duration::from_secs(3);
/// A check that has its verdict soon.
const QUICK: &str =
    "http = \"/\"\ninterval = \"500ms\"\ntimeout = \"300ms\"\nfast_interval = \"100ms\"\n";

/// A service `web` of these backends with one check.
fn web(backends: &[Backend], check: &str) -> String {
    let mut text = format!("[[service]]\nname = \"web\"\n[[service.check]]\n{check}");
    for (n, backend) in backends.iter().enumerate() {
        text += &backend.instance(&format!("web-{}", n + 1));
    }
    text
}

#[test]
fn a_killed_backend_leaves_within_the_default_settings_bound() {
    let mut backends = Backend::several(2);
    let server = Server::with("web.toml", &web(&backends, "http = \"/\"\n"));
    server.answers("web", &["127.0.0.2", "127.0.0.3"]);

    let watch = Stopwatch::start();
    backends[0].kill();
    // interval + 2 x fast_interval: a refused connection fails at once.
    let bound = Duration::from_millis(10_000 + 2 * 250);
    server.answers_within("web", &["127.0.0.3"], bound + SLACK);
    println!("gone from the answers after {:?}; promised {bound:?}", watch.elapsed());

    let watch = Stopwatch::start();
    backends[0].restart();
    server.answers_within("web", &["127.0.0.2", "127.0.0.3"], bound + SLACK);
    println!("back in the answers after {:?}", watch.elapsed());
}

#[test]
fn a_stopped_backend_leaves_after_its_timeouts_and_comes_back() {
    let backends = Backend::several(2);
    let server = Server::with("web.toml", &web(&backends, QUICK));
    server.answers("web", &["127.0.0.2", "127.0.0.3"]);
    backends[0].stop();
    server.answers("web", &["127.0.0.3"]);
    let report = server.get("/v1/livezone/services").json();
    let output = report["services"][0]["instances"][0]["checks"][0]["output"].to_string();
    assert!(output.contains("300ms"), "the timeout is named: {output}");
    backends[0].go_on();
    server.answers("web", &["127.0.0.2", "127.0.0.3"]);
}

#[test]
fn a_slow_backend_and_one_that_says_503_leave_until_they_are_well() {
    let mut backends = Backend::several(3);
    let server = Server::with("web.toml", &web(&backends, QUICK));
    server.answers("web", &["127.0.0.2", "127.0.0.3", "127.0.0.4"]);
    backends[0].answer_with(200, Duration::from_secs(2));
    backends[1].answer_with(503, Duration::ZERO);
    server.answers("web", &["127.0.0.4"]);
    let log = server.process.wait_for_log(&["web-2", "to=\"critical\""]);
    assert!(log.contains("503"), "{log}");
    backends[0].answer_with(200, Duration::ZERO);
    backends[1].answer_with(204, Duration::ZERO);
    server.answers("web", &["127.0.0.2", "127.0.0.3", "127.0.0.4"]);
}

/// The alias that a service is, if it is one.
fn alias(server: &Server, name: &str) -> Option<String> {
    let reply = server.ask(name, RecordType::AAAA);
    let [record] = &reply.answers[..] else { return None };
    (record.record_type() == RecordType::CNAME).then(|| record.data.to_string())
}

#[test]
fn an_external_instance_is_checked_where_its_name_leads() {
    let mut backend = Backend::start("127.0.0.1");
    let check = format!("[[service]]\nname = \"far\"\n[[service.check]]\n{QUICK}");
    let instance = backend.instance("far-1").replace("127.0.0.1", "localhost");
    let server = Server::with("far.toml", &(check + &instance));
    let becomes_alias = |wanted: Option<&str>| {
        let wanted = wanted.map(str::to_owned);
        becomes("the alias", SOON, &wanted, || alias(&server, "far"));
    };
    becomes_alias(Some("localhost."));
    let report = server.get("/v1/livezone/services").json();
    let shown = &report["services"][0]["instances"][0];
    assert_eq!(shown["addresses"], serde_json::json!(["localhost"]));
    assert!(shown["served"].as_bool().unwrap(), "{shown}");
    backend.kill();
    becomes_alias(None);
    backend.restart();
    becomes_alias(Some("localhost."));
}

#[test]
fn a_tcp_check_follows_the_port() {
    let mut backends = Backend::several(2);
    let check = QUICK.replace("http = \"/\"", "tcp = true");
    let server = Server::with("web.toml", &web(&backends, &check));
    server.answers("web", &["127.0.0.2", "127.0.0.3"]);
    // Whoever speaks no HTTP is as good.
    backends[1].answer_with(500, Duration::ZERO);
    backends[0].kill();
    server.answers("web", &["127.0.0.3"]);
    backends[0].restart();
    server.answers("web", &["127.0.0.2", "127.0.0.3"]);
}

#[test]
fn an_instance_without_check_stays_and_a_new_one_waits_for_its_first_outcome() {
    let mut backends = Backend::several(2);
    let free = "[[service]]\nname = \"free\"\n".to_owned() + &backends[0].instance("free-1");
    let server = Server::with("free.toml", &free);
    backends[0].kill();
    backends[1].kill();
    server.setup.put("web.toml", &web(&backends[1..], QUICK));
    server.process.wait_for_log(&["web-1", "to=\"critical\""]);
    assert_eq!(server.addresses("free").len(), 1);
    assert_eq!(server.addresses("web").len(), 0);
    backends[1].restart();
    server.answers("web", &["127.0.0.3"]);
}

#[test]
fn each_change_of_state_is_one_line_of_the_log_and_one_transition() {
    let mut backends = Backend::several(1);
    let server = Server::with("web.toml", &web(&backends, QUICK));
    server.answers("web", &["127.0.0.2"]);
    backends[0].kill();
    server.process.wait_for_log(&["health changed", "web-1", "to=\"critical\""]);
    backends[0].restart();
    server.process.wait_for_log(&["health changed", "from=\"recovering\"", "to=\"passing\""]);
    server.answers("web", &["127.0.0.2"]);

    let counted = || server.metric("livezone_transitions_total", &[]);
    let logged = || server.process.lines_with(&["health changed", "web-1"]).len();
    let wanted = [
        ("unknown", "passing"),
        ("passing", "suspect"),
        ("suspect", "critical"),
        ("critical", "recovering"),
        ("recovering", "passing"),
    ];
    let wanted: Vec<_> =
        wanted.iter().map(|(from, to)| format!("from=\"{from}\" to=\"{to}\"")).collect();
    let lines = server.process.lines_with(&["health changed"]);
    assert_eq!(lines.len(), wanted.len(), "{lines:#?}");
    for (line, wanted) in lines.iter().zip(&wanted) {
        assert!(line.contains(wanted) && line.contains("web-1"), "{line}: {wanted}");
    }
    becomes("lines and transitions", SOON, &true, || {
        let (counted, logged) = (counted(), logged());
        format!("{counted}") == logged.to_string()
    });
}

#[test]
fn a_server_that_was_stopped_itself_blames_nobody() {
    const CHECK: &str = "http = \"/\"\ninterval = \"1s\"\ntimeout = \"800ms\"\n";
    let mut backends = Backend::several(3);
    for backend in &mut backends {
        // Runs are in flight nearly half of the time.
        backend.answer_with(200, Duration::from_millis(400));
    }
    let server = Server::with("web.toml", &web(&backends, CHECK));
    server.answers("web", &["127.0.0.2", "127.0.0.3", "127.0.0.4"]);
    for _ in 0..2 {
        server.process.signal(Signal::SIGSTOP);
        // Longer than timeout and interval together: runs in flight and timers are all overdue.
        pause(Duration::from_secs(2));
        server.process.signal(Signal::SIGCONT);
        let ran = || server.metric("livezone_checks_total", &[]);
        let before = ran();
        becomes("checks run again", SOON, &true, || ran() > before + 6.5);
        assert_eq!(server.addresses("web").len(), 3);
    }
    let blamed = server.process.lines_with(&["health changed", "suspect"]);
    assert_eq!(blamed, Vec::<String>::new());
}
