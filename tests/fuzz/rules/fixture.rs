//! The zones that packets are answered from: every kind of name there is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use livezone::config::{Config, livezone_toml, zone_toml};
use livezone::engine::event::{Event, Start};
use livezone::engine::settings::Settings;
use livezone::engine::turn::turn;
use livezone::engine::world::World;
use livezone::model::check::Question;
use livezone::model::health::{Finding, Outcome};
use livezone::model::name::Name;
use livezone::model::origin::{EntryId, Origin};
use livezone::model::time::Now;
use livezone::snapshot::Snapshot;
use livezone::sources::files::kind::Kind;
use livezone::sources::files::master::Includes;
use livezone::sources::files::parse::{Context, Host, parse};
use livezone::sources::{Change, Content, Put};

use super::cookies::{PREVIOUS, SECRET};
use super::how::{DENIED, EXEMPT};

/// What livezone.toml says beside cookies and networks: of limits, and of sizes.
pub(super) const SETTINGS: [(Limits, u16); 4] =
    [(Limits::None, 1232), (Limits::DryRun, 512), (Limits::Slip, 4096), (Limits::Drop, 1232)];

/// What becomes of a second answer to the same client at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limits {
    /// It is sent.
    None,
    /// It is sent, and counted.
    DryRun,
    /// It is made empty, with TC.
    Slip,
    /// It is not sent.
    Drop,
}

/// Names that are registered: none of them is ever NXDOMAIN.
pub(super) const REGISTERED: [&str; 9] =
    ["web", "gone", "kept", "external", "outside", "few", "empty", "many", "v1.web"];

/// Zone, file and text.
const FILES: [(&str, &str, &str); 14] = [
    ("service.internal", "services.toml", include_str!("fixture/services.toml")),
    ("service.internal", "hosts.zone", include_str!("fixture/hosts.zone")),
    ("a.test", "a.zone", include_str!("../../files/master/cases/aliases/zones/a.test/a.zone")),
    ("b.test", "a.zone", include_str!("../../files/master/cases/aliases/zones/b.test/a.zone")),
    (
        "del.test",
        "a.zone",
        include_str!("../../files/master/cases/delegations/zones/a.test/a.zone"),
    ),
    ("served.del.test", "zone.toml", "static_addresses = { www = [\"192.0.2.9\"] }"),
    ("far.below.del.test", "zone.toml", "nameservers = [\"ns.example.\"]"),
    (
        "example",
        "rfc4592.zone",
        include_str!("../../files/master/cases/rfc4592/zones/example/example.zone"),
    ),
    (
        "svc.test",
        "zone.toml",
        include_str!("../../files/master/cases/services/zones/a.test/zone.toml"),
    ),
    (
        "svc.test",
        "web.toml",
        include_str!("../../files/master/cases/services/zones/a.test/web.toml"),
    ),
    ("svc.test", "a.zone", include_str!("../../files/master/cases/services/zones/a.test/a.zone")),
    ("svc.test", MORE, include_str!("../../files/master/cases/services/zones/a.test/more.inc")),
    ("broken.test", "zone.toml", "ttl = "),
    ("sub.service.internal", "empty.toml", ""),
];
const MORE: &str = "more.inc";

/// More turns than this at a standstill are a loop.
const MOST_TURNS: usize = 1000;

/// Everything registered, every check run at least twice, under each of [`SETTINGS`].
pub(super) fn snapshots() -> [Arc<Snapshot>; 4] {
    let changes = changes();
    SETTINGS.map(|(limits, size)| {
        let (rate, slip) = match limits {
            Limits::None => (0, 0),
            Limits::DryRun => (1, 0),
            Limits::Slip => (1, 1),
            Limits::Drop => (1, 0),
        };
        let dry_run = limits == Limits::DryRun;
        let text = format!(
            "[dns]\nudp_max_size = {size}\ndeny = [{DENIED:?}]\n[rrl]\nresponses_per_second = {rate}\nslip = {slip}\nexempt = [{EXEMPT:?}]\ndry_run = {dry_run}\n[cookies]\nsecret = {SECRET:?}\nprevious = {PREVIOUS:?}\n"
        );
        let (config, said) = livezone_toml::parse(Path::new("livezone.toml").into(), text.into());
        let config = config.unwrap_or_else(|| panic!("{said:#?}"));
        run(changes.clone(), Duration::from_secs(30), &config)
    })
}

fn changes() -> Vec<Change> {
    let more = FILES.iter().find(|(_, file, _)| *file == MORE).unwrap().2;
    let includes = BTreeMap::from([(MORE.to_owned(), Ok(Arc::from(more)))]);
    let apexes: BTreeSet<&str> = FILES.iter().map(|(zone, ..)| *zone).collect();
    let mut changes: Vec<Change> = apexes.into_iter().map(appeared).collect();
    for (zone, file, text) in FILES {
        changes.extend(change(zone, file, text, &includes).map(Change::Put));
    }
    changes.extend(change("service.internal", "many.toml", &many(), &includes).map(Change::Put));
    let refused = |change: &&Change| matches!(change, Change::Put(file) if file.content == Content::RefusedSettings);
    let refused: Vec<_> = changes.iter().filter(refused).collect();
    assert_eq!(refused.len(), 1, "only broken.test is: {refused:#?}");
    changes
}

/// What follows from changes after a time.
pub(super) fn run(changes: Vec<Change>, time: Duration, config: &Config) -> Arc<Snapshot> {
    let settings = Settings::of(config);
    let mut world = World::new(settings.clone(), 1, 1);
    let mut snapshot = Arc::new(Snapshot::empty(settings.rules));
    let mut now = Now::default();
    let end = now.after(time).mono;
    let mut effects = turn(&mut world, Event::Loaded(changes), now);
    for _ in 0..MOST_TURNS {
        snapshot = effects.snapshot.take().unwrap_or(snapshot);
        if !effects.start.is_empty() {
            let outcomes = effects.start.iter().map(|start| (start.id, outcome(start, now)));
            effects = turn(&mut world, Event::Outcomes(outcomes.collect()), now);
            continue;
        }
        let Some(wake) = effects.wake.filter(|wake| *wake <= end) else { break };
        now = now.after(wake.since(now.mono));
        effects = turn(&mut world, Event::Timer, now);
    }
    snapshot
}

pub(super) fn appeared(apex: &str) -> Change {
    let name_server = IpAddr::from([127, 0, 0, 1]);
    Change::Zone(Origin::Files, zone_toml::defaults(&Name::parse(apex).unwrap(), &[name_server]))
}

/// `None` for a file that is there to be included.
pub(super) fn change(zone: &str, file: &str, text: &str, includes: &Includes) -> Option<Put> {
    let kind = Kind::of(file.as_ref()).filter(|kind| *kind != Kind::Included)?;
    let node = IpAddr::from([192, 0, 2, 1]);
    let host = Host { ns_addresses: vec![IpAddr::from([127, 0, 0, 1])], node: Some(node) };
    let zone = Name::parse(zone).unwrap();
    let path: Arc<Path> = Path::new(file).into();
    let context = Context { apex: &zone, host: &host, includes };
    let (content, diagnostics) = parse(kind, (Arc::clone(&path), text.into()), context);
    Some(Put { id: EntryId::of_file(&path), zone, content, diagnostics })
}

/// Far more addresses and texts than a datagram holds.
fn many() -> String {
    let mut text = "[[service]]\nname = \"many\"\nport = 80\n[service.meta]\n".to_owned();
    for number in 0..40 {
        writeln!(text, "key{number} = \"{}\"", "v".repeat(number * 3)).unwrap();
    }
    for number in 0..90 {
        let address = format!("[\"10.0.4.{number}\", \"fd00::4:{number}\"]");
        writeln!(text, "[[service.instance]]\nid = \"i{number}\"\naddress = {address}").unwrap();
    }
    text
}

/// By the port: 82 warns, 83 fails, 84 fails for a moment after ten seconds, all others pass.
fn outcome(start: &Start, now: Now) -> Outcome {
    let port = match &start.probe.question {
        Question::Network(_, target) => target.authority(),
        Question::Script(..) => String::new(),
    };
    let later = now.mono.0 > Duration::from_secs(29);
    match port.rsplit(':').next() {
        Some("82") => Outcome::new(Finding::Warn, "drawn"),
        Some("83") => Outcome::new(Finding::Fail, "connection refused"),
        Some("84") if later => Outcome::new(Finding::Fail, "timed out"),
        _ => Outcome::new(Finding::Pass, "passed"),
    }
}
