//! Messages as people read them, by the reader that judges fuzzing too. What no reply of any server
//! may be (cut, with pointers forward or octets behind it, of an `RRset` with two TTLs) ends the test
//! that met it.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::query::{Ask, Over};
use crate::reader;

const HEADER: usize = 12;

const MNEMONICS: [(&str, u16); 25] = [
    ("A", 1),
    ("NS", 2),
    ("CNAME", 5),
    ("SOA", 6),
    ("PTR", 12),
    ("MX", 15),
    ("TXT", 16),
    ("AAAA", 28),
    ("SRV", 33),
    ("NAPTR", 35),
    ("DNAME", 39),
    ("OPT", 41),
    ("DS", 43),
    ("RRSIG", 46),
    ("NSEC", 47),
    ("DNSKEY", 48),
    ("HTTPS", 65),
    ("TKEY", 249),
    ("TSIG", 250),
    ("IXFR", 251),
    ("AXFR", 252),
    ("MAILB", 253),
    ("MAILA", 254),
    ("ANY", 255),
    ("CAA", 257),
];

const RCODES: [&str; 11] = [
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET",
    "NXRRSET", "NOTAUTH", "NOTZONE",
];

/// The number of a type.
pub(crate) fn number(rtype: &str) -> u16 {
    let known = MNEMONICS.iter().find(|(text, _)| *text == rtype).map(|(_, number)| *number);
    known.unwrap_or_else(|| rtype.strip_prefix("TYPE").unwrap().parse().unwrap())
}

fn mnemonic(rtype: u16) -> String {
    let known = MNEMONICS.iter().find(|(_, number)| *number == rtype);
    known.map_or_else(|| format!("TYPE{rtype}"), |(text, _)| (*text).to_owned())
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// In the case it came in.
    pub(crate) owner: String,
    pub(crate) rtype: u16,
    pub(crate) class: u16,
    pub(crate) ttl: u32,
    /// As master files have it.
    pub(crate) data: String,
    /// Where its data begins.
    pub(crate) place: usize,
    pub(crate) length: usize,
}

impl Record {
    /// `owner ttl type data`, folded.
    fn shown(&self) -> String {
        let owner = self.owner.to_lowercase();
        format!("{owner} {} {} {}", self.ttl, mnemonic(self.rtype), self.data)
    }
}

/// The OPT record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opt {
    pub(crate) payload: u16,
    pub(crate) version: u8,
    pub(crate) flags: u16,
    pub(crate) options: Vec<(u16, Vec<u8>)>,
}

/// One message.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) octets: Vec<u8>,
    pub(crate) id: u16,
    pub(crate) flags: u16,
    /// The question section's octets.
    pub(crate) question: Vec<u8>,
    pub(crate) answer: Vec<Record>,
    pub(crate) authority: Vec<Record>,
    /// Without the OPT record.
    pub(crate) additional: Vec<Record>,
    pub(crate) opt: Option<Opt>,
    /// The upper eight bits of the rcode.
    upper: u8,
}

impl Message {
    /// Reads all of it; panics where that cannot be done.
    pub(crate) fn read(octets: Vec<u8>) -> Self {
        let [id, flags, counts @ ..] = reader::header(&octets).expect("a header");
        let mut place = HEADER;
        for _ in 0..counts[0] {
            (_, place) = reader::question(&octets, place).expect("a question");
        }
        let question = octets[HEADER..place].to_vec();
        let mut sections = [1, 2, 3].map(|section| {
            let next = |_| {
                let (record, end) = read_record(&octets, place);
                place = end;
                record
            };
            (0..counts[section]).map(next).collect::<Vec<Record>>()
        });
        assert_eq!(place, octets.len(), "octets behind the message");
        let [answer, authority, additional] = &mut sections;
        assert!(!answer.iter().chain(&*authority).any(|r| r.rtype == 41), "OPT out of place");
        let mut opts = additional.extract_if(.., |record| record.rtype == 41);
        let opt = opts.next();
        assert!(opts.next().is_none(), "two OPT records");
        drop(opts);
        let upper = opt.as_ref().map_or(0, |opt| opt.ttl.to_be_bytes()[0]);
        let opt = opt.map(|record| read_opt(&record, &octets));
        for section in &sections {
            whole_sets(section);
        }
        let [answer, authority, additional] = sections;
        Self { octets, id, flags, question, answer, authority, additional, opt, upper }
    }

    /// Holds what is so of every reply to a query.
    pub(crate) fn answers_to(self, ask: &Ask, over: Over) -> Self {
        assert_eq!(self.id, ask.id, "another id");
        assert_eq!(self.flags & 0x8000, 0x8000, "QR");
        assert_eq!(self.flags & 0x7900, ask.flags & 0x7900, "opcode and RD are echoed");
        assert_eq!(self.flags & 0x00e0, 0, "RA, Z and AD are 0");
        if !self.question.is_empty() {
            assert_eq!(self.question, ask.asked(), "the question is echoed octet by octet");
        }
        assert!(self.opt.is_none() || ask.payload.is_some(), "an OPT record that nobody asked for");
        if self.rcode() != "FORMERR" {
            assert_eq!(self.opt.is_some(), ask.payload.is_some(), "the OPT record is lost");
        }
        if let Some(opt) = &self.opt {
            assert_eq!((opt.version, opt.flags & 0x7fff), (0, 0), "version and flags of OPT");
            assert_eq!(opt.payload, 1232);
        }
        let asked = ask.payload.map_or(512, |payload| payload.clamp(512, 1232));
        if over == Over::Udp {
            assert!(self.octets.len() <= usize::from(asked), "{} octets", self.octets.len());
        } else {
            assert!(!self.tc(), "TC over TCP");
        }
        assert!(self.answer.iter().chain(&self.authority).all(|record| record.class == 1));
        self
    }

    pub(crate) fn aa(&self) -> bool {
        self.flags & 0x0400 != 0
    }

    pub(crate) fn tc(&self) -> bool {
        self.flags & 0x0200 != 0
    }

    pub(crate) fn rcode(&self) -> &'static str {
        match usize::from(self.upper) << 4 | usize::from(self.flags & 0x000f) {
            16 => "BADVERS",
            23 => "BADCOOKIE",
            code => RCODES[code],
        }
    }

    /// The answer section in the order it came.
    pub(crate) fn answers(&self) -> Vec<String> {
        self.answer.iter().map(Record::shown).collect()
    }

    /// The answer section, sorted.
    pub(crate) fn answer_set(&self) -> Vec<String> {
        sorted(&self.answer)
    }

    /// The authority section, sorted.
    pub(crate) fn authority_set(&self) -> Vec<String> {
        sorted(&self.authority)
    }

    /// The additional section without OPT, sorted.
    pub(crate) fn additional_set(&self) -> Vec<String> {
        sorted(&self.additional)
    }

    /// No records but OPT.
    pub(crate) fn is_empty(&self) -> bool {
        self.answer.is_empty() && self.authority.is_empty() && self.additional.is_empty()
    }

    /// Whether it is a header and nothing else.
    pub(crate) fn is_header_alone(&self) -> bool {
        self.octets.len() == HEADER
    }

    /// NOERROR of ours with nothing but a SOA.
    pub(crate) fn is_nodata(&self) -> bool {
        self.rcode() == "NOERROR" && self.is_negative()
    }

    /// NXDOMAIN of ours with nothing but a SOA.
    pub(crate) fn is_nxdomain(&self) -> bool {
        self.rcode() == "NXDOMAIN" && self.is_negative()
    }

    fn is_negative(&self) -> bool {
        let soa = matches!(&self.authority[..], [soa] if soa.rtype == 6);
        self.aa() && soa && self.answer.is_empty() && self.additional.is_empty()
    }

    /// The data of an option in the OPT record.
    pub(crate) fn option(&self, code: u16) -> Option<&[u8]> {
        let mut options = self.opt.as_ref()?.options.iter().filter(|(of, _)| *of == code);
        let (_, octets) = options.next()?;
        assert!(options.next().is_none(), "option {code} twice");
        Some(octets)
    }

    /// The extended error (RFC 8914) and its words.
    pub(crate) fn extended_error(&self) -> Option<(u16, String)> {
        let (code, text) = self.option(15)?.split_first_chunk()?;
        Some((u16::from_be_bytes(*code), String::from_utf8(text.to_vec()).unwrap()))
    }
}

fn sorted(records: &[Record]) -> Vec<String> {
    let mut shown: Vec<String> = records.iter().map(Record::shown).collect();
    shown.sort();
    shown
}

/// RFC 2181 section 5: each record once, and one TTL for each `RRset`.
fn whole_sets(section: &[Record]) {
    for (place, record) in section.iter().enumerate() {
        for other in &section[..place] {
            if other.rtype == record.rtype && other.owner.eq_ignore_ascii_case(&record.owner) {
                assert_eq!(other.ttl, record.ttl, "two TTLs in an RRset");
                assert_ne!(other.data, record.data, "a record twice");
            }
        }
    }
}

fn read_opt(record: &Record, octets: &[u8]) -> Opt {
    assert_eq!(record.owner, ".", "the OPT record's owner is the root");
    let [_, version, flags @ ..] = record.ttl.to_be_bytes();
    let end = record.place + record.length;
    let mut rdata = Rdata { octets: &octets[..end], place: record.place };
    let mut options = Vec::new();
    while rdata.place < end {
        let (code, length) = (rdata.word(), rdata.word());
        options.push((code, rdata.take(usize::from(length)).to_vec()));
    }
    Opt { payload: record.class, version, flags: u16::from_be_bytes(flags), options }
}

/// The record at `place`, and where it ends.
fn read_record(octets: &[u8], place: usize) -> (Record, usize) {
    let (read, end) = reader::record(octets, place, 0).expect("a record");
    let (owner, _) = reader::name_as_it_came(octets, place).expect("an owner");
    let mut rdata = Rdata { octets: &octets[..end], place: read.place };
    let data = rdata.shown(read.rtype);
    assert_eq!(rdata.place, end, "data of another length than said");
    let reader::Record { rtype, class, ttl, place, .. } = read;
    let record =
        Record { owner: text_of(&owner), rtype, class, ttl, data, place, length: end - place };
    (record, end)
}

/// What is left of a record's data, behind all that names in it may point to.
struct Rdata<'m> {
    octets: &'m [u8],
    place: usize,
}

impl<'m> Rdata<'m> {
    fn take(&mut self, length: usize) -> &'m [u8] {
        let taken = &self.octets[self.place..self.place + length];
        self.place += length;
        taken
    }

    fn octet(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn word(&mut self) -> u16 {
        u16::from_be_bytes(self.take(2).try_into().unwrap())
    }

    fn long(&mut self) -> u32 {
        u32::from_be_bytes(self.take(4).try_into().unwrap())
    }

    fn name(&mut self, may_point: bool) -> String {
        let (name, end) = reader::name_as_it_came(self.octets, self.place).expect("a name");
        let points = end - self.place != name.as_wire().len();
        assert!(may_point || !points, "a pointer in data that has none (RFC 3597)");
        self.place = end;
        text_of(&name)
    }

    /// As master files have it.
    fn shown(&mut self, rtype: u16) -> String {
        match rtype {
            1 => Ipv4Addr::from(self.long()).to_string(),
            28 => Ipv6Addr::from(<[u8; 16]>::try_from(self.take(16)).unwrap()).to_string(),
            2 | 5 | 12 => self.name(true),
            39 => self.name(false),
            6 => {
                let names = [self.name(true), self.name(true)].join(" ");
                let numbers = [(); 5].map(|()| self.long().to_string());
                // The serial depends on when the server was started.
                format!("{names} {}", numbers[1..].join(" "))
            }
            15 => format!("{} {}", self.word(), self.name(true)),
            33 => {
                let numbers = [(); 3].map(|()| self.word().to_string()).join(" ");
                format!("{numbers} {}", self.name(false))
            }
            16 => {
                let mut texts = Vec::new();
                while self.place < self.octets.len() {
                    let length = usize::from(self.octet());
                    texts.push(format!("{:?}", String::from_utf8_lossy(self.take(length))));
                }
                assert!(!texts.is_empty(), "a TXT has a string");
                texts.join(" ")
            }
            _ => {
                let octets = self.take(self.octets.len() - self.place);
                octets.iter().fold(String::new(), |mut text, octet| {
                    write!(text, "{octet:02x}").unwrap();
                    text
                })
            }
        }
    }
}

/// A name as text, in the case it came in.
fn text_of(name: &reader::Owned) -> String {
    let (mut text, mut rest) = (String::new(), name.as_wire());
    while let [length, labels @ ..] = rest
        && *length > 0
    {
        let (label, behind) = labels.split_at(usize::from(*length));
        for octet in label {
            escape(*octet, &mut text);
        }
        text.push('.');
        rest = behind;
    }
    if text.is_empty() { ".".to_owned() } else { text }
}

fn escape(octet: u8, text: &mut String) {
    match octet {
        b'.' | b'\\' => text.extend(['\\', char::from(octet)]),
        0x21..=0x7e => text.push(char::from(octet)),
        _ => write!(text, "\\{octet:03}").unwrap(),
    }
}
