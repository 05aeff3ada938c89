//! One event in, its effects out: what follows from what, in order.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::engine::event::{Effects, Event, Turn};
use crate::engine::settings::{Registering, Settings};
use crate::engine::world::World;
use crate::health::scheduler::CheckId;
use crate::model::agent::Written;
use crate::model::health::Outcome;
use crate::model::service::ServiceKey;
use crate::model::time::Now;
use crate::sources::Change;

/// Applies `event`, and tells what follows from it. Costs in proportion to what the event touches.
pub fn turn(world: &mut World, event: Event, now: Now) -> Effects {
    let mut turn = Turn::new(now);
    match event {
        Event::Loaded(changes) => {
            register(world, changes, &mut turn);
            let ends = now.mono + world.settings.first_round;
            world.services.begin_first_round(ends, &world.checks);
        }
        Event::Changed(changes) => register(world, changes, &mut turn),
        Event::Outcomes(outcomes) => hear(world, outcomes, &mut turn),
        Event::Writes(writes) => {
            let writes = writes.into_iter().map(|(ticket, write)| (Some(ticket), write));
            world.registrations.wait(writes);
        }
        Event::Stored(stored) => serve(world, stored, &mut turn),
        Event::Timer => {}
        Event::Configured(settings) => configure(world, *settings, &mut turn),
    }
    let World { settings, catalogue, services, checks, aliases, publisher, registrations } = world;
    let registering = &settings.registering;
    turn.effects.store = registrations.begin(registering, catalogue, &mut turn.answers);
    aliases.settle(catalogue, services, checks, &mut turn);
    services.end_first_round(&mut turn);
    turn.effects.start = checks.start_due(now.mono);
    turn.effects.snapshot = publisher.publish(catalogue, services, &settings.rules, &turn);
    let written = Written { generation: publisher.generation() };
    let answers =
        turn.answers.into_iter().map(|(ticket, judged)| (ticket, judged.map(|()| written)));
    turn.effects.answers = answers.collect();
    turn.effects.wake = [checks.wake(), services.wake()].into_iter().flatten().min();
    turn.effects
}

/// Takes changes in, and merges every service that they touch.
fn register(world: &mut World, changes: Vec<Change>, turn: &mut Turn) {
    let touched = world.catalogue.apply(changes, world.settings.scripts);
    turn.zones.extend(touched.zones);
    turn.effects.complaints.extend(touched.complaints);
    for key in touched.services {
        merge(world, &key, turn);
    }
}

/// Serves what has been stored, or forgets what could not be.
fn serve(world: &mut World, stored: Result<(), String>, turn: &mut Turn) {
    turn.registrations_changed = stored.is_ok();
    let registering = &world.settings.registering;
    let changes = world.registrations.end(stored, registering, &mut turn.answers);
    register(world, changes, turn);
}

/// Takes a new configuration in.
fn configure(world: &mut World, mut settings: Settings, turn: &mut Turn) {
    let Registering { zone, node, .. } = world.settings.registering.clone();
    settings.registering = Registering { zone, node, ..settings.registering };
    world.checks.resize(settings.max_in_flight);
    let same_scripts = world.settings.scripts == settings.scripts;
    world.settings = settings;
    turn.rules_changed = true;
    let mut keys: BTreeSet<_> = world.services.iter().map(|(key, _)| key.clone()).collect();
    if !same_scripts {
        let touched = world.catalogue.set_script_policy(world.settings.scripts);
        keys.extend(touched.services);
        turn.effects.complaints.extend(touched.complaints);
    }
    for key in keys {
        merge(world, &key, turn);
    }
    world.checks.set_sources(world.settings.sources());
}

/// Merges one service from what its files say now.
fn merge(world: &mut World, key: &ServiceKey, turn: &mut Turn) {
    let World { settings, catalogue, services, checks, aliases, .. } = world;
    let old = services.get(key).map(|state| Arc::clone(state.service()));
    let new = catalogue.merge(key, &settings.policy, &mut turn.effects.complaints);
    if old.as_deref() == new.as_ref() {
        return;
    }
    aliases.replace(old.as_deref(), new.as_ref(), services.in_zone(&key.zone));
    match new {
        Some(new) => services.put(Arc::new(new), settings.sources(), checks, turn),
        None => services.remove(key, checks, turn),
    }
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
