//! Queries as clients, broken clients and attackers send them: drawn with a fixed seed over the
//! names of the zones.

use std::fmt;
use std::str::FromStr;

use fastrand::Rng;
use hickory_proto::op::Message;
use hickory_proto::rr::Name;

const SEED: u64 = 4592;
const HEADER: usize = 12;
const IN: u16 = 1;
const OPT: u16 = 41;
const TSIG: u16 = 250;
/// What is asked most: A, NS, CNAME, SOA, PTR, HINFO, MX, TXT, AAAA, SRV, DNAME, DS, HTTPS, ANY,
/// CAA and one that nobody has named.
const COMMON: [u16; 16] = [1, 2, 5, 6, 12, 13, 15, 16, 28, 33, 39, 43, 65, 255, 257, 65280];
/// Mail's old ones, DNSSEC's, transfers, signatures, reserved and unknown ones.
const RARE: [u16; 27] = [
    0, 3, 4, 7, 10, 24, 25, 29, 35, 41, 46, 47, 48, 50, 52, 64, 99, 100, 128, 249, 250, 251, 252,
    253, 254, 256, 1000,
];
const LABELS: [&str; 9] = ["x", "*", "sub", "www", "a", "ns", "_ssh", "host", "deep"];
/// A client that has no cookie of ours yet.
const COOKIE: &[u8] = &[0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];
/// A COOKIE option of 7 octets; 8 are the least.
const SHORT_COOKIE: &[u8] = &[0, 10, 0, 7, 1, 2, 3, 4, 5, 6, 7];
/// A record of the root of type 2089 that holds nothing.
pub(super) const EMPTY: &[u8] = &[0, 8, 41, 0, 1, 0, 0, 0, 0, 0, 0];
/// The option that names a client's subnet.
const SUBNET: &[u8] = &[0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2];
/// Options of an OPT record.
const OPTIONS: [&[u8]; 10] = [
    &[0, 100, 0, 0],            // nobody's
    &[255, 231, 0, 3, 1, 2, 3], // for local use
    &[0, 3, 0, 0],              // NSID
    &[0, 9, 0, 0],              // EXPIRE
    COOKIE,
    SHORT_COOKIE,
    &[0, 11, 0, 0],             // keepalive
    &[0, 12, 0, 4, 0, 0, 0, 0], // padding
    SUBNET,
    &[0, 15, 0, 2, 0, 0], // an extended error, from a client
];
const SIZES: [u16; 12] = [0, 1, 511, 512, 513, 600, 700, 900, 1231, 1232, 1400, 4096];

/// One message to both servers.
#[derive(Clone)]
pub(super) struct Packet {
    pub(super) octets: Vec<u8>,
    pub(super) tcp: bool,
    pub(super) kind: &'static str,
}

/// In hex: a failure can be sent again by hand.
impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} over {} ", self.kind, if self.tcp { "TCP" } else { "UDP" })?;
        self.octets.iter().try_for_each(|octet| write!(f, "{octet:02x}"))?;
        match self.asked() {
            Some((name, rtype, class)) => {
                let name = Name::from_labels(labels(name)).unwrap_or_default();
                write!(f, " ({name} type {rtype} class {class} flags {:#06x})", self.flags())
            }
            None => Ok(()),
        }
    }
}

/// A question over TCP and nothing beside it.
pub(super) fn plain(name: &str, rtype: u16) -> Packet {
    let mut octets = vec![0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    octets.extend(wire(&Name::from_str(name).unwrap()));
    octets.extend([rtype, IN].iter().flat_map(|word| word.to_be_bytes()));
    Packet { octets, tcp: true, kind: "plain" }
}

impl Packet {
    fn word(&self, at: usize) -> u16 {
        self.octets.get(at..at + 2).map_or(0, |o| u16::from_be_bytes([o[0], o[1]]))
    }

    pub(super) fn id(&self) -> u16 {
        self.word(0)
    }

    pub(super) fn flags(&self) -> u16 {
        self.word(2)
    }

    pub(super) fn opcode(&self) -> u16 {
        self.flags() >> 11 & 0xf
    }

    pub(super) fn questions(&self) -> u16 {
        self.word(4)
    }

    /// The name as it stands there, the type and the class.
    pub(super) fn asked(&self) -> Option<(&[u8], u16, u16)> {
        let end = self.name_end()?;
        let name = self.octets.get(HEADER..end)?;
        self.octets.get(end..end + 4)?;
        Some((name, self.word(end), self.word(end + 2)))
    }

    pub(super) fn rtype(&self) -> Option<u16> {
        self.asked().map(|(_, rtype, _)| rtype)
    }

    pub(super) fn class(&self) -> Option<u16> {
        self.asked().map(|(_, _, class)| class)
    }

    /// The most octets of its reply: what the asker takes, and no more than both servers send.
    pub(super) fn room(&self) -> usize {
        if self.tcp {
            return usize::from(u16::MAX);
        }
        let edns = Message::from_vec(&self.octets).ok().and_then(|message| message.edns);
        usize::from(edns.map_or(512, |edns| edns.max_payload().clamp(512, 1232)))
    }

    /// The name without its case.
    pub(super) fn name(&self) -> Option<String> {
        let (name, ..) = self.asked()?;
        Some(Name::from_labels(labels(name)).ok()?.to_string().to_lowercase())
    }

    /// Whether these octets are in it.
    pub(super) fn has(&self, part: &[u8]) -> bool {
        self.octets.windows(part.len()).any(|octets| octets == part)
    }

    /// The same about another name.
    pub(super) fn about(&self, name: &str) -> Option<Self> {
        let rest = self.octets.get(self.name_end()?..)?;
        let name = wire(&Name::from_str(name).ok()?);
        Some(Self { octets: [&self.octets[..HEADER], &name, rest].concat(), ..self.clone() })
    }

    fn name_end(&self) -> Option<usize> {
        let mut at = HEADER;
        loop {
            let len = usize::from(*self.octets.get(at)?);
            at += 1 + len;
            match len {
                0 => return Some(at),
                64.. => return None,
                _ => {}
            }
        }
    }
}

fn labels(name: &[u8]) -> Vec<&[u8]> {
    let mut labels = Vec::new();
    let mut rest = name;
    while let Some((&len, tail)) = rest.split_first().filter(|(len, _)| **len > 0) {
        let (label, next) = tail.split_at(usize::from(len).min(tail.len()));
        labels.push(label);
        rest = next;
    }
    labels
}

fn wire(name: &Name) -> Vec<u8> {
    let mut octets = Vec::new();
    for label in name {
        octets.push(u8::try_from(label.len()).unwrap());
        octets.extend(label);
    }
    octets.push(0);
    octets
}

/// A message in the making.
struct Draft {
    flags: u16,
    counts: [u16; 4],
    question: Vec<u8>,
    records: Vec<u8>,
}

impl Draft {
    fn octets(&self, id: u16) -> Vec<u8> {
        let mut octets = [id.to_be_bytes(), self.flags.to_be_bytes()].concat();
        octets.extend(self.counts.iter().flat_map(|count| count.to_be_bytes()));
        octets.extend(&self.question);
        octets.extend(&self.records);
        octets
    }

    fn add(&mut self, section: usize, record: &[u8]) {
        self.counts[section] += 1;
        self.records.extend(record);
    }
}

/// An OPT record; `ttl` is the extended code, the version and the flags.
fn opt(payload: u16, ttl: [u8; 4], options: &[u8]) -> Vec<u8> {
    record(&[0], OPT, payload, ttl, options)
}

fn record(owner: &[u8], rtype: u16, class: u16, ttl: [u8; 4], data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(data.len()).unwrap();
    let [rtype, class, len] = [rtype, class, len].map(u16::to_be_bytes);
    [owner, &rtype, &class, &ttl, &len, data].concat()
}

/// Draws packets over the given names, which end in a dot.
pub(super) fn packets(names: &[String], count: usize) -> Vec<Packet> {
    let mut rng = Rng::with_seed(SEED);
    let mut all: Vec<Packet> = Vec::new();
    // Each name by each of the common types, so that no corner of the zones is left to luck.
    for name in names {
        for rtype in COMMON {
            let draft = question(&mut rng, name, rtype);
            all.push(finish(&mut rng, &draft, "question"));
        }
    }
    all.extend(options(&mut rng));
    all.extend(sizes(&mut rng));
    while all.len() < count {
        let (name, rtype) = (below(&mut rng, names), any_type(&mut rng));
        let mut draft = question(&mut rng, &name, rtype);
        let kind = rng.usize(..100);
        all.push(match kind {
            0..50 => finish(&mut rng, &draft, "question"),
            50..58 => {
                draft.flags |= rng.u16(1..16) << 11;
                finish(&mut rng, &draft, "opcode")
            }
            58..66 => {
                let class = [0, 2, 3, 4, 254, 255, rng.u16(..)][rng.usize(..7)];
                let end = draft.question.len();
                draft.question[end - 2..].copy_from_slice(&class.to_be_bytes());
                finish(&mut rng, &draft, "class")
            }
            66..72 => {
                let times = rng.usize(..4);
                draft.question = draft.question.repeat(times);
                let wrong = [0, 2, 3, u16::MAX][rng.usize(..4)];
                draft.counts[0] = if rng.bool() { u16::try_from(times).unwrap() } else { wrong };
                if rng.u8(..4) == 0 {
                    draft.records = opt(1232, [0; 4], COOKIE);
                    draft.counts[3] = 1;
                }
                finish(&mut rng, &draft, "count of questions")
            }
            72..90 => {
                let kind = odd_records(&mut rng, &mut draft);
                finish(&mut rng, &draft, kind)
            }
            _ => malformed(&mut rng, &draft),
        });
    }
    all
}

/// Each option over both transports, at an apex, where some have a meaning.
fn options(rng: &mut Rng) -> Vec<Packet> {
    let mut all = Vec::new();
    for (option, tcp) in OPTIONS.iter().flat_map(|option| [(option, false), (option, true)]) {
        let mut draft = question(rng, "example.", 6);
        draft.records = opt(1232, [0; 4], option);
        draft.counts[3] = 1;
        all.push(Packet { octets: draft.octets(rng.u16(..)), tcp, kind: "option" });
    }
    all
}

/// Answers that begin to fit at some size, asked for at each: one record, several, and sets of
/// which a part would fit.
fn sizes(rng: &mut Rng) -> Vec<Packet> {
    let mut all = Vec::new();
    for (name, rtype) in [("exact", 16), ("medium", 16), ("many", 1), ("many", 28)] {
        for payload in 490..1240 {
            let mut draft = question(rng, &format!("{name}.example."), rtype);
            draft.records = opt(payload, [0; 4], &[]);
            draft.counts[3] = 1;
            all.push(Packet { octets: draft.octets(rng.u16(..)), tcp: false, kind: "size" });
        }
    }
    all
}

fn finish(rng: &mut Rng, draft: &Draft, kind: &'static str) -> Packet {
    Packet { octets: draft.octets(rng.u16(..)), tcp: rng.u8(..4) == 0, kind }
}

fn any_type(rng: &mut Rng) -> u16 {
    if rng.u8(..4) > 0 { COMMON[rng.usize(..COMMON.len())] } else { RARE[rng.usize(..RARE.len())] }
}

/// A name of the zones, or one below it.
fn below(rng: &mut Rng, names: &[String]) -> String {
    let mut name = names[rng.usize(..names.len())].clone();
    for _ in 0..rng.usize(..4) {
        let dot = if name == "." { "" } else { "." };
        name = format!("{}{dot}{name}", LABELS[rng.usize(..LABELS.len())]);
    }
    name
}

/// A good question: in mixed case, with flags that mean nothing in a query, with or without EDNS.
fn question(rng: &mut Rng, name: &str, rtype: u16) -> Draft {
    let mut name = wire(&Name::from_ascii(name).unwrap());
    if rng.bool() {
        let letters = name.iter_mut().filter(|octet| octet.is_ascii_alphabetic());
        letters.for_each(|letter| *letter ^= u8::from(rng.bool()) << 5);
    }
    // AA, TC, RD, RA, Z, AD, CD and the four bits of an rcode.
    let flags = [0, 0x0100, rng.u16(..) & 0x07f0, rng.u16(..) & 0x07ff][rng.usize(..4)];
    let question = [&name[..], &rtype.to_be_bytes(), &IN.to_be_bytes()].concat();
    let mut draft = Draft { flags, counts: [1, 0, 0, 0], question, records: Vec::new() };
    if rng.bool() {
        let payload = SIZES[rng.usize(..SIZES.len())];
        draft.add(3, &opt(payload, [0, 0, u8::from(rng.bool()) << 7, 0], &[]));
    }
    draft
}

/// Records that belong into a query, or do not.
fn odd_records(rng: &mut Rng, draft: &mut Draft) -> &'static str {
    draft.records.clear();
    draft.counts[3] = 0;
    let good = opt(1232, [0; 4], &[]);
    let of_a = |owner: &[u8]| record(owner, 1, IN, [0; 4], &[192, 0, 2, 1]);
    match rng.u8(..15) {
        0 => draft.add(3, &opt(1232, [rng.u8(..), 0, rng.u8(..) & 0x7f, rng.u8(..)], &[])),
        1 => draft.add(3, &opt(1232, [0, rng.u8(1..), 0x80, 0], &[])),
        2 | 3 | 13 | 14 => draft.add(3, &opt(1232, [0; 4], OPTIONS[rng.usize(..OPTIONS.len())])),
        4 => draft.add(3, &opt(1232, [0; 4], &OPTIONS[..4].concat())),
        5 => (0..2).for_each(|_| draft.add(3, &good)),
        6 => draft.add(3, &[b"\x01a", &good[..]].concat()),
        7 => draft.add(1 + rng.usize(..2), &good),
        // An option that is longer than its record, and one without a length.
        8 => {
            let overrun: [&[u8]; 2] = [&[0, 100, 0, 9, 1], &[0, 100, 0]];
            draft.add(3, &opt(1232, [0; 4], overrun[rng.usize(..2)]));
        }
        9 => {
            let section = 1 + rng.usize(..3);
            draft.add(section, &of_a(&[0xc0, 12]));
            draft.add(3, &good);
        }
        10 => draft.add(1 + rng.usize(..3), EMPTY),
        11 => draft.add(1 + rng.usize(..3), &of_a(&[0xc0, 0xff])),
        _ => {
            let mut data = b"\x0bhmac-sha256\x00\x00\x00\x65\x00\x00\x00\x01\x2c\x00\x20".to_vec();
            data.extend([7; 32]);
            data.extend([0x12, 0x34, 0, 0, 0, 0]);
            draft.add(3, &record(b"\x03key\x00", TSIG, 255, [0; 4], &data));
            return "signature";
        }
    }
    "odd records"
}

/// What is no message, or hardly one.
fn malformed(rng: &mut Rng, draft: &Draft) -> Packet {
    let mut packet = finish(rng, draft, "malformed");
    let octets = &mut packet.octets;
    match rng.u8(..9) {
        0 | 1 => octets.truncate(rng.usize(..octets.len())),
        2 => octets.extend((0..rng.usize(1..40)).map(|_| rng.u8(..))),
        3 => octets[2] |= 0x80,
        4 => {
            let count = HEADER - 8 + 2 * rng.usize(1..4);
            octets[count + 1] = octets[count + 1].wrapping_add(rng.u8(1..4));
        }
        5 => octets[HEADER] = [0x40, 0x80, 0xbf, 0x3f, 0][rng.usize(..5)],
        6 => {
            octets.truncate(HEADER);
            let target = [0, 4, 12, 14, 0xff][rng.usize(..5)];
            octets.extend([1, b'a', 0xc0, target, 0, 1, 0, 1]);
        }
        7 => {
            // 255 octets are a name, 256 are not.
            let last = 61 + rng.usize(..2);
            octets.truncate(HEADER);
            for len in [63, 63, 63, last] {
                octets.push(u8::try_from(len).unwrap());
                octets.extend(vec![b'a'; len]);
            }
            octets.extend([0, 0, 1, 0, 1]);
            octets[5..HEADER].copy_from_slice(&[1, 0, 0, 0, 0, 0, 0]);
        }
        _ => {
            for _ in 0..rng.usize(1..4) {
                // Behind the question each octet has its case in the records above.
                let place = rng.usize(..octets.len() - draft.records.len());
                octets[place] ^= 1 << rng.u8(..8);
            }
        }
    }
    packet
}
