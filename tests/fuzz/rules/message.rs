//! A reader of messages of its own: it shares no line with what it judges.

/// A type, by its number.
pub(crate) mod rtype {
    pub(crate) const A: u16 = 1;
    pub(crate) const NS: u16 = 2;
    pub(crate) const CNAME: u16 = 5;
    pub(crate) const SOA: u16 = 6;
    pub(crate) const AAAA: u16 = 28;
    pub(crate) const DNAME: u16 = 39;
    pub(crate) const OPT: u16 = 41;
    pub(crate) const DS: u16 = 43;
    pub(crate) const TSIG: u16 = 250;
    pub(crate) const ANY: u16 = 255;
}

const HEADER: usize = 12;
const MAX_NAME: usize = 255;

/// A name written out in full.
#[derive(Clone, Copy)]
pub(crate) struct Owned {
    octets: [u8; MAX_NAME],
    length: usize,
}

impl Owned {
    pub(crate) fn as_wire(&self) -> &[u8] {
        &self.octets[..self.length]
    }

    pub(crate) fn is_root(&self) -> bool {
        self.length == 1
    }

    /// Whether this is `other` or stands below it.
    pub(crate) fn is_within(&self, other: &[u8]) -> bool {
        let mut rest = self.as_wire();
        loop {
            if rest == other {
                return true;
            }
            match rest.first() {
                None | Some(0) => return false,
                Some(&length) => rest = &rest[usize::from(length) + 1..],
            }
        }
    }
}

/// One record.
pub(crate) struct Record<'m> {
    /// 0 answer, 1 authority, 2 additional.
    pub(crate) section: usize,
    /// In lower case.
    pub(crate) owner: Owned,
    pub(crate) rtype: u16,
    pub(crate) class: u16,
    pub(crate) ttl: u32,
    pub(crate) rdata: &'m [u8],
    /// Where the RDATA begins, for names in it.
    pub(crate) place: usize,
}

/// A question.
pub(crate) struct Question<'m> {
    /// Name, type and class.
    pub(crate) octets: &'m [u8],
    /// In lower case.
    pub(crate) name: Owned,
    pub(crate) rtype: u16,
    pub(crate) class: u16,
}

/// A whole message.
pub(crate) struct Message<'m> {
    pub(crate) octets: &'m [u8],
    pub(crate) header: [u16; 6],
    /// The first one.
    pub(crate) question: Option<Question<'m>>,
    pub(crate) records: Vec<Record<'m>>,
    /// Octets behind the last record.
    pub(crate) trailing: usize,
}

impl<'m> Message<'m> {
    /// `None` for what is no message from its header to its last record.
    pub(crate) fn read(octets: &'m [u8]) -> Option<Self> {
        let header = header(octets)?;
        let mut place = HEADER;
        let mut first = None;
        for _ in 0..header[2] {
            let (question, end) = question(octets, place)?;
            first.get_or_insert(question);
            place = end;
        }
        let mut records = Vec::new();
        for (section, count) in header[3..].iter().enumerate() {
            for _ in 0..*count {
                let (record, end) = record(octets, place, section)?;
                records.push(record);
                place = end;
            }
        }
        Some(Self { octets, header, question: first, records, trailing: octets.len() - place })
    }

    pub(crate) fn flag(&self, bit: u16) -> bool {
        self.header[1] & bit != 0
    }

    pub(crate) fn opcode(&self) -> u16 {
        self.header[1] >> 11 & 15
    }

    /// With the upper bits that an OPT record holds.
    pub(crate) fn rcode(&self) -> u16 {
        let upper = self.of(rtype::OPT).next().map_or(0, |opt| (opt.ttl >> 24) as u16);
        upper << 4 | self.header[1] & 15
    }

    pub(crate) fn of(&self, rtype: u16) -> impl Iterator<Item = &Record<'m>> {
        self.records.iter().filter(move |record| record.rtype == rtype)
    }

    /// The record that signs it, which is the last of all (RFC 8945 section 5.1).
    pub(crate) fn signature(&self) -> Option<&Record<'m>> {
        self.records.last().filter(|last| last.rtype == rtype::TSIG && last.section == 2)
    }

    pub(crate) fn section(&self, section: usize) -> impl Iterator<Item = &Record<'m>> {
        self.records.iter().filter(move |record| record.section == section)
    }
}

/// Id, flags and counts.
pub(crate) fn header(octets: &[u8]) -> Option<[u16; 6]> {
    let header = octets.first_chunk::<HEADER>()?;
    Some(std::array::from_fn(|n| u16::from_be_bytes([header[2 * n], header[2 * n + 1]])))
}

/// The question at `place`, which no pointer leads out of, and where it ends.
pub(crate) fn question(octets: &[u8], place: usize) -> Option<(Question<'_>, usize)> {
    let (name, after) = name(octets, place)?;
    if after - place != name.length {
        return None;
    }
    let end = after + 4;
    let question = Question {
        octets: octets.get(place..end)?,
        name,
        rtype: word(octets, after)?,
        class: word(octets, after + 2)?,
    };
    Some((question, end))
}

/// The record at `place`, and where it ends.
pub(crate) fn record(octets: &[u8], place: usize, section: usize) -> Option<(Record<'_>, usize)> {
    let (owner, at) = name(octets, place)?;
    let ttl = u32::from(word(octets, at + 4)?) << 16 | u32::from(word(octets, at + 6)?);
    let place = at + 10;
    let end = place + usize::from(word(octets, at + 8)?);
    let rdata = octets.get(place..end)?;
    let (rtype, class) = (word(octets, at)?, word(octets, at + 2)?);
    Some((Record { section, owner, rtype, class, ttl, rdata, place }, end))
}

/// The name at `place` in lower case, and where it ends there.
pub(crate) fn name(octets: &[u8], place: usize) -> Option<(Owned, usize)> {
    let (mut owned, end) = name_as_it_came(octets, place)?;
    // A length is below 64 and so no letter.
    owned.octets[..owned.length].make_ascii_lowercase();
    Some((owned, end))
}

/// The same in the case it came in. Each pointer leads further back than the last.
pub(crate) fn name_as_it_came(octets: &[u8], place: usize) -> Option<(Owned, usize)> {
    let mut owned = Owned { octets: [0; MAX_NAME], length: 0 };
    let (mut at, mut before, mut end) = (place, place, None);
    loop {
        let length = *octets.get(at)?;
        match length >> 6 {
            0 => {
                let label = octets.get(at..=at + usize::from(length))?;
                let room = owned.octets.get_mut(owned.length..owned.length + label.len())?;
                room.copy_from_slice(label);
                owned.length += label.len();
                at += label.len();
                if length == 0 {
                    return Some((owned, end.unwrap_or(at)));
                }
            }
            3 => {
                end = end.or(Some(at + 2));
                let target = usize::from(word(octets, at)? & 0x3fff);
                if target >= before {
                    return None;
                }
                (at, before) = (target, target);
            }
            _ => return None,
        }
    }
}

fn word(octets: &[u8], place: usize) -> Option<u16> {
    let pair = octets.get(place..)?.first_chunk()?;
    Some(u16::from_be_bytes(*pair))
}
