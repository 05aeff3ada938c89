//! One event in, its effects out: what follows from what, in order.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::engine::event::{Effects, Event, Ticket, Transition, Turn};
use crate::engine::orders;
use crate::engine::orders::find::Finder;
use crate::engine::settings::{Registering, Settings};
use crate::engine::world::World;
use crate::health::scheduler::CheckId;
use crate::model::agent::{Refusal, Write, Written};
use crate::model::health::{Condition, Finding, Outcome};
use crate::model::service::{InstanceId, ServiceKey};
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
            world.checks.end_restoring();
            for key in world.orders.services() {
                let service = world.services.get(&key).map(|state| &**state.service());
                world.orders.see(&key, service, now);
            }
        }
        Event::Changed(changes) => register(world, changes, &mut turn),
        Event::Outcomes(outcomes) => hear(world, outcomes, &mut turn),
        Event::Writes(writes) => take(world, writes, &mut turn),
        Event::Stored(stored) => serve(world, stored, &mut turn),
        Event::Ordered(kept) => {
            let news = world.orders.end(kept, now, &mut turn.answers);
            obey(world, news, &mut turn);
        }
        Event::Saved(is_kept) => world.checks.end_saving(is_kept),
        Event::Timer => {}
        Event::Configured(settings) => configure(world, *settings, &mut turn),
    }
    expire(world, &mut turn);
    let World { settings, catalogue, services, checks, aliases, publisher, registrations, orders } =
        world;
    aliases.settle(catalogue, services, checks, &mut turn);
    services.end_first_round(&mut turn);
    registrations.deregister(removed(&turn.effects.transitions), catalogue);
    let registering = &settings.registering;
    let is_over = |(key, id): &_| services.condition(key, id).is_some_and(Condition::is_over);
    turn.effects.keep.now = registrations.begin(registering, catalogue, is_over, &mut turn.answers);
    let finder = Finder { services, agent: registrations.view(), zone: &registering.zone.apex };
    turn.effects.keep.orders = orders.begin(&finder, now, &mut turn.answers);
    turn.effects.keep.soon = checks.save(now.mono);
    turn.effects.start = checks.start_due(now.mono);
    turn.effects.snapshot = publisher.publish(catalogue, services, &settings.rules, &turn);
    let written = Written { generation: publisher.generation() };
    let answers =
        turn.answers.into_iter().map(|(ticket, judged)| (ticket, judged.map(|()| written)));
    turn.effects.answers = answers.collect();
    turn.effects.wake = [checks.wake(), services.wake(), orders.wake()].into_iter().flatten().min();
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

/// Takes writes in: heartbeats count at once, the others wait for the store.
fn take(world: &mut World, writes: Vec<(Ticket, Write)>, turn: &mut Turn) {
    let World { services, checks, registrations, orders, .. } = world;
    for (ticket, write) in writes {
        let (check, verdict, output) = match write {
            Write::Beat { check, verdict, output } => (check, verdict, output),
            Write::Order(_) | Write::Maintenance { .. } => {
                orders.wait(ticket, write);
                continue;
            }
            Write::Register { .. }
            | Write::Deregister(_)
            | Write::RegisterCheck(_)
            | Write::DeregisterCheck(_) => {
                registrations.wait(ticket, write);
                continue;
            }
        };
        let meant = checks.told(&check).to_vec();
        let is_of_node = registrations.view().checks.get(&check).is_some();
        let judged = match meant.len() {
            0 => Err(Refusal::NoTtl(check.to_string())),
            2.. if !is_of_node => Err(Refusal::Invalid(format!(
                "several instances have a check {check:?}: write \"service:\" and the id of one"
            ))),
            _ => Ok(()),
        };
        // A check of the node is one of each instance.
        for id in meant.into_iter().filter(|_| judged.is_ok()) {
            let outcome = Outcome::new(Finding::of(verdict), Arc::clone(&output));
            if let Some((key, subject)) = checks.hear(id, &outcome, turn.now) {
                services.reassess(&key, subject, checks, turn);
            }
        }
        turn.answers.push((ticket, judged));
    }
}

/// What follows from time alone.
fn expire(world: &mut World, turn: &mut Turn) {
    let World { services, checks, .. } = world;
    for (key, subject) in checks.expire(turn.now) {
        services.reassess(&key, subject, checks, turn);
    }
    let (news, drained) = world.orders.expire(turn.now);
    let drained = drained.iter().map(|(key, id)| (key, id));
    world.registrations.deregister(drained, &world.catalogue);
    obey(world, news, turn);
}

/// Has orders in force that have come or ended.
fn obey(world: &mut World, news: orders::News, turn: &mut Turn) {
    let World { services, checks, orders, .. } = world;
    turn.effects.ordered.extend(news.log);
    for key in news.services {
        services.order(&key, orders.of(&key), checks, turn);
    }
}

/// The instances that have been critical for too long.
fn removed(transitions: &[Transition]) -> impl Iterator<Item = (&ServiceKey, &InstanceId)> {
    let removed = transitions.iter().filter(|transition| transition.to == Condition::Removed);
    removed.map(|transition| (&transition.service, &transition.instance))
}

/// Serves what has been stored, or forgets what could not be.
fn serve(world: &mut World, stored: Result<(), String>, turn: &mut Turn) {
    turn.registrations_changed = stored.is_ok();
    let registering = &world.settings.registering;
    let (changes, registered) = world.registrations.end(stored, registering, &mut turn.answers);
    for (key, id) in registered {
        world.orders.end_drain(&key, &id, turn.now);
        let World { services, checks, orders, .. } = world;
        services.order(&key, orders.of(&key), checks, turn);
    }
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
    let World { settings, catalogue, services, checks, aliases, orders, .. } = world;
    let old = services.get(key).map(|state| Arc::clone(state.service()));
    let new = catalogue.merge(key, &settings.policy, &mut turn.effects.complaints);
    if old.as_deref() == new.as_ref() {
        return;
    }
    aliases.replace(old.as_deref(), new.as_ref(), services.in_zone(&key.zone));
    orders.see(key, new.as_ref(), turn.now);
    match new {
        Some(new) => {
            services.put((Arc::new(new), orders.of(key)), settings.sources(), checks, turn);
        }
        None => services.remove(key, checks, turn),
    }
}

/// Takes in what checks found.
fn hear(world: &mut World, outcomes: Vec<(CheckId, Outcome)>, turn: &mut Turn) {
    let World { services, checks, .. } = world;
    let mut heard = BTreeSet::new();
    for (id, outcome) in outcomes {
        let Some((key, subject)) = checks.outcome(id, &outcome, turn.now) else { continue };
        services.reassess(&key, subject, checks, turn);
        if services.waiting().contains(&*key) {
            heard.insert(key);
        }
    }
    // Once for all outcomes of a service: each look goes through its checks.
    for key in heard {
        services.hear(&key, checks, turn);
    }
}
