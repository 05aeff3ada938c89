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

use crate::metrics::{Exposition, Metrics};
use crate::model::dns::Rtype;
use crate::transport::bind::bind;
use crate::transport::fixtures::{context, query, query_for};
use crate::transport::tcp::{Limits, Shared, serve};

/// Longer than any test takes that passes.
const DEADLINE: Duration = Duration::from_secs(20);
const SOON: Duration = Duration::from_millis(100);

struct Served {
    address: SocketAddr,
    metrics: Metrics,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Served {
    fn start(listen: &str, limits: Limits) -> Self {
        let bound = bind(&[listen.parse().unwrap()], 1).unwrap();
        let endpoint = bound.endpoints.into_iter().next().unwrap();
        let listener = TcpListener::from_std(endpoint.tcp).unwrap();
        let (metrics, stop) = (Metrics::new("0"), CancellationToken::new());
        let shared = Arc::new(Shared::new(Arc::new(context()), limits, &metrics));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, shared, stop.clone()));
        Self { address: endpoint.address, metrics, stop, tasks }
    }

    fn local(limits: Limits) -> Self {
        Self::start("127.0.0.1:0", limits)
    }

    async fn connect(&self) -> Client {
        Client(within(TcpStream::connect(self.address)).await.unwrap())
    }

    async fn end(mut self) -> String {
        self.stop.cancel();
        within(self.tasks.join_next()).await.unwrap().unwrap();
        self.metrics.render(Exposition::Text)
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

fn framed(message: &[u8]) -> Vec<u8> {
    let len = u16::try_from(message.len()).unwrap();
    [&len.to_be_bytes()[..], message].concat()
}

#[tokio::test]
async fn messages_may_follow_each_other_without_waiting_and_are_answered_in_order() {
    for listen in ["127.0.0.1:0", "[::1]:0"] {
        let served = Served::start(listen, Limits::default());
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
    for wrong in [vec![0, 0], framed(&[0; 11]), vec![0x10, 0x01], framed(&response)] {
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
async fn a_sender_that_does_not_finish_is_cut() {
    let served = Served::local(Limits { message: SOON, ..Limits::default() });
    let mut client = served.connect().await;
    client.ask(1).await;
    client.send(&framed(&query(2))[..20]).await;
    client.is_closed().await;
    served.end().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let served = Served::local(Limits { idle: SOON, ..Limits::default() });
    let mut client = served.connect().await;
    client.ask(1).await;
    client.is_closed().await;
    served.end().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let served = Served::local(Limits { write: SOON, ..Limits::default() });
    let mut client = served.connect().await;
    let burst = framed(&query_for(1, Rtype::TXT)).repeat(100);
    // The buffers of both sides fill up, then our writing stops, then the connection is gone.
    let cut = async { while client.0.write_all(&burst).await.is_ok() {} };
    within(cut).await;
    served.end().await;
}

#[tokio::test]
async fn a_connection_has_so_many_queries() {
    let served = Served::local(Limits { queries: 3, ..Limits::default() });
    let mut client = served.connect().await;
    for id in 0..3 {
        client.ask(id).await;
    }
    client.is_closed().await;
    served.end().await;
}

#[tokio::test]
async fn at_a_clients_limit_its_longest_idle_connection_is_closed() {
    let served = Served::local(Limits { per_client: 2, ..Limits::default() });
    let (mut first, mut second) = (served.connect().await, served.connect().await);
    first.ask(1).await;
    second.ask(2).await;
    first.ask(3).await;
    let mut third = served.connect().await;
    third.ask(4).await;
    second.is_closed().await;
    first.ask(5).await;
    third.ask(6).await;
    served.end().await;
}

#[tokio::test]
async fn at_the_limit_of_all_the_longest_idle_connection_is_closed() {
    let served = Served::start("0.0.0.0:0", Limits { connections: 2, ..Limits::default() });
    let mut clients = Vec::new();
    for host in 1..=3 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::new(127, 0, 1, host), 0).into()).unwrap();
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, served.address.port()));
        let mut client = Client(within(socket.connect(server)).await.unwrap());
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
