//! What fuzzing starts from: packets as clients and attackers send them, and the files of other
//! tests. `cargo test --test fuzz -- --ignored` writes them to `fuzz/seeds/`.

use std::fs;
use std::path::{Path, PathBuf};

use super::rules::cookies::{PREVIOUS, SECRET, made};
use super::rules::how::BASE;

const NAMES: [&str; 34] = [
    "service.internal",
    "web.service.internal",
    "wEb.SerVice.InTernal",
    "v1.web.service.internal",
    "x.y.web.service.internal",
    "blue.web.service.internal",
    "nobody.web.service.internal",
    "_web._tcp.service.internal",
    "_web._v1.service.internal",
    "0a000001.addr.service.internal",
    "gone.service.internal",
    "kept.service.internal",
    "external.service.internal",
    "outside.service.internal",
    "few.service.internal",
    "many.service.internal",
    "mail.service.internal",
    "alias.service.internal",
    "loop.service.internal",
    "x.away.service.internal",
    "x.wild.service.internal",
    "x.alias.service.internal",
    "www.below.service.internal",
    "nothing.service.internal",
    "x.sub.service.internal",
    "one.a.test",
    "l1.a.test",
    "x.long.a.test",
    "www.signed.del.test",
    "ssh.example",
    "sub.*.example",
    "web.svc.test",
    "broken.test",
    "elsewhere.org",
];
const TYPES: [u16; 18] = [1, 28, 33, 16, 6, 2, 5, 255, 43, 65, 39, 15, 0, 41, 250, 251, 252, 65280];

/// Options of OPT: their names are for the files.
const OPTIONS: [(&str, &[u8]); 12] = [
    ("bare", b""),
    ("cookie", b"\x00\x0a\x00\x08\x01\x02\x03\x04\x05\x06\x07\x08"),
    ("cookie_both", b"\x00\x0a\x00\x18\x01\x02\x03\x04\x05\x06\x07\x08\x01\x00\x00\x00\x5f\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08"),
    ("cookie_short", b"\x00\x0a\x00\x07\x01\x02\x03\x04\x05\x06\x07"),
    ("keepalive", b"\x00\x0b\x00\x00"),
    ("keepalive_timeout", b"\x00\x0b\x00\x02\x00\x64"),
    ("nsid", b"\x00\x03\x00\x00"),
    ("padding", b"\x00\x0c\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
    ("subnet", b"\x00\x08\x00\x07\x00\x01\x18\x00\xc0\x00\x02"),
    ("unknown", b"\xff\xe0\x00\x03abc"),
    ("cut", b"\x00\x0a\x00\x08\x01\x02"),
    ("two", b"\x00\x0b\x00\x00\x00\x0a\x00\x08\x01\x02\x03\x04\x05\x06\x07\x08"),
];

#[test]
#[ignore = "writes the inputs that fuzzing starts from"]
fn seeds() {
    let to = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    packets(&to.join("respond"));
    copy(
        &to.join("native"),
        "toml",
        &[
            "tests/bad/native",
            "zones/service.internal",
            "tests/fuzz/rules/fixture",
            "tests/files/master/cases/services/zones/a.test",
        ],
    );
    copy(&to.join("zone_toml"), "toml", &["tests/bad/zone", "zones/service.internal"]);
    copy(&to.join("config"), "toml", &["tests/bad/config", "zones/service.internal"]);
    for (target, ending) in [("consul_json", "json"), ("consul_hcl", "hcl")] {
        let folders = ["tests/bad/consul", "tests/consul/definitions", "tests/consul/beyond"];
        copy(&to.join(target), ending, &folders);
    }
    copy(
        &to.join("master"),
        "zone",
        &["tests/bad/master", "tests/fuzz/rules/fixture", "tests/files/master/bind"],
    );
    let included = "$TTL 5\n$INCLUDE 1.inc sub\nb A 192.0.2.1\n;;;;\na A 192.0.2.2\n$INCLUDE 2.inc\n;;;;\nc TXT x\n";
    fs::write(to.join("master/included"), included).unwrap();
}

/// The files of some folders that end so; one of a name wins over those before.
fn copy(to: &Path, ending: &str, folders: &[&str]) {
    fs::create_dir_all(to).unwrap();
    for folder in folders {
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.extension().is_some_and(|found| found == ending) {
                fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
            }
        }
    }
}

fn packets(to: &Path) {
    fs::create_dir_all(to).unwrap();
    let put = |name: String, how: u8, packet: Vec<u8>| {
        fs::write(to.join(name), [vec![how], packet].concat()).unwrap();
    };
    for (n, name) in NAMES.iter().enumerate() {
        for rtype in TYPES {
            let flags = if n % 2 == 0 { 0x0100 } else { 0 };
            put(format!("plain-{n}-{rtype}"), 2, packet(flags, &[(name, rtype, 1)], &[]));
        }
        put(format!("edns-{n}"), 2, packet(0, &[(name, 1, 1)], &[opt(1232, 0, b"")]));
        put(format!("do-{n}"), 1, packet(0, &[(name, 255, 1)], &[opt(4096, 0x8000, b"")]));
    }
    let web = [(NAMES[1], 1, 1)];
    for (name, options) in OPTIONS {
        put(format!("option-{name}"), 2, packet(0, &web, &[opt(1232, 0, options)]));
        put(format!("option-tcp-{name}"), 1, packet(0, &web, &[opt(1232, 0, options)]));
    }
    for size in [0, 511, 512, 513, 600, 900, 1231, 1232, 1233, 4096, 65535] {
        for rtype in [1, 33, 16] {
            let query = packet(0, &[("many.service.internal", rtype, 1)], &[opt(size, 0, b"")]);
            put(format!("size-{size}-{rtype}"), 2, query);
        }
    }
    for class in [0, 2, 3, 4, 254, 255] {
        put(format!("class-{class}"), 2, packet(0, &[(NAMES[1], 1, class)], &[]));
    }
    // NOTIFY and UPDATE among them.
    for opcode in 1..16 {
        put(format!("opcode-{opcode}"), 2, packet(opcode << 11, &web, &[opt(512, 0, b"")]));
    }
    for peer in 0..8 {
        put(format!("peer-{peer}"), peer << 2, packet(0, &web, &[]));
    }
    odd(&put, &web);
    proved(&put, &web);
}

/// Cookies that are worth something, of every age, and packets that are limited, denied, or come
/// from ourselves.
fn proved(put: &dyn Fn(String, u8, Vec<u8>), web: &[(&str, u16, u16)]) {
    let client = b"\x24\x64\xc4\xab\xcf\x10\xc9\x57";
    let option = |data: &[u8]| [b"\x00\x0a\x00\x18", data].concat();
    let peers = ["127.0.0.1", "2001:db8::7", "127.0.0.1", "127.9.9.9"];
    for (n, peer) in (0u8..).zip(peers) {
        let peer = peer.parse().unwrap();
        for age in [0, 1700, 2000, 3500, 3700, -200, -400] {
            for secret in [SECRET, PREVIOUS[0], PREVIOUS[1]] {
                let made = made(secret, client, peer, BASE.checked_sub_signed(age).unwrap());
                let query = packet(0, web, &[opt(1232, 0, &option(&made))]);
                put(format!("cookie-{n}-{age}-{}", &secret[..4]), n << 2 | 0x60, query);
            }
        }
        let fresh = option(&made(SECRET, client, peer, BASE));
        let bare = packet(0, &[], &[opt(1232, 0, &fresh)]);
        put(format!("cookie-alone-{n}"), n << 2 | 2, bare.clone());
        for time in [0, 4, 16, 28, 40, 63] {
            put(
                format!("cookie-later-{n}-{time}"),
                n << 2 | 0xc2,
                [vec![time], bare.clone()].concat(),
            );
        }
    }
    for settings in 0..4 {
        for peer in 0..8 {
            let how = settings << 5 | peer << 2 | 2;
            for (name, _, _) in
                [web[0], ("nothing.service.internal", 1, 1), ("elsewhere.org", 1, 1)]
            {
                let query = packet(0, &[(name, 1, 1)], &[opt(1232, 0, OPTIONS[1].1)]);
                put(format!("settings-{settings}-{peer}-{}", &name[..3]), how, query);
            }
        }
    }
    for asked in [0x00, 0x40, 0x80, 0xc0] {
        put(format!("asked-{asked}"), 0x82, [vec![asked | 16], packet(0, web, &[])].concat());
    }
}

fn odd(put: &dyn Fn(String, u8, Vec<u8>), web: &[(&str, u16, u16)]) {
    let bare = || opt(1232, 0, b"");
    let tsig = b"\x03key\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x3a\x08hmac-md5\x07sig-alg\x03reg\x03int\x00\x00\x00\x65\x00\x00\x00\x01\x2c\x00\x10aaaaaaaaaaaaaaaa\x12\x34\x00\x00\x00\x00";
    let soa = b"\x00\x00\x06\x00\x01\x00\x00\x00\x00\x00\x16\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01";
    let mut named = opt(1232, 0, b"");
    named.splice(0..1, *b"\x01a\x00");
    let pointer =
        |to: u8| [&packet(0, &[], &[])[..5], &[1, 0, 0, 0, 0, 0, 0, 0xc0, to, 0, 1, 0, 1]].concat();
    let mut flagged = packet(0, web, &[]);
    flagged[3] |= 0x7f;
    let all = [
        ("response", packet(0x8000, web, &[])),
        ("flags", flagged),
        ("opts", packet(0, web, &[bare(), bare()])),
        ("opt-named", packet(0, web, &[named])),
        ("version", packet(0, web, &[opt(1232, 1 << 16, b"")])),
        ("tsig", packet(0, web, &[tsig.to_vec()])),
        ("tsig-opt", packet(0, web, &[bare(), tsig.to_vec()])),
        ("ixfr", packet(0, &[("service.internal", 251, 1)], &[soa.to_vec()])),
        ("none", packet(0, &[], &[])),
        ("none-cookie", packet(0, &[], &[opt(1232, 0, OPTIONS[1].1)])),
        ("twice", packet(0, &[web[0], web[0]], &[])),
        ("self", pointer(12)),
        ("header", pointer(0)),
        ("short", vec![0; 11]),
        ("trailing", [packet(0, web, &[]), b"behind".to_vec()].concat()),
    ];
    for (name, octets) in all {
        put(format!("odd-{name}"), 2, octets);
    }
    for labels in [1, 126, 127] {
        let long = vec!["a"; labels].join(".");
        put(format!("labels-{labels}"), 2, packet(0, &[(&long, 1, 1)], &[]));
    }
    let long = vec!["a".repeat(63); 3].join(".");
    for last in [60, 61, 62] {
        let name = format!("{long}.{}", "b".repeat(last));
        put(format!("longest-{last}"), 2, packet(0, &[(&name, 1, 1)], &[]));
        put(format!("dname-{last}"), 2, packet(0, &[(&format!("{name}.a.test"), 1, 1)], &[]));
    }
}

/// Records stand in the additional section.
fn packet(flags: u16, questions: &[(&str, u16, u16)], records: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![0x12, 0x34];
    let counts = [questions.len(), 0, 0, records.len()].map(|count| u16::try_from(count).unwrap());
    out.extend([flags].iter().chain(&counts).flat_map(|word| word.to_be_bytes()));
    for (name, rtype, class) in questions {
        out.extend(super::rules::respond::wire(name));
        out.extend([rtype, class].iter().flat_map(|word| word.to_be_bytes()));
    }
    out.extend(records.concat());
    out
}

/// `ttl` holds the rcode's upper bits, the version and the flags.
fn opt(payload: u16, ttl: u32, options: &[u8]) -> Vec<u8> {
    let length = u16::try_from(options.len()).unwrap().to_be_bytes();
    [&[0, 0, 41], &payload.to_be_bytes()[..], &ttl.to_be_bytes(), &length, options].concat()
}
