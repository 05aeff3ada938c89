//! ConfigMaps as kubelet writes them under a running server, and the manifests that mount them.
#![expect(clippy::print_stdout, reason = "what they measured")]

mod asker;
mod kubelet;

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use crate::kubernetes::asker::{Answer, Watch, ask};
use crate::kubernetes::kubelet::{NewLinks, Volume};
use crate::support::server::{Server, TestServer, livezone};
use crate::support::time::{Stopwatch, becomes, pause};

/// A change is served this soon: ten times what is promised, for machines with other work.
const AT_ONCE: Duration = Duration::from_secs(1);
/// What vanishes is taken out a second later, unless it is back.
const GONE: Duration = Duration::from_secs(3);

/// Serves the volume as its only zone.
fn serve(new_links: NewLinks, keys: &[(&str, String)]) -> (Server, Volume) {
    let server = TestServer::new();
    let mut volume = Volume::mount(server.zone(), new_links);
    volume.write(keys);
    (server.start(), volume)
}

/// Waits until a service is answered so.
fn answers(server: &Server, service: &str, limit: Duration, wanted: &Answer) {
    becomes(service, limit, wanted, || ask(server.dns, service));
}

/// One service with one instance.
fn service(name: &str, last: u8) -> String {
    format!(
        "[[service]]\nname = \"{name}\"\nport = 80\n\
         [[service.instance]]\nid = \"{name}-1\"\naddress = \"192.0.2.{last}\"\n"
    )
}

/// Twenty versions of web beside a service that stays as it is.
fn versions_follow_each_other(new_links: NewLinks) {
    let keys = |version| [("web.toml", service("web", version)), ("api.toml", service("api", 99))];
    let (server, mut volume) = serve(new_links, &keys(1));
    let (web, api) = (Watch::start(server.dns, "web"), Watch::start(server.dns, "api"));
    let mut slowest = Duration::ZERO;
    for version in 2..=20 {
        volume.write(&keys(version));
        let watch = Stopwatch::start();
        answers(&server, "web", AT_ONCE, &Answer::of(version));
        slowest = slowest.max(watch.elapsed());
        // Past the second after which a file that vanished would be believed, now and then.
        pause(Duration::from_millis(if version % 5 == 0 { 1500 } else { 20 }));
    }
    let (answers, asked) = web.stop();
    // Never two, never none, none again: one address after the other. A busy machine may miss one.
    let seen = (1..=20).map(Answer::of).filter(|answer| answers.contains(answer));
    assert_eq!(answers, seen.collect::<Vec<_>>());
    assert_eq!(answers.last(), Some(&Answer::of(20)));
    assert_eq!(api.stop().0, [Answer::of(99)]);
    println!("{new_links:?}: 19 swaps, the slowest served after {slowest:?}; {asked} questions");
}

#[test]
fn a_swapped_config_map_is_served_at_once_and_nothing_is_lost_in_between() {
    versions_follow_each_other(NewLinks::AfterTheSwap);
}

#[test]
fn the_same_with_the_links_of_older_kubelets() {
    versions_follow_each_other(NewLinks::BeforeTheSwap);
}

#[test]
fn a_removed_key_leaves_and_an_added_one_appears_beside_what_stays() {
    for new_links in [NewLinks::BeforeTheSwap, NewLinks::AfterTheSwap] {
        let stays = ("web.toml", service("web", 1));
        let old = [stays.clone(), ("old.toml", service("old", 2))];
        let (server, mut volume) = serve(new_links, &old);
        assert_eq!(ask(server.dns, "old"), Answer::of(2));
        assert_eq!(ask(server.dns, "new"), Answer::none());
        let watch = Watch::start(server.dns, "web");
        volume.write(&[stays, ("new.toml", service("new", 3))]);
        answers(&server, "new", AT_ONCE, &Answer::of(3));
        answers(&server, "old", GONE, &Answer::none());
        assert_eq!(watch.stop().0, [Answer::of(1)], "{new_links:?}");
    }
}

#[test]
fn a_version_that_does_not_parse_keeps_what_was_said_before() {
    let (server, mut volume) = serve(NewLinks::AfterTheSwap, &[("web.toml", service("web", 1))]);
    let watch = Watch::start(server.dns, "web");
    volume.write(&[("web.toml", "[[service]\n".to_owned())]);
    pause(GONE / 2);
    volume.write(&[("web.toml", service("web", 2))]);
    answers(&server, "web", AT_ONCE, &Answer::of(2));
    assert_eq!(watch.stop().0, [Answer::of(1), Answer::of(2)]);
}

#[test]
fn what_the_manifest_mounts_is_well_written() {
    let manifest = include_str!("../../../deploy/kubernetes/livezone.yaml");
    let keys = block_scalars(manifest);
    assert_eq!(
        keys.keys().copied().collect::<Vec<_>>(),
        ["livezone.toml", "web.toml", "zone.toml"]
    );
    let folder = tempfile::tempdir().unwrap();
    let zone = folder.path().join("zones/service.internal");
    fs::create_dir_all(&zone).unwrap();
    // The container's folders are not here.
    let configuration = keys["livezone.toml"].replace("\"/state\"", "\"state\"");
    let configuration = configuration.replace("\"/zones\"", "\"zones\"");
    fs::write(folder.path().join("livezone.toml"), configuration).unwrap();
    for key in ["web.toml", "zone.toml"] {
        fs::write(zone.join(key), &keys[key]).unwrap();
    }
    let told = livezone().current_dir(folder.path()).arg("check").output().unwrap();
    let said = String::from_utf8(told.stdout).unwrap();
    assert_eq!(said, "1 zone, 1 service, 2 instances: all is well\n");
}

/// The texts of a manifest's `key: |` lines, as YAML takes them: up to the next line that is
/// indented less, without their indentation.
fn block_scalars(manifest: &str) -> BTreeMap<&str, String> {
    let mut found = BTreeMap::new();
    let mut key = None;
    for line in manifest.lines() {
        if let Some(start) = line.strip_prefix("  ").and_then(|line| line.strip_suffix(": |")) {
            key = Some(start);
        } else if let (Some(key), true) = (key, line.is_empty() || line.starts_with("    ")) {
            let text: &mut String = found.entry(key).or_default();
            text.push_str(line.get(4..).unwrap_or_default());
            text.push('\n');
        } else {
            key = None;
        }
    }
    found
}
