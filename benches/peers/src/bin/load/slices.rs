//! Goes round all servers in short slices, in another order each round, so that what disturbs the
//! machine disturbs them all.
//!
//! Options: `--form plain|edns|client-cookie|cookie`, `--rounds N`, `--slice SECONDS`, `--seed N`,
//! `--sockets N` and `--window N`, the outstanding questions of each.
//! It prints
//!
//! - `slice ROUND SERVER ANSWERS NANOSECONDS WALL SENT LOST FOUND ABSENT` for every slice: the
//!   server's CPU time, and the slice's own;
//! - `total SERVER ANSWERS NANOSECONDS USER SYSTEM` at the end, the last two in clock ticks: what
//!   part of the time was the program's own;
//! - `learnt SERVER SOCKETS`: how many were given a cookie, where cookies are asked with;
//! - `grows SERVER TYPE=OCTETS …`: how much longer answers are than questions.

use std::time::{Duration, Instant};

use crate::process::Ticks;
use crate::questions::{Form, read};
use crate::window::{Askers, Crowd, Seen};
use crate::{Target, Words};

/// A server that has slept a while is asked for so long before anything is counted: some thousands of
/// questions, so that most names have been asked for since the others drove its data from the caches.
const LEAD_IN: Duration = Duration::from_millis(30);

struct Measured {
    target: Target,
    askers: Askers,
    answers: u64,
    nanoseconds: u64,
    ticks: Ticks,
}

pub fn run(path: &str, targets: Vec<Target>, words: &Words) {
    let form = Form::named(words.text("form", "plain"));
    let (questions, crowd) = (read(path, form), Crowd::of(words));
    let lasts = Duration::from_secs_f64(words.number("slice", 0.2));
    let mut random = Random(words.number("seed", 1.0) as u64 | 1);
    let mut all: Vec<Measured> = targets
        .into_iter()
        .map(|target| {
            let askers = Askers::new(target.address, form, crowd, &questions);
            let ticks = target.family.ticks();
            Measured { target, askers, answers: 0, nanoseconds: 0, ticks }
        })
        .collect();
    let mut next = 0;
    for round in 1..=words.number("rounds", 1.0) as u64 {
        for place in random.order(all.len()) {
            let server = &mut all[place];
            server.askers.ask(&questions, &mut next, LEAD_IN);
            let (before, began) = (server.target.family.nanoseconds(), Instant::now());
            let seen = server.askers.seen.clone();
            server.askers.ask(&questions, &mut next, lasts);
            let wall = began.elapsed().as_nanos();
            let used = server.target.family.nanoseconds().saturating_sub(before);
            server.tell(round, &seen, used, wall);
        }
    }
    for server in &all {
        let ticks = server.target.family.ticks();
        let (user, system) = (ticks.user - server.ticks.user, ticks.system - server.ticks.system);
        let name = &server.target.name;
        println!("total\t{name}\t{}\t{}\t{user}\t{system}", server.answers, server.nanoseconds);
        if form == Form::Cookie {
            println!("learnt\t{name}\t{}", server.askers.learnt);
        }
        let growth = server.askers.growth(&questions);
        let growth: Vec<_> = growth.iter().map(|(rtype, more)| format!("{rtype}={more}")).collect();
        println!("grows\t{name}\t{}", growth.join(" "));
    }
}

impl Measured {
    fn tell(&mut self, round: u64, before: &Seen, used: u64, wall: u128) {
        let now = &self.askers.seen;
        let answers = now.answers - before.answers;
        self.answers += answers;
        self.nanoseconds += used;
        let numbers = [
            answers,
            used,
            wall as u64,
            now.sent - before.sent,
            now.lost - before.lost,
            now.found - before.found,
            now.absent - before.absent,
        ];
        let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
        println!("slice\t{round}\t{}\t{}", self.target.name, numbers.join("\t"));
    }
}

/// xorshift64: orders need no better one.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        for (left, shift) in [(true, 13), (false, 7), (true, 17)] {
            self.0 ^= if left { self.0 << shift } else { self.0 >> shift };
        }
        (self.0 % bound as u64) as usize
    }

    /// Fisher and Yates.
    fn order(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for last in (1..count).rev() {
            order.swap(last, self.below(last + 1));
        }
        order
    }
}
