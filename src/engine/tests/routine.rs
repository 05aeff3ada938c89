//! Outcomes that may wait for others, seen through `turn`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::config::Config;
use crate::engine::board::Board;
use crate::engine::event::{Effects, Event};
use crate::engine::settings::Settings;
use crate::engine::turn::turn;
use crate::engine::world::World;
use crate::health::scheduler::CheckId;
use crate::model::check::{Policy, Scripts};
use crate::model::health::{Finding, Outcome};
use crate::model::name::Name;
use crate::model::origin::{EntryId, Origin};
use crate::model::time::Now;
use crate::model::zone::ZoneSettings;
use crate::snapshot::{Rules, Snapshot};
use crate::sources::native;
use crate::sources::{Change, Content, Put};

const TEXT: &str = "[[service]]\nname = 'web'\ncheck = [{ http = '/' }]\nport = 80\n\
    instance = [{ address = '10.0.0.1' }]\n";

/// A world with one check, which runs for the first time.
fn world() -> (World, CheckId) {
    let settings = Settings {
        policy: Policy::default(),
        first_round: Duration::from_secs(5),
        max_in_flight: 100,
        source: Vec::new(),
        scripts: Scripts::Refused,
        ..Settings::of(&Config::default())
    };
    let zone = Name::parse("z.internal").unwrap();
    let path: Arc<Path> = Path::new("web.toml").into();
    let (document, diagnostics) = native::parse(Arc::clone(&path), TEXT.into());
    let content = Content::Services(Arc::new(document.unwrap()));
    let file = Put { id: EntryId::of_file(&path), zone: zone.clone(), content, diagnostics };
    let loaded = vec![Change::Zone(Origin::Files, ZoneSettings::new(zone)), Change::Put(file)];
    let mut world = World::new(settings, 1, 0);
    let effects = turn(&mut world, Event::Loaded(loaded), Now::default());
    (world, effects.start[0].id)
}

fn at(seconds: u64) -> Now {
    Now::default().after(Duration::from_secs(seconds))
}

/// The check is run at `seconds` and finds this: whether that was routine, and what came of it.
fn find(world: &mut World, id: CheckId, seconds: u64, finding: Finding) -> (bool, Effects) {
    turn(world, Event::Timer, at(seconds));
    assert_eq!(world.running(), 1, "the check is due");
    let outcome = Outcome::new(finding, format!("at {seconds}"));
    let routine = world.is_routine(id, &outcome);
    (routine, turn(world, Event::Outcomes(vec![(id, outcome)]), at(seconds)))
}

#[test]
fn the_success_of_a_check_that_passes_is_routine_and_nothing_else_is() {
    use Finding::{Fail, FailAtOnce, Nothing, Pass, Warn};
    let (mut world, id) = world();
    for (n, (finding, routine)) in [
        (Pass, false),
        (Pass, true),
        (Warn, false),
        (Pass, false),
        (Nothing, false),
        (Pass, true),
        (Fail, false),
        (Pass, false),
        (FailAtOnce, false),
        (Pass, false),
        (Pass, false),
        (Pass, true),
    ]
    .into_iter()
    .enumerate()
    {
        let seconds = u64::try_from(n).unwrap() * 20;
        assert_eq!(find(&mut world, id, seconds, finding).0, routine, "{n}");
    }
    let unknown = CheckId(99);
    assert!(!world.is_routine(unknown, &Outcome::new(Pass, "of nobody")));
}

#[test]
fn a_routine_outcome_is_told_of_and_changes_nothing_but_the_next_start() {
    let (mut world, id) = world();
    find(&mut world, id, 0, Finding::Pass);
    let (routine, effects) = find(&mut world, id, 20, Finding::Pass);
    assert!(routine && effects.snapshot.is_none() && effects.transitions.is_empty());
    // It was up to an interval late, and comes to its place again.
    let wake = effects.wake.unwrap();
    assert!(wake >= at(25).mono && wake < at(35).mono, "{wake:?}");
    assert_eq!(world.running(), 0);
    assert_eq!(world.report().services[0].instances[0].checks[0].output, "at 20");
}

#[test]
fn what_a_check_says_again_makes_nothing_new_for_readers() {
    let (mut world, id) = world();
    let current = Arc::new(ArcSwap::from_pointee(Snapshot::empty(Rules::default())));
    let board = Board::new(current, 1);
    let mut seen = Vec::new();
    let says = ["well", "well", "well", "better", "better"];
    for (reason, seconds) in says.into_iter().zip((0..).step_by(20)) {
        turn(&mut world, Event::Timer, at(seconds));
        let outcome = Outcome::new(Finding::Pass, reason);
        turn(&mut world, Event::Outcomes(vec![(id, outcome)]), at(seconds));
        board.turned(&world, at(seconds).mono);
        seen.push((board.version(), world.report().services[0].instances[0].checks[0].clone()));
    }
    let (versions, checks): (Vec<_>, Vec<_>) = seen.into_iter().unzip();
    let same: Vec<_> = versions.windows(2).map(|pair| pair[0] == pair[1]).collect();
    assert_eq!(same, [true, true, false, true]);
    let outputs: Vec<_> = checks.iter().map(|check| &*check.output).collect();
    assert_eq!(outputs, says);
    assert_eq!(board.silence(at(83).mono), Duration::from_secs(3));
}
