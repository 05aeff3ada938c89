//! One event in, its effects out: what follows from what, in order.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;

use crate::engine::event::{Effects, Event, Ticket, Transition, Turn};
use crate::engine::orders;
use crate::engine::orders::find::Finder;
use crate::engine::registrations::Registered;
use crate::engine::registrations::judge::no_beat;
use crate::engine::settings::{Registering, Settings};
use crate::engine::world::{News, World};
use crate::health::scheduler::CheckId;
use crate::model::agent::{Refusal, Write, Written};
use crate::model::health::{Condition, Finding, Outcome};
use crate::model::service::{InstanceId, ServiceKey};
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
            world.checks.end_restoring();
            for key in world.orders.services() {
                let service = world.services.get(&key).map(|state| &**state.service());
                world.orders.see(&key, service, now);
            }
        }
        Event::Changed(changes) => tell(world, changes),
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
    work(world, &mut Budget::of_turn(), &mut turn);
    expire(world, &mut turn);
    let World { catalogue, services, checks, aliases, registrations, .. } = world;
    for (key, subject) in checks.agree(|id| registrations.view().checks.get(id).is_some()) {
        services.reassess(&key, subject, checks, &mut turn);
    }
    turn.effects.more = !catalogue.settle();
    if !turn.effects.more {
        checks.end_moving();
    }
    aliases.settle(catalogue, services, checks, &mut turn);
    services.end_first_round(&mut turn);
    for key in checks.take_moved() {
        turn.shown.entry(ServiceKey::clone(&key)).or_default();
    }
    keep(world, &mut turn);
    let World { settings, catalogue, services, checks, publisher, orders, .. } = world;
    turn.effects.start = checks.start_due(now.mono);
    turn.effects.snapshot = publisher.publish(catalogue, services, settings, &turn);
    turn.effects.wake = [checks.wake(), services.wake(), orders.wake()].into_iter().flatten().min();
    hold_back(world, &mut turn.effects);
    answer(world, &mut turn);
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

/// Takes writes in: heartbeats count at once, the others wait for the store.
fn take(world: &mut World, writes: Vec<(Ticket, Write)>, turn: &mut Turn) {
    let World { settings, catalogue, services, checks, registrations, orders, .. } = world;
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
            0 if is_of_node => Ok(()),
            0 => Err(no_beat(&check, &settings.registering, catalogue)),
            _ if registrations.view().lacks(&check) => Err(Refusal::NoTtl(check.to_string())),
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

/// Has served what has been stored, or forgets what could not be.
fn serve(world: &mut World, stored: Result<(), String>, turn: &mut Turn) {
    let World { settings, services, checks, registrations, orders, unanswered, .. } = world;
    checks.end_going(stored.is_ok());
    if stored.is_ok() {
        turn.registered_in = Some(settings.registering.zone.apex.clone());
    }
    let served = registrations.end(stored, &settings.registering, unanswered);
    for (key, retagged) in served.shown {
        *turn.shown.entry(key).or_default() |= retagged;
    }
    for Registered { key, id, before } in served.registered {
        if let Some(before) = before.filter(|before| *before != key) {
            checks.move_told(&id, &before, &key);
        }
        orders.end_drain(&key, &id, turn.now);
        services.order(&key, orders.of(&key), checks, turn);
    }
    if !served.changes.is_empty() {
        tell(world, served.changes);
    }
}

/// Gives the store what it is to keep.
fn keep(world: &mut World, turn: &mut Turn) {
    let World { settings, catalogue, services, checks, registrations, orders, unanswered, .. } =
        world;
    registrations.deregister(removed(&turn.effects.transitions), catalogue);
    let registering = &settings.registering;
    let is_over = |(key, id): &_| services.condition(key, id).is_some_and(Condition::is_over);
    turn.effects.keep.now = registrations.begin(registering, catalogue, is_over, unanswered);
    if !turn.effects.keep.now.is_empty() {
        turn.effects.keep.now.extend(checks.gone());
    }
    for (key, id) in registrations.again(registering) {
        orders.spare(&key, &id, turn.now);
    }
    let (agent, zone) = (registrations.view(), &registering.zone.apex);
    let finder = Finder { services, agent, catalogue, zone };
    turn.effects.keep.orders = orders.begin(&finder, turn.now, &mut turn.answers);
    turn.effects.keep.soon = checks.save(turn.now.mono);
}

/// Tells those whose writes are served now, or change nothing.
fn answer(world: &mut World, turn: &mut Turn) {
    if !turn.effects.more {
        turn.answers.append(&mut world.unanswered);
    }
    let written = Written { generation: world.publisher.generation() };
    let answers = turn.answers.drain(..);
    turn.effects.answers =
        answers.map(|(ticket, judged)| (ticket, judged.map(|()| written))).collect();
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
fn configure(world: &mut World, mut settings: Settings, turn: &mut Turn) {
    let Registering { zone, node, domain, .. } = world.settings.registering.clone();
    settings.registering = Registering { zone, node, domain, ..settings.registering };
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
    let World { settings, catalogue, services, checks, aliases, publisher, orders, .. } = world;
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
    orders.see(key, new.as_ref(), turn.now);
    match new {
        Some(new) => {
            services.put((Arc::new(new), orders.of(key)), settings.sources(), checks, turn);
        }
        None => services.remove(key, checks, turn),
    }
    size
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
