//! What a server said, without what need not be equal: the order of records and their case.

use hickory_proto::op::Message;

use crate::master::bind::packets::Packet;
use crate::master::server::sorted;

const HEADER: usize = 12;

/// A reply's parts, each of which is compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ReplyParts {
    pub(super) rcode: u16,
    pub(super) opcode: u16,
    pub(super) aa: bool,
    pub(super) tc: bool,
    /// RD, RA, Z, AD and CD where they stand.
    pub(super) bits: u16,
    /// As it came, case and all.
    pub(super) question: Vec<u8>,
    pub(super) answer: Vec<String>,
    pub(super) authority: Vec<String>,
    pub(super) additional: Vec<String>,
    pub(super) opt: Option<Opt>,
    pub(super) signed: bool,
}

/// What an OPT record says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Opt {
    pub(super) payload: u16,
    pub(super) version: u8,
    pub(super) dnssec_ok: bool,
    pub(super) z: u16,
    /// The codes of its options.
    pub(super) options: Vec<u16>,
}

impl ReplyParts {
    /// Reads a reply to `packet`; whatever we or BIND say must be readable.
    pub(super) fn read(packet: &Packet, octets: &[u8]) -> Self {
        let message = Message::from_vec(octets)
            .unwrap_or_else(|error| panic!("{error} in the reply {octets:02x?} to {packet:?}"));
        let flags = u16::from_be_bytes([octets[2], octets[3]]);
        assert!(flags & 0x8000 != 0, "QR is not set in the reply to {packet:?}");
        let questions = u16::from_be_bytes([octets[4], octets[5]]);
        let asked = packet.asked().map_or(0, |(name, ..)| name.len() + 4);
        let question = octets[HEADER..].get(..asked * usize::from(questions)).unwrap_or_default();
        let opt = message.edns.as_ref().map(|edns| Opt {
            payload: edns.max_payload(),
            version: edns.version(),
            dnssec_ok: edns.flags().dnssec_ok,
            z: edns.flags().z,
            options: edns.options().as_ref().iter().map(|(code, _)| u16::from(*code)).collect(),
        });
        let records = |section| sorted(section).iter().map(|r| without_serial(r)).collect();
        Self {
            rcode: message.metadata.response_code.into(),
            opcode: flags >> 11 & 0xf,
            aa: flags & 0x0400 != 0,
            tc: flags & 0x0200 != 0,
            bits: flags & 0x01f0,
            question: question.to_owned(),
            answer: records(&message.answers),
            authority: records(&message.authorities),
            additional: records(&message.additionals),
            opt,
            signed: message.signature.is_some(),
        }
    }

    /// For those that were cut.
    pub(super) fn forget_records(&mut self) {
        self.answer.clear();
        self.authority.clear();
        self.additional.clear();
    }

    /// The delegated name that this leads to.
    pub(super) fn cut(&self) -> Option<String> {
        if self.authority.iter().any(|record| record.contains(" in soa ")) {
            return None;
        }
        let head =
            self.authority.iter().find_map(|record| Some(record.split_once(" in ns ")?.0))?;
        head.split(' ').next().map(str::to_owned)
    }
}

/// The serial of a SOA is livezone's own: it grows by each change of health.
fn without_serial(record: &str) -> String {
    let mut words: Vec<&str> = record.split(' ').collect();
    if words.get(3) == Some(&"soa") {
        words[6] = "SERIAL";
    }
    words.join(" ")
}
