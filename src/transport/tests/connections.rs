//! TCP as a client meets it, on real sockets.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::config::Tcp;
use crate::metrics::{Exposition, Metrics};
use crate::model::dns::Rtype;
use crate::transport::bind::bind;
use crate::transport::tcp::accept::serve;
use crate::transport::tcp::{Limits, Shared};
use crate::transport::tests::fixtures::{context_with, framed, query, query_for};

/// Longer than any test takes that passes.
const DEADLINE: Duration = Duration::from_secs(20);
const SOON: Duration = Duration::from_millis(100);

struct Served {
    addresses: Vec<SocketAddr>,
    metrics: Metrics,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Served {
    fn start(listen: &[&str], rules: Tcp, limits: Limits) -> Self {
        let listen: Vec<SocketAddr> = listen.iter().map(|text| text.parse().unwrap()).collect();
        let (metrics, stop) = (Metrics::new("0"), CancellationToken::new());
        let (context, draining) = (Arc::new(context_with(rules)), CancellationToken::new());
        let shared = Arc::new(Shared::new(context, limits, &metrics, draining));
        let (mut addresses, mut tasks) = (Vec::new(), JoinSet::new());
        for endpoint in bind(&listen, 1).unwrap().endpoints {
            addresses.push(endpoint.address);
            let listener = TcpListener::from_std(endpoint.tcp).unwrap();
            tasks.spawn(serve(listener, Arc::clone(&shared), stop.clone()));
        }
        Self { addresses, metrics, stop, tasks }
    }

    fn local(limits: Limits) -> Self {
        Self::start(&["127.0.0.1:0"], Tcp::default(), limits)
    }

    async fn connect(&self) -> Client {
        Client(within(TcpStream::connect(self.addresses[0])).await.unwrap())
    }

    /// From an address of its own.
    async fn connect_from(&self, host: u8, listener: usize) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::new(127, 0, 1, host), 0).into()).unwrap();
        let server = (Ipv4Addr::LOCALHOST, self.addresses[listener].port());
        Client(within(socket.connect(server.into())).await.unwrap())
    }

    async fn end(mut self) -> String {
        self.stop.cancel();
        while let Some(ended) = within(self.tasks.join_next()).await {
            ended.unwrap();
        }
        let text = self.metrics.render(Exposition::Text);
        assert!(text.contains("livezone_dns_tcp_connections 0\n"), "{text}");
        text
    }
}

struct Client(TcpStream);

impl Client {
    async fn send(&mut self, octets: &[u8]) {
        within(self.0.write_all(octets)).await.unwrap();
    }

    async fn read(&mut self) -> Vec<u8> {
        let len = within(self.0.read_u16()).await.unwrap();
        let mut message = vec![0; usize::from(len)];
        within(self.0.read_exact(&mut message)).await.unwrap();
        message
    }

    async fn ask(&mut self, id: u16) {
        self.send(&framed(&query(id))).await;
        assert_eq!(self.read().await[..2], id.to_be_bytes());
    }

    /// Nothing more comes: the end, or a reset where something of ours was not read.
    async fn is_closed(&mut self) {
        let rest = within(self.0.read(&mut [0])).await;
        assert!(matches!(rest, Ok(0) | Err(_)), "{rest:?}");
    }
}

async fn within<F: Future>(future: F) -> F::Output {
    timeout(DEADLINE, future).await.expect("in time")
}

fn closed(text: &str, reason: &str, count: u32) {
    let sample = format!("livezone_dns_tcp_closed_total{{reason=\"{reason}\"}} {count}\n");
    assert!(text.contains(&sample), "{sample} in {text}");
}

#[tokio::test]
async fn messages_may_follow_each_other_without_waiting_and_are_answered_in_order() {
    for listen in ["127.0.0.1:0", "[::1]:0"] {
        let served = Served::start(&[listen], Tcp::default(), Limits::default());
        let mut client = served.connect().await;
        let burst: Vec<u8> = (0..300).flat_map(|id| framed(&query(id))).collect();
        client.send(&burst).await;
        for id in 0..300u16 {
            let message = client.read().await;
            assert_eq!(message[..2], id.to_be_bytes());
            assert!(message.ends_with(&[10, 0, 0, 1]));
        }
        let text = served.end().await;
        let counted = "{transport=\"tcp\",qtype=\"A\",rcode=\"NOERROR\"} 300\n";
        assert!(text.contains(counted), "{text}");
        assert!(text.contains("response_seconds_count{transport=\"tcp\"} 300\n"), "{text}");
        client.is_closed().await;
    }
}

#[tokio::test]
async fn a_message_may_come_octet_by_octet() {
    let served = Served::local(Limits::default());
    let mut client = served.connect().await;
    client.0.set_nodelay(true).unwrap();
    for octet in framed(&query(5)) {
        client.send(&[octet]).await;
    }
    assert_eq!(client.read().await[..2], [0, 5]);
    served.end().await;
}

#[tokio::test]
async fn what_no_datagram_holds_comes_whole() {
    let served = Served::local(Limits::default());
    let mut client = served.connect().await;
    client.send(&framed(&query_for(1, Rtype::TXT))).await;
    let message = client.read().await;
    assert!(message.len() > 15_000);
    assert_eq!((message[2] & 2, &message[6..8]), (0, &[0x03, 0xe8][..]));
    served.end().await;
}

#[tokio::test]
async fn frames_that_hold_no_query_end_the_connection() {
    let served = Served::local(Limits::default());
    let mut response = query(1);
    response[2] = 0x80;
    for wrong in [vec![0, 0], framed(&[0; 11]), framed(&response)] {
        let mut client = served.connect().await;
        client.ask(1).await;
        client.send(&wrong).await;
        client.is_closed().await;
    }
    let mut client = served.connect().await;
    client.send(&framed(&[0; 12])).await;
    assert_eq!(client.read().await[3] & 0x0f, 1);
    client.ask(2).await;
    served.end().await;
}

#[tokio::test]
async fn a_message_that_is_too_long_is_answered_and_so_is_what_stands_around_it() {
    let served = Served::local(Limits::default());
    for length in [4097, 4098, 8192, 65_535] {
        let mut client = served.connect().await;
        let mut long = query(2);
        long.resize(length, 0xff);
        client.send(&[framed(&query(1)), framed(&long), framed(&query(3))].concat()).await;
        assert_eq!(client.read().await[..2], [0, 1]);
        assert_eq!(client.read().await, b"\0\x02\x81\x01\0\0\0\0\0\0\0\0", "{length}");
        assert_eq!(client.read().await[..2], [0, 3]);
        client.ask(4).await;
    }
    served.end().await;
}

/// With a reset the answer before would be lost to a client that has not read it yet.
#[tokio::test]
async fn what_is_no_query_takes_no_answer_away() {
    let served = Served::local(Limits::default());
    for (wrong, count) in [(vec![0, 0], 1), (framed(&[0; 11]), 2)] {
        let mut client = served.connect().await;
        let behind = framed(&query(2)).repeat(500);
        client.send(&[framed(&query(1)), wrong, behind].concat()).await;
        let sample = format!("livezone_dns_tcp_closed_total{{reason=\"malformed\"}} {count}\n");
        let given_up = async {
            while !served.metrics.render(Exposition::Text).contains(&sample) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        within(given_up).await;
        assert_eq!(client.read().await[..2], [0, 1]);
        assert_eq!(within(client.0.read(&mut [0])).await.unwrap(), 0, "an end, not a reset");
    }
    closed(&served.end().await, "malformed", 2);
}

#[tokio::test]
async fn who_has_said_that_nothing_more_comes_gets_all_the_answers() {
    let served = Served::local(Limits::default());
    let mut client = served.connect().await;
    let burst: Vec<u8> = (0..500).flat_map(|id| framed(&query(id))).collect();
    client.send(&[&burst[..], &framed(&query(500))[..9]].concat()).await;
    client.0.shutdown().await.unwrap();
    for id in 0..500u16 {
        assert_eq!(client.read().await[..2], id.to_be_bytes());
    }
    client.is_closed().await;
    closed(&served.end().await, "client", 1);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let served = Served::local(Limits { write: SOON, ..Limits::default() });
    let mut client = served.connect().await;
    let burst = framed(&query_for(1, Rtype::TXT)).repeat(100);
    // The buffers of both sides fill up, then our writing stops, then the connection is gone.
    let cut = async { while client.0.write_all(&burst).await.is_ok() {} };
    within(cut).await;
    closed(&served.end().await, "unread", 1);
}

#[tokio::test]
async fn a_connection_has_so_many_queries_and_those_behind_them_take_no_answer_away() {
    let served = Served::local(Limits { queries: 300, ..Limits::default() });
    let mut client = served.connect().await;
    let burst: Vec<u8> = (0..2000).flat_map(|id| framed(&query(id))).collect();
    client.send(&burst).await;
    for id in 0..300u16 {
        assert_eq!(client.read().await[..2], id.to_be_bytes());
    }
    assert_eq!(within(client.0.read(&mut [0])).await.unwrap(), 0, "an end, not a reset");
    drop(client);
    closed(&served.end().await, "queries", 1);
}

#[tokio::test]
async fn at_a_clients_limit_its_longest_idle_connection_is_closed() {
    let rules = Tcp { max_per_client: 2, ..Tcp::default() };
    let served = Served::start(&["127.0.0.1:0"], rules, Limits::default());
    let (mut first, mut second) = (served.connect().await, served.connect().await);
    first.ask(1).await;
    second.ask(2).await;
    first.ask(3).await;
    let mut third = served.connect().await;
    third.ask(4).await;
    second.is_closed().await;
    first.ask(5).await;
    third.ask(6).await;
    closed(&served.end().await, "limit", 1);
}

#[tokio::test]
async fn at_the_limit_of_all_listeners_the_longest_idle_connection_is_closed() {
    let (listen, rules) = (["0.0.0.0:0", "127.0.0.1:0"], Tcp { max: 2, ..Tcp::default() });
    let served = Served::start(&listen, rules, Limits::default());
    let mut clients = Vec::new();
    for (host, listener) in [(1, 0), (2, 1), (3, 1)] {
        let mut client = served.connect_from(host, listener).await;
        client.ask(1).await;
        clients.push(client);
    }
    clients[0].is_closed().await;
    clients[1].ask(2).await;
    clients[2].ask(3).await;
    served.end().await;
}

#[tokio::test]
async fn stopping_answers_what_has_been_read_and_closes_the_rest() {
    let mut served = Served::local(Limits::default());
    let (mut idle, mut busy) = (served.connect().await, served.connect().await);
    idle.ask(1).await;
    // One write of both: with the first answer, the server has read the second's beginning.
    let (whole, begun) = (framed(&query(2)), framed(&query(3)));
    busy.send(&[&whole[..], &begun[..9]].concat()).await;
    assert_eq!(busy.read().await[..2], [0, 2]);
    served.stop.cancel();
    idle.is_closed().await;
    busy.send(&begun[9..]).await;
    assert_eq!(busy.read().await[..2], [0, 3]);
    busy.is_closed().await;
    within(served.tasks.join_next()).await.unwrap().unwrap();
}
