//! One event in, its effects out: what follows from what, in order.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;

use crate::engine::event::{Effects, Event, Turn};
use crate::engine::settings::Settings;
use crate::engine::world::{News, World};
use crate::health::scheduler::CheckId;
use crate::model::health::Outcome;
use crate::model::service::ServiceKey;
use crate::model::time::Now;
use crate::registry::catalogue::backlog::Budget;
use crate::sources::Change;

/// What a service costs beside its instances.
const MERGE: usize = 10;

/// Applies `event`, and tells what follows from it. Costs in proportion to what the event touches;
/// of what sources and the configuration tell, a bounded part is done in each turn.
pub fn turn(world: &mut World, event: Event, now: Now) -> Effects {
    let mut turn = Turn::new(now);
    match event {
        Event::Loaded(changes) => {
            tell(world, changes);
            work(world, &mut Budget::of_start(), &mut turn);
            let ends = now.mono + world.settings.first_round;
            world.services.begin_first_round(ends, &world.checks);
        }
        Event::Changed(changes) => tell(world, changes),
        Event::Outcomes(outcomes) => hear(world, outcomes, &mut turn),
        Event::Timer => {}
        Event::Configured(settings) => configure(world, *settings, &mut turn),
    }
    work(world, &mut Budget::of_turn(), &mut turn);
    let World { settings, catalogue, services, checks, aliases, publisher, .. } = world;
    turn.effects.more = !catalogue.settle();
    aliases.settle(catalogue, services, checks, &mut turn);
    services.end_first_round(&mut turn);
    turn.effects.start = checks.start_due(now.mono);
    turn.effects.snapshot = publisher.publish(catalogue, services, &settings.rules, &turn);
    turn.effects.wake = [checks.wake(), services.wake()].into_iter().flatten().min();
    hold_back(world, &mut turn.effects);
    turn.effects
}

fn tell(world: &mut World, changes: Vec<Change>) {
    world.unsettled = true;
    world.catalogue.tell(changes);
}

/// Works off what was told, as far as the budget goes: takes changes in, and merges every service
/// that they touch.
fn work(world: &mut World, budget: &mut Budget, turn: &mut Turn) {
    let touched = world.catalogue.work(world.settings.scripts, budget);
    turn.zones.extend(touched.zones);
    turn.effects.complaints.extend(touched.complaints);
    while !budget.is_spent()
        && let Some(key) = world.catalogue.next_service()
    {
        budget.spend(MERGE + merge(world, &key, turn));
    }
}

/// Keeps complaints until all is worked off: a file of which much is wrong is told of once.
fn hold_back(world: &mut World, effects: &mut Effects) {
    effects.settled = mem::take(&mut world.unsettled) && !effects.more;
    if effects.more {
        world.unsettled = true;
        let News { complaints, dangling } = world.held_back.get_or_insert_default();
        complaints.extend(mem::take(&mut effects.complaints));
        dangling.extend(mem::take(&mut effects.dangling));
    } else if let Some(News { mut complaints, mut dangling }) = world.held_back.take() {
        complaints.extend(mem::take(&mut effects.complaints));
        dangling.extend(mem::take(&mut effects.dangling));
        (effects.complaints, effects.dangling) = (complaints.into_vec(), dangling.into_vec());
    }
}

/// Takes a new configuration in.
fn configure(world: &mut World, settings: Settings, turn: &mut Turn) {
    world.unsettled = true;
    world.checks.resize(settings.max_in_flight);
    let same_scripts = world.settings.scripts == settings.scripts;
    world.settings = settings;
    turn.rules_changed = true;
    if !same_scripts {
        let complaints = world.catalogue.set_script_policy(world.settings.scripts);
        turn.effects.complaints.extend(complaints);
    }
    world.catalogue.mark_all();
    world.checks.set_sources(world.settings.sources());
}

/// Merges one service from what its files say now; how many instances it had and has.
fn merge(world: &mut World, key: &ServiceKey, turn: &mut Turn) -> usize {
    let World { settings, catalogue, services, checks, aliases, publisher, .. } = world;
    let old = services.get(key).map(|state| Arc::clone(state.service()));
    let new = catalogue.merge(key, &settings.policy, &mut turn.effects.complaints);
    let size = [old.as_deref(), new.as_ref()].iter().flatten().map(|s| s.instances.len()).sum();
    if old.as_deref() == new.as_ref() {
        // Its zone may have gone and come back meanwhile.
        if new.is_some() && !publisher.has(key) {
            turn.dirty.insert(key.clone());
        }
        return size;
    }
    aliases.replace(old.as_deref(), new.as_ref(), services.in_zone(&key.zone));
    match new {
        Some(new) => services.put(Arc::new(new), settings.sources(), checks, turn),
        None => services.remove(key, checks, turn),
    }
    size
}

/// Takes in what checks found.
fn hear(world: &mut World, outcomes: Vec<(CheckId, Outcome)>, turn: &mut Turn) {
    let World { services, checks, .. } = world;
    let mut heard = BTreeSet::new();
    for (id, outcome) in outcomes {
        let Some((key, target)) = checks.outcome(id, &outcome, turn.now) else { continue };
        services.assess(&key, target, checks, turn);
        if services.waiting().contains(&*key) {
            heard.insert(key);
        }
    }
    // Once for all outcomes of a service: each look goes through its checks.
    for key in heard {
        services.hear(&key, checks, turn);
    }
}
