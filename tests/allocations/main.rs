//! What is asked of the allocator is counted: the plain questions are answered without it, and a
//! change costs what has changed.
#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(unsafe_code, reason = "an allocator that counts")]

mod files;
mod world;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use livezone::metrics::Metrics;
use livezone::metrics::dns::Transport;
use livezone::model::time::Now;
use livezone::transport::batch::ROOM;
use livezone::transport::fast::{self, Arrival};
use livezone::transport::message::Received;
use livezone::transport::respond::respond;
use livezone::transport::worker::Worker;

use crate::world::{crowd, query, snapshot};

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// How often this thread has asked the allocator for anything.
fn count() -> u64 {
    COUNT.with(Cell::get)
}

struct Counting;

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: what the caller promises is promised on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: likewise.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn ten_thousand_plain_questions_are_answered_without_an_allocation() {
    let snapshot = snapshot(100);
    let metrics = Metrics::new("0");
    let mut worker = Worker::new(metrics.worker(Transport::Udp));
    let (peer, asked) = ("192.0.2.1:5353".parse().unwrap(), "192.0.2.53:53".parse().unwrap());
    let arrival = Arrival { peer: &peer, asked: &asked, now: Now::default() };
    let questions: Vec<Vec<u8>> = (0..100)
        .flat_map(|number| {
            let service = format!("svc-{number}.svc.test");
            let edns = number % 2 == 0;
            [
                query(&service, 1, edns),
                query(&service, 28, false),
                query(&service, 33, edns),
                query(&format!("v1.{service}"), 1, edns),
                query(&format!("i-1.{service}"), 1, edns),
                query(&format!("_svc-{number}._tcp.svc.test"), 33, edns),
                query(&format!("no-{service}"), 1, edns),
            ]
        })
        .collect();
    let mut octets = Box::new([0; ROOM]);
    let before = count();
    let mut answered = 0;
    for question in questions.iter().cycle().take(10_000) {
        octets[..question.len()].copy_from_slice(question);
        let said = fast::respond(&mut octets, question.len(), arrival, &snapshot, &mut worker);
        answered += usize::from(said.is_some());
    }
    assert_eq!(count() - before, 0, "allocations");
    assert_eq!(answered, 10_000);
}

/// What an SRV question over TCP asks of the allocator where a service has so many instances, and
/// how many are answered.
fn cost_of_srv(instances: usize) -> (u64, u16) {
    let snapshot = crowd(instances);
    let metrics = Metrics::new("0");
    let mut worker = Worker::new(metrics.worker(Transport::Tcp));
    let question = query("svc-0.svc.test", 33, false);
    let received = Received {
        octets: &question,
        peer: "192.0.2.1:5353".parse().unwrap(),
        asked: None,
        now: Now::default(),
        transport: Transport::Tcp,
        idle: None,
    };
    let mut out = Vec::with_capacity(70_000);
    let before = count();
    respond(&received, &snapshot, &mut worker, &mut out);
    (count() - before, u16::from_be_bytes([out[6], out[7]]))
}

#[test]
fn what_no_message_has_room_for_is_not_made() {
    let (few, answered) = cost_of_srv(2500);
    let (many, also_answered) = cost_of_srv(5000);
    assert_eq!(answered, also_answered);
    assert!((1500..2000).contains(&answered), "{answered}");
    assert!(many <= few + few / 100, "{few} calls of the allocator became {many}");
}
