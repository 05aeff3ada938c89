//! Files come, change and go while the server runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use crate::support::server::{Server, TestServer};
use crate::support::time::{SOON, Stopwatch, becomes};

/// A service of one unchecked instance.
fn service(name: &str, address: &str) -> String {
    format!("[[service]]\nname = \"{name}\"\n[[service.instance]]\naddress = \"{address}\"\n")
}

fn is_unknown(server: &Server, name: &str) {
    becomes(&format!("no {name}"), SOON, &ResponseCode::NXDomain, || {
        server.ask(name, RecordType::A).metadata.response_code
    });
}

#[test]
fn a_file_comes_changes_and_goes() {
    let server = TestServer::new().start();
    is_unknown(&server, "web");
    let serial = server.serial();
    server.setup.put("web.toml", &service("web", "10.0.0.1"));
    server.answers("web", &["10.0.0.1"]);
    server.setup.put("web.toml", &service("web", "10.0.0.2"));
    server.answers("web", &["10.0.0.2"]);
    assert!(server.serial() > serial);
    // Not by rename: the file is complete when it is closed.
    fs::write(server.setup.zone().join("web.toml"), service("web", "10.0.0.3")).unwrap();
    server.answers("web", &["10.0.0.3"]);
    fs::remove_file(server.setup.zone().join("web.toml")).unwrap();
    is_unknown(&server, "web");
}

#[test]
fn a_broken_file_keeps_what_it_said_and_its_error_is_shown_everywhere() {
    let server = Server::with("web.toml", &service("web", "10.0.0.1"));
    server.setup.put("other.toml", &service("other", "10.0.0.9"));
    server.answers("other", &["10.0.0.9"]);

    let broken = service("web", "10.0.0.2") + "prot = 80\nweights = 3\n";
    server.setup.put("web.toml", &broken);
    server.process.wait_for_log(&["ERROR", "registration refused", "web.toml", "prot"]);
    // All the errors of a file, not the first only.
    server.process.wait_for_log(&["ERROR", "registration refused", "web.toml", "weights"]);
    assert_eq!(server.addresses("web"), crate::support::dns::ips(&["10.0.0.1"]));
    assert_eq!(server.addresses("other").len(), 1);
    let ready = server.get("/health/ready");
    assert_eq!(ready.status, 200);
    let errors = ready.json()["sources"][0]["errors"].clone();
    assert_eq!(errors.as_array().unwrap().len(), 2, "{errors}");
    assert!(errors[0].as_str().unwrap().contains("web.toml:5:1"), "{errors}");
    assert_eq!(server.get("/v1/livezone/services").json()["sources"][0]["errors"], errors);
    let in_error = || server.metric("livezone_source_errors", &["files"]).to_string();
    assert_eq!(in_error(), "1");
    let status = server.command(&["status"]);
    let shown = String::from_utf8(status.stdout).unwrap();
    assert!(shown.contains("web.toml:5:1"), "{shown}");

    server.setup.put("web.toml", &service("web", "10.0.0.3"));
    server.answers("web", &["10.0.0.3"]);
    becomes("no error left", SOON, &"0".to_owned(), in_error);
    let errors = server.get("/health/ready").json()["sources"][0]["errors"].clone();
    assert_eq!(errors, serde_json::json!([]));
}

#[test]
fn a_zones_folder_goes_and_comes_back() {
    let server = Server::with("web.toml", &service("web", "10.0.0.1"));
    let serial = server.serial();
    fs::remove_dir_all(server.setup.zone()).unwrap();
    becomes("the zone is gone", SOON, &ResponseCode::Refused, || {
        server.ask("web", RecordType::A).metadata.response_code
    });
    server.setup.put("web.toml", &service("web", "10.0.0.2"));
    server.answers("web", &["10.0.0.2"]);
    assert!(server.serial() > serial, "a serial never goes back");
    // And a zone of another name, beside it.
    let other = server.setup.path().join("zones/other.test/db.toml");
    crate::support::server::put(&other, &service("db", "10.0.0.7"));
    server.answers("db.other.test.", &["10.0.0.7"]);
}

#[test]
fn a_config_map_is_swapped() {
    let server = TestServer::new();
    let zone = server.zone();
    let version = |name: &str, address: &str| {
        fs::create_dir(zone.join(name)).unwrap();
        fs::write(zone.join(name).join("web.toml"), service("web", address)).unwrap();
    };
    let point_to = |name: &str| {
        symlink(name, zone.join("..data_tmp")).unwrap();
        fs::rename(zone.join("..data_tmp"), zone.join("..data")).unwrap();
    };
    version("..2026_01", "10.0.0.1");
    point_to("..2026_01");
    symlink("..data/web.toml", zone.join("web.toml")).unwrap();
    let server = server.start();
    server.answers("web", &["10.0.0.1"]);
    // The kubelet's order: the new folder, the swapped link, then the old folder goes.
    for (old, new, address) in
        [("..2026_01", "..2026_02", "10.0.0.2"), ("..2026_02", "..2026_03", "10.0.0.3")]
    {
        version(new, address);
        point_to(new);
        fs::remove_dir_all(zone.join(old)).unwrap();
        server.answers("web", &[address]);
    }
    assert_eq!(server.process.lines_with(&["ERROR"]), Vec::<String>::new());
}

#[test]
fn a_thousand_files_change_at_once() {
    const MANY: usize = 1_000;
    let server = TestServer::new().start();
    let name = |n: usize| format!("s{n}");
    for round in 0..2 {
        let address = |n: usize| format!("10.{round}.{}.{}", n / 200, n % 200 + 1);
        let watch = Stopwatch::start();
        for n in 0..MANY {
            server.setup.put(&format!("{}.toml", name(n)), &service(&name(n), &address(n)));
        }
        let written = watch.elapsed();
        for n in (0..MANY).rev() {
            server.answers(&name(n), &[&address(n)]);
        }
        let served = watch.elapsed();
        println!("{MANY} files: written after {written:?}, all served after {served:?}");
    }
    assert_eq!(server.process.lines_with(&["ERROR"]), Vec::<String>::new());
    fs::remove_dir_all(server.setup.zone()).unwrap();
    becomes("none", SOON, &"0".to_owned(), || server.metric("livezone_services", &[]).to_string());
}

#[test]
fn what_is_wrong_with_a_folder_that_appears_is_shown_everywhere() {
    let server = Server::with("web.toml", &service("web", "10.0.0.1"));
    let zones = server.setup.path().join("zones");
    let in_error = || server.metric("livezone_source_errors", &["files"]).to_string();
    fs::create_dir(zones.join("no_zone!")).unwrap();
    server.process.wait_for_log(&["registration refused", "no_zone!", "is not a zone"]);
    becomes("an error", SOON, &"1".to_owned(), in_error);
    let ready = server.get("/health/ready");
    assert_eq!(ready.status, 200);
    assert!(ready.json()["sources"][0]["errors"].to_string().contains("no_zone!"));
    let shown = String::from_utf8(server.command(&["status"]).stdout).unwrap();
    assert!(shown.contains("no_zone!"), "{shown}");
    fs::remove_dir(zones.join("no_zone!")).unwrap();
    becomes("no error left", SOON, &"0".to_owned(), in_error);
}

#[test]
fn files_that_are_none_hold_nothing_up() {
    let server = Server::with("web.toml", &service("web", "10.0.0.1"));
    let zone = server.setup.zone();
    let _socket = std::os::unix::net::UnixListener::bind(zone.join("socket.toml")).unwrap();
    nix::unistd::mkfifo(&zone.join("fifo.toml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    symlink("/dev/zero", zone.join("zero.toml")).unwrap();
    symlink("circle.toml", zone.join("circle.toml")).unwrap();
    symlink("/proc/self/mem", zone.join("closed.toml")).unwrap();
    fs::write(zone.join("latin.toml"), b"# caf\xe9\n").unwrap();
    let large = fs::File::create(zone.join("large.toml")).unwrap();
    large.set_len(64 * 1024 * 1024 + 1).unwrap();
    drop(large);
    for name in ["circle.toml", "closed.toml", "latin.toml", "large.toml"] {
        server.process.wait_for_log(&["registration refused", name]);
    }
    server.setup.put("web.toml", &service("web", "10.0.0.2"));
    server.answers("web", &["10.0.0.2"]);
    let errors = server.get("/health/ready").json()["sources"][0]["errors"].clone();
    assert_eq!(errors.as_array().unwrap().len(), 4, "{errors}");
}

#[test]
fn a_complete_file_is_served_soon() {
    /// Ten times what is promised of a machine that has nothing else to do.
    const BOUND: Duration = Duration::from_secs(1);
    let server = Server::with("web.toml", &service("web", "10.0.0.1"));
    let mut took: Vec<Duration> = (2..22)
        .map(|n| {
            let address = format!("10.0.0.{n}");
            let text = service("web", &address);
            let watch = Stopwatch::start();
            server.setup.put("web.toml", &text);
            server.answers("web", &[&address]);
            watch.elapsed()
        })
        .collect();
    took.sort();
    let (median, longest) = (took[took.len() / 2], took[took.len() - 1]);
    println!("a changed file was served after {median:?} (median), {longest:?} (longest)");
    assert!(median < BOUND, "{took:?}");
}

#[test]
fn a_zone_whose_settings_never_parsed_is_not_answered_with_defaults() {
    let server = TestServer::with("web.toml", &service("web", "10.0.0.1"));
    server.put("zone.toml", "tttl = \"5s\"\n");
    let server = server.start();
    let reply = server.ask("web", RecordType::A);
    assert_eq!(reply.metadata.response_code, ResponseCode::ServFail);
    assert_eq!(crate::support::dns::extended_error(&reply).unwrap().0, 14);
    server.setup.put("zone.toml", "ttl = \"7s\"\n");
    server.answers("web", &["10.0.0.1"]);
    assert_eq!(server.ask("web", RecordType::A).answers[0].ttl, 7);
    // Once it has parsed, a mistake keeps what it said.
    server.setup.put("zone.toml", "ttl = 7\n");
    server.process.wait_for_log(&["registration refused", "zone.toml:1:7"]);
    assert_eq!(server.ask("web", RecordType::A).answers[0].ttl, 7);
}

#[test]
fn what_is_no_registration_is_left_alone() {
    let server = TestServer::with("web.toml", &service("web", "10.0.0.1"));
    server.put(".hidden.toml", "broken");
    server.put("notes.txt", "broken");
    server.put("web.toml~", "broken");
    fs::create_dir(server.zone().join("folder.toml")).unwrap();
    symlink(Path::new("nowhere"), server.zone().join("dangling.toml")).unwrap();
    let server = server.start();
    server.answers("web", &["10.0.0.1"]);
    assert_eq!(server.get("/health/ready").status, 200);
    assert_eq!(server.process.lines_with(&["ERROR"]), Vec::<String>::new());
}

#[test]
fn the_zones_folder_may_be_a_link_that_is_swapped() {
    let server = TestServer::new();
    let zones = server.path().join("zones");
    fs::remove_dir_all(&zones).unwrap();
    let version = |name: &str, address: &str| {
        let file = server.path().join(name).join("service.internal/web.toml");
        crate::support::server::put(&file, &service("web", address));
    };
    version("one", "10.0.0.1");
    symlink("one", &zones).unwrap();
    version("two", "10.0.0.2");
    symlink("two", server.path().join("next")).unwrap();
    let server = server.start();
    server.answers("web", &["10.0.0.1"]);
    fs::rename(server.setup.path().join("next"), &zones).unwrap();
    server.answers("web", &["10.0.0.2"]);
    // When it cannot be read at all, the last set stays.
    fs::remove_file(&zones).unwrap();
    server.process.wait_for_log(&["cannot read the zones directory"]);
    assert_eq!(server.addresses("web").len(), 1);
}

/// As git-sync does it: a link to a folder of each version, renamed over; the version before is removed
/// at once.
#[test]
fn a_linked_zone_folder_is_served_soon_after_its_swap_and_loses_no_answer() {
    /// Ten times what is promised of a machine that has nothing else to do.
    const BOUND: Duration = Duration::from_secs(1);
    let server = TestServer::new();
    let version = |n: usize| {
        let folder = server.path().join(format!("rev{n}"));
        let text = service("web", &format!("10.0.0.{n}")) + &service("same", "10.0.1.1");
        crate::support::server::put(&folder.join("services.toml"), &text);
    };
    (1..22).for_each(version);
    fs::remove_dir(server.zone()).unwrap();
    symlink("../rev1", server.zone()).unwrap();
    let server = server.start();
    server.answers("web", &["10.0.0.1"]);
    let same = crate::support::dns::ips(&["10.0.1.1"]);
    let next = server.setup.path().join("next");
    let swap = |n: usize| {
        symlink(format!("../rev{n}"), &next).unwrap();
        let watch = Stopwatch::start();
        fs::rename(&next, server.setup.zone()).unwrap();
        fs::remove_dir_all(server.setup.path().join(format!("rev{}", n - 1))).unwrap();
        let new = crate::support::dns::ips(&[&format!("10.0.0.{n}")]);
        becomes("the new tree is served", SOON, &new, || {
            assert_eq!(server.addresses("same"), same);
            server.addresses("web")
        });
        watch.elapsed()
    };
    let mut took: Vec<Duration> = (2..22).map(swap).collect();
    took.sort();
    let (median, longest) = (took[took.len() / 2], took[took.len() - 1]);
    println!("a swapped folder was served after {median:?} (median), {longest:?} (longest)");
    assert!(median < BOUND, "{took:?}");
    assert_eq!(server.process.lines_with(&["ERROR"]), Vec::<String>::new());
}

#[test]
fn one_id_in_two_files_is_an_error_at_the_loser_alone() {
    let id = |address: &str| service("web", address) + "id = \"web-1\"\n";
    let server = TestServer::with("a.toml", &id("10.0.0.1"));
    server.put("b.toml", &(id("10.0.0.2") + &service("db", "10.0.0.3")));
    let server = server.start();
    server.answers("web", &["10.0.0.1"]);
    server.answers("db", &["10.0.0.3"]);
    let errors = server.get("/health/ready").json()["sources"][0]["errors"].to_string();
    assert!(errors.contains("b.toml") && errors.contains("web-1"), "{errors}");
    fs::remove_file(server.setup.zone().join("a.toml")).unwrap();
    server.answers("web", &["10.0.0.2"]);
    becomes("no error left", SOON, &"0".to_owned(), || {
        server.metric("livezone_source_errors", &["files"]).to_string()
    });
}

/// A definition with an alias, in the form of Consul's files.
const FOLLOWS: &str = r#"{ "service": { "name": "proxy", "address": "10.0.0.7",
    "check": { "alias_service": "db-1" } } }"#;

#[test]
fn an_alias_of_nobody_is_a_warning_everywhere_until_somebody_has_the_id() {
    let server = Server::with("web.toml", &service("web", "10.0.0.1"));
    let warnings = |path: &str| server.get(path).json()["sources"][0]["warnings"].clone();
    let has_warnings = || warnings("/health/ready") != serde_json::json!([]);
    server.setup.put("proxy.json", FOLLOWS);
    let words = ["WARN", "registration accepted with warnings", "proxy.json:2:33", "db-1"];
    server.process.wait_for_log(&words);
    becomes("it is told", SOON, &true, has_warnings);
    assert_eq!(warnings("/v1/livezone/services"), warnings("/health/ready"));
    assert!(warnings("/health/ready").to_string().contains("proxy.json:2:33"));
    let status = server.command(&["status"]);
    let shown = String::from_utf8(status.stdout).unwrap();
    assert!(shown.contains("warnings in files:\n") && shown.contains("proxy.json:2:33"), "{shown}");
    assert_eq!(server.addresses("proxy").len(), 0);

    let db = service("db", "10.0.0.8")
        .replace("[[service.instance]]", "[[service.instance]]\nid = \"db-1\"");
    server.setup.put("db.toml", &db);
    server.answers("proxy", &["10.0.0.7"]);
    becomes("it is told no more", SOON, &false, has_warnings);
    fs::remove_file(server.setup.zone().join("db.toml")).unwrap();
    becomes("it is told again", SOON, &true, has_warnings);
}

#[test]
fn of_a_file_with_very_many_errors_few_are_logged_and_shown() {
    let server = Server::with("web.toml", &service("web", "10.0.0.1"));
    let tags = "1, ".repeat(100_000);
    server.setup.put("web.toml", &(service("web", "10.0.0.2") + &format!("tags = [{tags}]\n")));
    let words = ["ERROR", "registration refused", "web.toml", "99,980 more errors in this file"];
    server.process.wait_for_log(&words);
    let ready = server.get("/health/ready");
    let errors = ready.json()["sources"][0]["errors"].clone();
    assert_eq!(errors.as_array().unwrap().len(), 21);
    assert!(errors[20].as_str().unwrap().ends_with("99,980 more errors in this file"), "{errors}");
    assert!(ready.body.len() < 10_000, "{} octets", ready.body.len());
    server.answers("web", &["10.0.0.1"]);
}
