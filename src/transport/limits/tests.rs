//! The rules of the limits, with time as it is told.

use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;

use super::journal::Line;
use super::*;
use crate::model::networks::Networks;
use crate::model::time::Now;

const CLASS: Class = Class::Answer;
/// More than any limit of these tests lets through.
const MANY: u32 = 10_000;

fn rrl(rate: u32) -> Rrl {
    Rrl { responses_per_second: rate, ..Rrl::default() }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn at(micros: u64) -> Instant {
    // A server that has run for a while.
    Instant(Duration::from_secs(1000) + Duration::from_micros(micros))
}

fn passes(limiter: &Limiter, rrl: &Rrl, client: IpAddr, now: Instant) -> bool {
    limiter.judge(rrl, client, CLASS, now) == Verdict::Within
}

/// Asks until limited, at one moment.
fn exhaust(limiter: &Limiter, rrl: &Rrl, client: IpAddr, now: Instant) -> u32 {
    let passed = (0..MANY).take_while(|_| passes(limiter, rrl, client, now)).count();
    passed.try_into().unwrap()
}

#[test]
fn a_second_s_worth_may_come_at_once_and_then_one_at_a_time() {
    for rate in [1, 3, 200, 1000] {
        let (limiter, rrl) = (Limiter::new(), rrl(rate));
        assert_eq!(exhaust(&limiter, &rrl, ip("192.0.2.1"), at(0)), rate);
        let one = u64::from(1_000_000 / rate) + 1;
        for n in 1..50 {
            assert_eq!(exhaust(&limiter, &rrl, ip("192.0.2.1"), at(n * one)), 1, "{rate}");
        }
    }
}

#[test]
fn the_first_second_of_a_process_is_like_every_other() {
    let (limiter, rrl) = (Limiter::new(), rrl(200));
    assert_eq!(exhaust(&limiter, &rrl, ip("192.0.2.1"), Instant::default()), 200);
}

#[test]
fn limited_answers_are_not_charged_so_that_recovery_is_immediate() {
    let (limiter, rrl) = (Limiter::new(), rrl(200));
    let client = ip("192.0.2.1");
    exhaust(&limiter, &rrl, client, at(0));
    for n in 0..u64::from(MANY) {
        assert!(!passes(&limiter, &rrl, client, at(n % 4_000)));
    }
    assert!(passes(&limiter, &rrl, client, at(5_000)));
    // After a silence the whole burst is there again, and no more than that.
    assert_eq!(exhaust(&limiter, &rrl, client, at(3_600_000_000)), 200);
}

#[test]
fn classes_have_shares_of_their_own() {
    let (limiter, rrl) = (Limiter::new(), rrl(5));
    for class in Class::ALL {
        for _ in 0..5 {
            assert_eq!(limiter.judge(&rrl, ip("192.0.2.1"), class, at(0)), Verdict::Within);
        }
        let over = limiter.judge(&rrl, ip("192.0.2.1"), class, at(0));
        assert!(matches!(over, Verdict::Over(key) if key.class == class), "{over:?}");
    }
}

#[test]
fn a_share_is_one_ipv4_address_or_one_ipv6_link() {
    let (limiter, rrl) = (Limiter::new(), rrl(5));
    for (client, same, other) in [
        ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:3::1"),
    ] {
        assert_eq!(exhaust(&limiter, &rrl, ip(client), at(0)), 5);
        assert!(!passes(&limiter, &rrl, ip(same), at(0)), "{same}");
        assert!(passes(&limiter, &rrl, ip(other), at(0)), "{other}");
    }
}

#[test]
fn an_attack_spread_over_neighbours_is_limited_at_32_shares() {
    for (near, far, prefix) in [
        ("198.51.100.", "203.0.113.1", "198.51.100.0/24"),
        ("2001:db8:7:", "2001:db8:8:1::1", "2001:db8:7::/48"),
    ] {
        let (limiter, rrl) = (Limiter::new(), rrl(5));
        let host = |n: u32| {
            let v4 = near.ends_with('.');
            ip(&if v4 { format!("{near}{n}") } else { format!("{near}{n:x}::1") })
        };
        let passed: u32 = (1..=100).map(|n| exhaust(&limiter, &rrl, host(n), at(0))).sum();
        assert_eq!(passed, 5 * 32);
        let Verdict::Over(key) = limiter.judge(&rrl, host(200), CLASS, at(0)) else { panic!() };
        assert_eq!(key.prefix().to_string(), prefix);
        assert!(passes(&limiter, &rrl, ip(far), at(0)));
    }
}

#[test]
fn the_log_names_the_prefix_that_is_used_up() {
    for (client, narrow, wide) in [
        ("192.0.2.1", "192.0.2.1/32", "192.0.2.0/24"),
        ("::ffff:192.0.2.1", "192.0.2.1/32", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"),
    ] {
        let keys = Key::of(ip(client), CLASS).map(|key| key.prefix().to_string());
        assert_eq!(keys, [narrow, wide]);
    }
}

#[test]
fn who_is_exempt_is_not_even_charged() {
    let (limiter, mut rrl) = (Limiter::new(), rrl(1));
    for client in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
        assert_eq!(exhaust(&limiter, &rrl, ip(client), at(0)), MANY, "{client}");
    }
    rrl.exempt = Networks::default();
    assert_eq!(exhaust(&limiter, &rrl, ip("127.0.0.1"), at(0)), 1);
    rrl.exempt = ["2001:db8::/32".parse().unwrap()].into_iter().collect();
    assert_eq!(exhaust(&limiter, &rrl, ip("2001:db8:5::1"), at(0)), MANY);
}

#[test]
fn rate_0_is_no_limit() {
    assert_eq!(exhaust(&Limiter::new(), &rrl(0), ip("192.0.2.1"), at(0)), MANY);
}

#[test]
fn a_new_rate_holds_from_the_next_answer_on() {
    let limiter = Limiter::new();
    exhaust(&limiter, &rrl(1), ip("192.0.2.1"), at(0));
    // Half a second later a half of the new burst is there.
    assert_eq!(exhaust(&limiter, &rrl(100), ip("192.0.2.1"), at(500_000)), 50);
}

#[test]
fn who_shares_one_cell_with_a_flood_is_not_limited_and_still_held_to_the_rate() {
    let (table, cost) = (Table::new(), SECOND / 50);
    let [flood, _] = Key::of(ip("192.0.2.1"), CLASS);
    let first = |key: Key| std::ptr::from_ref(table.cells(key).next().unwrap());
    // One in 65,536 has the same first cell.
    let mut others = (0..u32::MAX).map(|n| Key::of(IpAddr::from(n.to_be_bytes()), CLASS)[0]);
    let victim = others.find(|&key| key != flood && first(key) == first(flood)).unwrap();
    let mut now = 5 * SECOND;
    let fill = |now| {
        while !is_over(table.cells(flood), cost, now) {
            charge(table.cells(flood), cost, now);
        }
    };
    fill(now);
    let mut passed = 0;
    for _ in 0..1000 {
        if !is_over(table.cells(victim), cost, now) {
            charge(table.cells(victim), cost, now);
            passed += 1;
        }
    }
    assert_eq!(passed, 50);
    // The victim's charges to a full cell leave no debt.
    now += cost;
    assert!(!is_over(table.cells(flood), cost, now));
}

#[test]
fn keys_are_spread_over_the_cells_also_when_they_follow_each_other() {
    let table = Table::new();
    let (mut first, mut second) = (HashSet::new(), HashSet::new());
    for n in 0..65_536u32 {
        let [key, _] = Key::of(IpAddr::from((0x0a00_0000 | n).to_be_bytes()), CLASS);
        for (cell, seen) in table.cells(key).zip([&mut first, &mut second]) {
            seen.insert(std::ptr::from_ref(cell));
        }
    }
    // Chance would fill 63 % of a row.
    for seen in [first, second] {
        assert!(seen.len() > 20_000, "{}", seen.len());
    }
}

#[test]
fn workers_together_keep_to_the_rate() {
    let (limiter, rrl) = (Limiter::new(), rrl(200));
    let passed: u32 = std::thread::scope(|scope| {
        let flood = || exhaust(&limiter, &rrl, ip("192.0.2.1"), at(0));
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(flood)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    // Each may be between its look and its charge once.
    assert!((200..=203).contains(&passed), "{passed}");
}

#[test]
fn every_so_many_limited_answers_one_slips() {
    use Action::{Dropped, DryRun, Slipped};
    let actions = |slip, dry_run| {
        let rrl = Rrl { slip, dry_run, ..rrl(1) };
        let mut guard = Guard::new(Arc::default());
        let mut ask = || guard.limit(&rrl, ip("192.0.2.1"), CLASS, at(0));
        assert_eq!(ask(), None);
        [(); 6].map(|()| ask().unwrap())
    };
    assert_eq!(actions(0, false), [Dropped; 6]);
    assert_eq!(actions(1, false), [Slipped; 6]);
    assert_eq!(actions(2, false), [Dropped, Slipped, Dropped, Slipped, Dropped, Slipped]);
    assert_eq!(actions(3, false), [Dropped, Dropped, Slipped, Dropped, Dropped, Slipped]);
    assert_eq!(actions(1, true), [DryRun; 6]);
}

/// A worker's notes handed to the journal whenever they are due.
fn note(journal: &mut Journal, notes: &mut Notes, key: Option<Key>, now: Instant) -> Option<Line> {
    if let Some(key) = key {
        notes.add(key, now);
    }
    if notes.are_due(now) { journal.report(notes, now) } else { None }
}

#[test]
fn the_log_tells_the_begin_and_the_end_of_limiting_a_prefix() {
    let (mut journal, mut notes) = (Journal::default(), Notes::default());
    let [key, _] = Key::of(ip("192.0.2.1"), CLASS);
    let millis = |millis: u64| at(millis * 1000);
    assert_eq!(note(&mut journal, &mut notes, Some(key), millis(0)), Some(Line::Began(key, 1)));
    for n in 1..10_000 {
        assert_eq!(note(&mut journal, &mut notes, Some(key), millis(n)), None, "{n}");
    }
    for n in 10_000..11_999 {
        assert_eq!(note(&mut journal, &mut notes, None, millis(n)), None, "{n}");
    }
    let ended = note(&mut journal, &mut notes, None, millis(12_250));
    assert_eq!(ended, Some(Line::Ended(key, 9_999)));
    assert!(!notes.are_open());
}

#[test]
fn whatever_the_flood_there_is_at_most_one_line_a_second() {
    let mut journal = Journal::default();
    let mut workers: Vec<Notes> = (0..8).map(|_| Notes::default()).collect();
    let (mut rng, mut lines, mut told) = (fastrand::Rng::with_seed(1), Vec::new(), 0);
    for n in 0..200_000 {
        let key = Key::of(IpAddr::from([198, 51, rng.u8(..), rng.u8(..)]), CLASS)[0];
        let notes = &mut workers[rng.usize(..8)];
        if let Some(line) = note(&mut journal, notes, Some(key), at(n * 300)) {
            let (Line::Began(_, count) | Line::Ended(_, count)) = line;
            told += count;
            lines.push(at(n * 300));
        }
    }
    assert!(lines.len() > 20, "a minute has many ends: {}", lines.len());
    assert!(lines.windows(2).all(|two| two[1].since(two[0]) >= Duration::from_secs(1)));
    assert!((180_000..=200_000).contains(&told), "each is told of once: {told}");
}

#[test]
fn workers_follow_one_flood_together() {
    let (mut journal, mut one, mut two) = (Journal::default(), Notes::default(), Notes::default());
    let [key, other] = Key::of(ip("192.0.2.1"), CLASS);
    assert_eq!(note(&mut journal, &mut one, Some(key), at(0)), Some(Line::Began(key, 1)));
    assert_eq!(note(&mut journal, &mut two, Some(key), at(0)), None);
    // It goes on at the second worker alone; the first must not tell its end.
    for n in 1..20 {
        assert_eq!(note(&mut journal, &mut two, Some(key), at(n * 300_000)), None);
        assert_eq!(note(&mut journal, &mut one, None, at(n * 300_000)), None);
    }
    // Another prefix waits for its line until this one's end is told.
    let end = 6_000_000 + 2_000_000;
    assert_eq!(
        note(&mut journal, &mut one, Some(other), at(end)),
        Some(Line::Ended(key, 21)),
        "20 of the second worker and the other's"
    );
    assert_eq!(note(&mut journal, &mut two, Some(other), at(end)), None, "within a second");
    let begun = note(&mut journal, &mut two, Some(other), at(end + 1_000_000));
    assert_eq!(begun, Some(Line::Began(other, 2)));
}

#[test]
fn a_resting_worker_looks_at_the_clock_only_after_a_flood() {
    let looks = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let seen = Arc::clone(&looks);
    let clock: Clock = Arc::new(move || {
        looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Now::default().after(at(3_000_000).0)
    });
    let mut guard = Guard::new(Arc::default());
    let look = |guard: &mut Guard| {
        guard.rest(&clock);
        seen.load(std::sync::atomic::Ordering::Relaxed)
    };
    assert_eq!(look(&mut guard), 0);
    for _ in 0..2 {
        guard.limit(&rrl(1), ip("192.0.2.1"), CLASS, at(0));
    }
    assert_eq!(look(&mut guard), 1, "the end is told");
    assert_eq!(look(&mut guard), 1, "and then it rests");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_pattern_of_arrivals_is_held_to_the_rate_and_a_burst(
        rate in 1u32..50,
        gaps in prop::collection::vec(prop_oneof![Just(0u64), 0..1000u64, 0..200_000u64], 1..400),
    ) {
        let (limiter, rrl) = (Limiter::new(), rrl(rate));
        let mut now = 0;
        let mut passed = Vec::new();
        for gap in gaps {
            now += gap;
            if passes(&limiter, &rrl, ip("192.0.2.1"), at(now)) {
                passed.push(now);
            }
        }
        for (n, &from) in passed.iter().enumerate() {
            for (m, &to) in passed.iter().enumerate().skip(n) {
                let count = u64::try_from(m - n + 1).unwrap();
                // Costs are whole nanoseconds: the rate is met within a thousandth.
                let most = u64::from(rate) * (to - from) * 1001 / 1000 / 1_000_000 + u64::from(rate);
                prop_assert!(count <= most, "{} within {} us", count, to - from);
            }
        }
    }

    #[test]
    fn who_keeps_to_the_rate_is_never_limited(
        rate in 1u32..2000,
        more in prop::collection::vec(0u64..10_000, 1..300),
    ) {
        let (limiter, rrl) = (Limiter::new(), rrl(rate));
        let mut now = 0;
        for more in more {
            now += u64::from(1_000_000u32.div_ceil(rate)) + more;
            prop_assert!(passes(&limiter, &rrl, ip("2001:db8::1"), at(now)));
        }
    }
}
