use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use socket2::{Domain, Socket, Type};
use tokio::time;

use crate::health::checks::Runner;
use crate::health::checks::tests::{closed_port, hasty, probe, server, tcp_check};
use crate::model::check::{Probe, Sources, TlsOptions};
use crate::model::health::Finding;

#[tokio::test]
async fn a_connection_passes() {
    let target = server(drop);
    let outcome = Runner::new().run(&probe(tcp_check(None), target)).await;
    assert_eq!((outcome.finding, &*outcome.reason), (Finding::Pass, "connected"));
}

#[tokio::test]
async fn a_connection_over_ipv6_passes() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else { return };
    let target = listener.local_addr().unwrap();
    let outcome = Runner::new().run(&probe(tcp_check(None), target)).await;
    assert_eq!(outcome.finding, Finding::Pass, "{outcome:?}");
}

#[tokio::test]
async fn a_connection_is_closed_by_a_reset_and_leaves_nothing_behind() {
    let (sender, receiver) = sync_channel(1);
    let target = server(move |mut stream| {
        sender.send(stream.read(&mut [0]).map_err(|error| error.raw_os_error())).unwrap();
    });
    Runner::new().run(&probe(tcp_check(None), target)).await;
    assert_eq!(receiver.recv().unwrap(), Err(Some(Errno::ECONNRESET as i32)));
}

#[tokio::test]
async fn a_refused_connection_fails() {
    let outcome = Runner::new().run(&probe(tcp_check(None), closed_port())).await;
    assert_eq!((outcome.finding, &*outcome.reason), (Finding::Fail, "connection refused"));
}

/// A listener whose queue is full drops every SYN, as a black hole does.
#[tokio::test]
async fn a_connection_that_nobody_answers_times_out() {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let target = listener.local_addr().unwrap().as_socket().unwrap();
    let queued: Vec<_> = (0..4)
        .map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&target.into());
            socket
        })
        .collect();
    let outcome = Runner::new().run(&hasty(tcp_check(None), target)).await;
    assert_eq!((outcome.finding, &*outcome.reason), (Finding::Fail, "timed out after 200ms"));
    drop(queued);
}

/// The test's one thread sleeps through the deadline, as a stopped or starved process does.
#[tokio::test]
async fn a_timeout_noticed_much_too_late_is_no_evidence() {
    let silent = server(|mut stream| while stream.read(&mut [0; 64]).unwrap_or(0) > 0 {});
    let options = TlsOptions { skip_verify: true, ..TlsOptions::default() };
    let late = hasty(tcp_check(Some(options)), silent);
    let runner = Runner::new();
    let (outcome, ()) = tokio::join!(runner.run(&late), async {
        time::sleep(Duration::from_millis(100)).await;
        thread::sleep(Duration::from_millis(400));
    });
    assert_eq!(outcome.finding, Finding::Nothing, "{outcome:?}");
    assert_eq!(&*outcome.reason, "result ignored: livezone was delayed (local error)");
}

#[tokio::test]
async fn the_source_address_is_the_one_set() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let target = listener.local_addr().unwrap();
    let source = IpAddr::from([127, 0, 0, 9]);
    let from = Probe { sources: Sources::of(&[source]), ..probe(tcp_check(None), target) };
    let outcome = Runner::new().run(&from).await;
    assert_eq!(outcome.finding, Finding::Pass, "{outcome:?}");
    assert_eq!(listener.accept().unwrap().1.ip(), source);
}

#[tokio::test]
async fn a_source_that_is_not_ours_is_no_evidence() {
    let sources = Sources::of(&[IpAddr::from([192, 0, 2, 77])]);
    let from = Probe { sources, ..probe(tcp_check(None), closed_port()) };
    let outcome = Runner::new().run(&from).await;
    assert_eq!(outcome.finding, Finding::Nothing, "{outcome:?}");
    assert!(outcome.reason.ends_with("(this machine)"), "{outcome:?}");
}

/// The kernel knows no way from a loopback address to another host, and says so itself.
#[tokio::test]
async fn a_target_without_a_route_is_no_evidence() {
    let sources = Sources::of(&[IpAddr::V4(Ipv4Addr::LOCALHOST)]);
    let target = SocketAddr::from(([192, 0, 2, 1], 80));
    let outcome = Runner::new().run(&Probe { sources, ..hasty(tcp_check(None), target) }).await;
    assert_eq!(outcome.finding, Finding::Nothing, "{outcome:?}");
}
