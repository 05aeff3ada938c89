//! How long the pure functions take: parse, look up, encode, build, and the fast path as a whole, in a
//! loop of its own and between two system calls.
#![expect(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "a benchmark")]

#[path = "../tests/allocations/world.rs"]
mod world;

use std::hint::black_box;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use livezone::answer::answer;
use livezone::metrics::Metrics;
use livezone::metrics::dns::Transport;
use livezone::model::dns::Question;
use livezone::model::name::Name;
use livezone::model::time::Now;
use livezone::snapshot::service::build;
use livezone::transport::batch::slots::MESSAGES;
use livezone::transport::batch::{Batch, ROOM, Sending, Wait};
use livezone::transport::fast::query_batch::QueryBatch;
use livezone::transport::fast::{self, Arrival, Fast};
use livezone::transport::worker::Worker;
use livezone::wire::reply::{Limits, encode};
use livezone::wire::request::{Incoming, parse};

use crate::world::{crowd, query, service, snapshot};

const SERVICES: usize = 1000;
const BATCH: u32 = 64;
/// Kinds of questions: what is asked of `svc-N.svc.test`, and the type.
const KINDS: [(&str, &str, u8); 5] =
    [("a", "", 1), ("aaaa", "", 28), ("srv", "", 33), ("tag", "v1.", 1), ("nxdomain", "no-", 1)];

fn questions(before: &str, rtype: u8) -> Vec<Vec<u8>> {
    // A step that is prime to their number: neighbours in memory are not asked for one by one.
    let numbers = (0..SERVICES).map(|n| n * 379 % SERVICES);
    numbers.map(|n| query(&format!("{before}svc-{n}.svc.test"), rtype, true)).collect()
}

fn fast_path(criterion: &mut Criterion) {
    let snapshot = snapshot(SERVICES);
    let metrics = Metrics::new("0");
    let mut worker = Worker::new(metrics.worker(Transport::Udp));
    let (peer, asked) = ("192.0.2.1:5353".parse().unwrap(), "192.0.2.53:53".parse().unwrap());
    let arrival = Arrival { peer: &peer, asked: &asked, now: Now::default() };
    for (kind, before, rtype) in KINDS {
        let questions = questions(before, rtype);
        let mut octets = Box::new([0; ROOM]);
        let mut next = questions.iter().cycle();
        criterion.bench_function(&format!("fast/{kind}"), |bencher| {
            bencher.iter(|| {
                let question = next.next().unwrap();
                octets[..question.len()].copy_from_slice(question);
                fast::respond(&mut octets, question.len(), arrival, &snapshot, &mut worker).unwrap()
            });
        });
    }
}

fn general_path(criterion: &mut Criterion) {
    let snapshot = snapshot(SERVICES);
    let mut rng = fastrand::Rng::with_seed(1);
    for (kind, before, rtype) in KINDS {
        let packet = query(&format!("{before}svc-7.svc.test"), rtype, true);
        criterion
            .bench_function(&format!("parse/{kind}"), |b| b.iter(|| parse(black_box(&packet))));
        let Incoming::Query(query) = parse(&packet) else { panic!("a query") };
        let (name, rtype) = (query.asked.name.clone(), query.asked.rtype);
        let question = Question { name, rtype, client: [192, 0, 2, 1].into() };
        criterion.bench_function(&format!("lookup/{kind}"), |b| {
            b.iter(|| black_box(answer(&snapshot, &question, &mut rng)));
        });
        let reply = answer(&snapshot, &question, &mut rng).into_reply();
        let limits = Limits::udp(query.edns, 1232);
        let mut out = Vec::with_capacity(ROOM);
        criterion.bench_function(&format!("encode/{kind}"), |b| {
            b.iter(|| encode(&query, black_box(&reply), limits, &mut out));
        });
    }
}

/// A and AAAA are asked for alike, as `getaddrinfo` does, SRV less often, the others for a tag or for
/// what is missing.
fn mixed() -> Vec<Vec<u8>> {
    let mut rng = fastrand::Rng::with_seed(1);
    let kinds = std::iter::repeat_with(|| match rng.usize(..100) {
        0..40 => ("", 1, rng.usize(..SERVICES)),
        40..75 => ("", 28, rng.usize(..SERVICES)),
        75..90 => ("", 33, rng.usize(..SERVICES)),
        90..98 => ("v1.", 1, rng.usize(..SERVICES)),
        _ => ("no-", 1, rng.usize(..SERVICES)),
    });
    let packet = |(before, rtype, n)| query(&format!("{before}svc-{n}.svc.test"), rtype, true);
    kinds.take(32 * SERVICES).map(packet).collect()
}

/// What a UDP worker does between its two system calls, for one question of a full batch: the
/// kernel's work on the others has driven code and data from the near caches, and the predictions of
/// branches, which a loop over the fast path alone never sees.
fn between_system_calls(criterion: &mut Criterion) {
    let snapshot = snapshot(SERVICES);
    let mut worker = Worker::new(Metrics::new("0").worker(Transport::Udp));
    let [server, client] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    let (asked, now) = (server.local_addr().unwrap(), Now::default());
    client.connect(asked).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut batch = Batch::new(Sending::Segmented);
    assert_eq!(usize::try_from(BATCH), Ok(MESSAGES));
    let mut answer = |question: &mut dyn FnMut() -> Vec<u8>| {
        for _ in 0..MESSAGES {
            client.send(&question()).unwrap();
        }
        let count = batch.receive(server.as_fd(), Wait::ForOne).unwrap();
        assert_eq!(count, MESSAGES);
        let start = Instant::now();
        let mut queries = QueryBatch::default();
        queries.read(&batch, &snapshot);
        for place in 0..count {
            let message = batch.message(place).unwrap();
            let arrival = Arrival { peer: &message.peer.unwrap(), asked: &asked, now };
            let buffer = (message.octets, message.len);
            let said =
                fast::answer(buffer, queries.get(place).unwrap(), &arrival, &snapshot, &mut worker);
            let Some(Fast::Answered { len, .. }) = said else { panic!("an answer") };
            batch.answer(place, len);
        }
        let took = start.elapsed();
        assert_eq!(batch.send(server.as_fd()), 0);
        for _ in 0..count {
            client.recv(&mut [0; ROOM]).unwrap();
        }
        took
    };
    let of_one = KINDS.map(|(kind, before, rtype)| (kind, questions(before, rtype)));
    for (kind, questions) in of_one.into_iter().chain([("mixed", mixed())]) {
        let mut next = questions.iter().cycle();
        criterion.bench_function(&format!("batch/{kind}"), |bencher| {
            bencher.iter_custom(|iterations| {
                let batches = iterations.div_ceil(BATCH.into());
                let mut question = || next.next().unwrap().clone();
                let took = (0..batches).fold(0, |sum, _| sum + answer(&mut question).as_nanos());
                let of_all = took * u128::from(iterations) / u128::from(batches * u64::from(BATCH));
                Duration::from_nanos(u64::try_from(of_all).unwrap())
            });
        });
    }
}

/// Of which a datagram has room for a dozen and a stream for all.
fn a_thousand_instances(criterion: &mut Criterion) {
    let snapshot = crowd(1000);
    let metrics = Metrics::new("0");
    let mut worker = Worker::new(metrics.worker(Transport::Udp));
    let (peer, asked) = ("192.0.2.1:5353".parse().unwrap(), "192.0.2.53:53".parse().unwrap());
    let arrival = Arrival { peer: &peer, asked: &asked, now: Now::default() };
    let packet = query("svc-0.svc.test", 33, true);
    let mut octets = Box::new([0; ROOM]);
    criterion.bench_function("fast/srv of 1000", |bencher| {
        bencher.iter(|| {
            octets[..packet.len()].copy_from_slice(&packet);
            fast::respond(&mut octets, packet.len(), arrival, &snapshot, &mut worker).unwrap()
        });
    });
    let Incoming::Query(query) = parse(&packet) else { panic!("a query") };
    let (name, rtype) = (query.asked.name.clone(), query.asked.rtype);
    let question = Question { name, rtype, client: [192, 0, 2, 1].into() };
    let mut rng = fastrand::Rng::with_seed(1);
    criterion.bench_function("lookup/srv of 1000", |bencher| {
        bencher.iter(|| black_box(answer(&snapshot, &question, &mut rng)));
    });
}

fn build_a_service(criterion: &mut Criterion) {
    let apex = Name::parse("svc.test").unwrap();
    let (service, targets) = service(&apex, 7);
    let service = Arc::new(service);
    criterion.bench_function("build/3 instances", |b| {
        let parts = || (Arc::clone(&service), targets.clone());
        b.iter_batched(parts, |(s, t)| build(s, t.into(), false), BatchSize::SmallInput);
    });
}

criterion_group!(
    benches,
    fast_path,
    between_system_calls,
    general_path,
    a_thousand_instances,
    build_a_service
);
criterion_main!(benches);
