//! The server that all these tests ask.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::thread;

use crate::query::ask;
use crate::within;
use crate::zones;

static ADDRESS: LazyLock<SocketAddr> = LazyLock::new(|| {
    let address = within::start("rfc", zones::write);
    // The first round of checks is over when `down` is known to be down.
    while ask("down.service.internal", "A").udp_at(address).rcode() == "SERVFAIL" {
        thread::yield_now();
    }
    address
});

/// Where it answers, over UDP and TCP.
pub(crate) fn address() -> SocketAddr {
    *ADDRESS
}
