//! A network of our own: port 53 is free there, nothing leaves it, and the machine's own name
//! resolution is not touched.

use std::process::Command;

use nix::unistd::geteuid;

use crate::support::needs;

/// Set inside.
const INSIDE: &str = "LIVEZONE_TEST_RESOLVER";

/// Loopback, a link with the two addresses that servers have, and an empty /run. The link is there
/// as systemd-resolved asks nobody while there is none.
const SCRIPT: &str = "set -e
ip link set lo up
ip link add out type veth peer name far
ip addr add 10.0.0.2/24 dev out
ip addr add 10.0.0.3/24 dev out
ip link set out up
ip link set far up
mount -t tmpfs tmpfs /run
mkdir /run/etc
for file in passwd group; do
    cp /etc/$file /run/etc
    echo systemd-resolve:x:991:991::/: >>/run/etc/$file
    mount --bind /run/etc/$file /etc/$file
done
exec \"$LIVEZONE_TEST_EXE\" --exact --ignored --nocapture \"$LIVEZONE_TEST_RESOLVER\"";

/// Runs the test of that name in there; it needs these programs.
pub(crate) fn run(test: &str, programs: &[&str]) {
    let programs = [&["unshare", "ip", "mount"], programs].concat();
    if !needs::programs(test, &programs) || !needs::had(test, "root", geteuid().is_root()) {
        return;
    }
    let output = Command::new("unshare")
        .args(["--net", "--mount", "--propagation", "private", "sh", "-c", SCRIPT])
        .env("LIVEZONE_TEST_EXE", std::env::current_exe().unwrap())
        .env(INSIDE, test)
        .output()
        .unwrap();
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{}{}", said[0], said[1]);
    assert!(said[0].contains("1 passed"), "{}{}", said[0], said[1]);
}

/// Whether this test is the one that runs in there.
pub(crate) fn is_inside(test: &str) -> bool {
    std::env::var(INSIDE).is_ok_and(|inside| inside == test)
}
