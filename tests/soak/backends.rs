//! Backends that do as they are told: answer, refuse, say 503, or hang.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::fleet::Kind;

/// What a backend does with whoever connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conduct {
    Answers,
    Refuses,
    Says503,
    Hangs,
}

impl Conduct {
    /// The ways to fail that a check of this kind notices.
    pub(crate) fn failures(kind: Kind) -> &'static [Self] {
        match kind {
            Kind::Http => &[Self::Refuses, Self::Says503, Self::Hangs],
            Kind::Tcp => &[Self::Refuses],
        }
    }
}

/// Longer than any check waits.
const HANG: Duration = Duration::from_secs(2);
const AGAIN: Duration = Duration::from_millis(20);

/// The control of one backend.
#[derive(Debug)]
pub(crate) struct Backend(watch::Sender<Conduct>);

impl Backend {
    pub(crate) fn order(&self, conduct: Conduct) {
        self.0.send_replace(conduct);
    }
}

/// Starts a backend at each address, all on one thread that ends with the process, and gives their
/// ports.
pub(crate) fn start(addresses: &[Ipv4Addr]) -> Vec<(Backend, u16)> {
    let mut controls = Vec::new();
    let mut rooms = Vec::new();
    for address in addresses {
        let listener = std::net::TcpListener::bind((*address, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (control, orders) = watch::channel(Conduct::Answers);
        controls.push((Backend(control), listener.local_addr().unwrap().port()));
        rooms.push((listener, orders));
    }
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut backends = JoinSet::new();
            for (listener, orders) in rooms {
                backends.spawn(serve(TcpListener::from_std(listener).unwrap(), orders));
            }
            backends.join_all().await;
        });
    });
    controls
}

async fn serve(first: TcpListener, mut orders: watch::Receiver<Conduct>) {
    let address = first.local_addr().unwrap();
    let mut listener = Some(first);
    let mut guests = JoinSet::new();
    loop {
        let conduct = *orders.borrow_and_update();
        if conduct == Conduct::Refuses {
            listener = None;
            if orders.changed().await.is_err() {
                return;
            }
            continue;
        }
        let open = match listener.take() {
            Some(open) => open,
            None => bind(address).await,
        };
        tokio::select! {
            accepted = open.accept() => {
                if let Ok((stream, _)) = accepted {
                    guests.spawn(receive(stream, conduct));
                }
            }
            changed = orders.changed() => if changed.is_err() { return },
        }
        while guests.try_join_next().is_some() {}
        listener = Some(open);
    }
}

async fn bind(address: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}

async fn receive(mut stream: TcpStream, conduct: Conduct) {
    if conduct == Conduct::Hangs {
        tokio::time::sleep(HANG).await;
        return;
    }
    let mut request = [0; 1024];
    // A check over TCP alone says nothing and closes.
    if !matches!(stream.read(&mut request).await, Ok(1..)) {
        return;
    }
    let status = if conduct == Conduct::Says503 { "503 No" } else { "200 OK" };
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}
