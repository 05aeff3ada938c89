//! What 30,000 HTTP checks every 10 s cost the server. Measured and printed, not asserted; takes two
//! minutes, alone on a machine:
//!
//! ```text
//! cargo test --release --test server -- --ignored --exact --nocapture load::thirty_thousand_checks
//! ```
//!
//! Best in a network of its own (`unshare --net sh -c 'ip link set lo up; …'`): a firewall that follows
//! connections costs the kernel a tenth more, and its table may be too small for so many. The lateness
//! of a thread that only sleeps is shown beside that of the checks: what is due to the machine.
//!
//! `LIVEZONE_TEST_PROGRAM=…` measures another build, and `LIVEZONE_TEST_CHECKS=…` another number.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use crate::crowd::{BIN, Crowd};
use crate::support::http;
use crate::support::server::{Server, TestServer};
use crate::support::time::{Stopwatch, becomes, pause};

const IN_A_SERVICE: usize = 100;
/// Two intervals: after one, every check has its place in the interval.
const SETTLED: Duration = Duration::from_secs(20);
const MEASURED: Duration = Duration::from_secs(40);

#[test]
#[ignore = "a measurement"]
fn thirty_thousand_checks() {
    let checks = std::env::var("LIVEZONE_TEST_CHECKS").ok().and_then(|n| n.parse().ok());
    let checks: usize = checks.unwrap_or(30_000);
    let mut crowd = Crowd::start();
    let server = TestServer::new();
    for service in 0..checks / IN_A_SERVICE {
        let port = crowd.port;
        let mut text = format!("[[service]]\nname = \"s{service}\"\nport = {port}\n");
        text.push_str("[[service.check]]\nhttp = \"/health\"\ninterval = \"10s\"\n");
        for n in 1..=IN_A_SERVICE {
            let address = format!("127.{}.{}.{n}", 10 + service / 200, service % 200);
            let _ = writeln!(text, "[[service.instance]]\naddress = \"{address}\"");
        }
        server.put(&format!("s{service}.toml"), &text);
    }
    let watch = Stopwatch::start();
    let server = server.start();
    println!("{checks} checks; ready after {:?}", watch.elapsed());
    println!("  then: {}", memory(&server));
    becomes("all passing", Duration::from_secs(60), &checks.to_string(), || {
        server.metric("livezone_instances", &["passing"]).to_string()
    });
    println!("  first round over after {:?}: {}", watch.elapsed(), memory(&server));
    pause(SETTLED);
    crowd.counts();
    let (before, lag, watch) = (ticks(&server), lag(&server), Stopwatch::start());
    let machine = lateness_of_a_sleeper(MEASURED);
    let (took, counts) = (watch.elapsed(), crowd.counts());
    let after = ticks(&server);
    let share = |n: usize| 100.0 * ticks_as_seconds(after[n] - before[n]) / took.as_secs_f64();
    println!("  CPU: {:.1} % of a core in user mode, {:.1} % in the kernel", share(0), share(1));
    println!("  {}", memory(&server));
    println!("  {}", lag_since(&server, &lag));
    println!("  {machine}");
    println!("  {}", spread(counts));
    println!("  failed: {}", server.metric("livezone_checks_total", &["critical"]));
}

/// How late a thread wakes that sleeps for 10 ms at a time.
fn lateness_of_a_sleeper(length: Duration) -> String {
    const NAP: Duration = Duration::from_millis(10);
    let (watch, mut late) = (Stopwatch::start(), Vec::new());
    while watch.elapsed() < length {
        let nap = Stopwatch::start();
        pause(NAP);
        late.push(nap.elapsed().saturating_sub(NAP));
    }
    late.sort_unstable();
    let at = |part: usize| late[late.len() * part / 1000];
    let (half, p99, p999) = (at(500), at(990), at(999));
    format!("a sleeper is late: half by at most {half:.1?}, p99 {p99:.1?}, p99.9 {p999:.1?}")
}

fn memory(server: &Server) -> String {
    let status = fs::read_to_string(format!("/proc/{}/status", server.process.id())).unwrap();
    let lines =
        status.lines().filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS"));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + " ").collect()
}

/// In user mode and in the kernel (`proc_pid_stat(5)`).
fn ticks(server: &Server) -> [u32; 2] {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.process.id())).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let mut fields = fields.split(' ').skip(11).map(|field| field.parse().unwrap());
    [fields.next().unwrap(), fields.next().unwrap()]
}

/// A tick is a hundredth of a second on every Linux that we run on.
fn ticks_as_seconds(ticks: u32) -> f64 {
    f64::from(ticks) / 100.0
}

/// The cumulated counts of starts by their lateness.
fn lag(server: &Server) -> Vec<(String, f64)> {
    let text = http::get(server.http(), "/metrics").unwrap().body;
    let buckets = text.lines().filter_map(|line| {
        let rest = line.strip_prefix("livezone_check_lag_seconds_bucket{le=\"")?;
        let (bound, count) = rest.split_once("\"} ")?;
        Some((bound.to_owned(), count.parse().ok()?))
    });
    buckets.collect()
}

fn lag_since(server: &Server, before: &[(String, f64)]) -> String {
    let after = lag(server);
    let counts: Vec<_> = after.iter().zip(before).map(|(a, b)| (&a.0, a.1 - b.1)).collect();
    let all = counts.last().unwrap().1;
    let within = |part: f64| &counts.iter().find(|(_, n)| *n >= part * all).unwrap().0[..];
    let (half, p99, p999) = (within(0.5), within(0.99), within(0.999));
    format!("{all} starts; late: half by at most {half} s, p99 {p99} s, p99.9 {p999} s")
}

fn spread(mut counts: Vec<u64>) -> String {
    // The last one is not over yet.
    counts.pop();
    let seconds = counts.chunks_exact(10).map(|bins| bins.iter().sum()).collect();
    format!("starts in each {BIN:?}: {}; in each second: {}", spread_of(counts), spread_of(seconds))
}

fn spread_of(mut counts: Vec<u64>) -> String {
    let as_float = |n: u64| f64::from(u32::try_from(n).unwrap());
    let count = as_float(counts.len().try_into().unwrap());
    let mean = counts.iter().map(|n| as_float(*n)).sum::<f64>() / count;
    let variance = counts.iter().map(|n| (as_float(*n) - mean).powi(2)).sum::<f64>() / count;
    let (deviation, random) = (variance.sqrt(), mean.sqrt());
    counts.sort_unstable();
    let (least, most) = (counts[0], counts[counts.len() - 1]);
    format!("mean {mean:.0}, deviation {deviation:.0} (at random {random:.0}), {least} to {most}")
}
