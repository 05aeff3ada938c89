//! Two replies to one packet, and what may be forgiven of their difference.

use std::fmt;

use hickory_proto::op::ResponseCode::{self, FormErr, NXDomain, NoError, NotAuth, NotImp, Refused};

use crate::master::bind::packets::{EMPTY, Packet};
use crate::master::bind::said::ReplyParts;
use crate::master::bind::servers::Server;

const ANY: u16 = 255;
const CNAME: u16 = 5;
const IN: u16 = 1;
const RD: u16 = 0x0100;
const AD: u16 = 0x0020;
const CD: u16 = 0x0010;
const EDE: u16 = 15;
pub(super) const SUBNET: u16 = 8;
pub(super) const EXPIRE: u16 = 9;

pub(super) struct Pair<'t> {
    packet: &'t Packet,
    ours: Option<ReplyParts>,
    theirs: Option<ReplyParts>,
    /// How many octets more ours could have had.
    room: usize,
    bind: &'t Server,
}

impl fmt::Display for Pair<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}\n  ours   {:?}\n  theirs {:?}", self.packet, self.ours, self.theirs)
    }
}

impl<'t> Pair<'t> {
    pub(super) fn new(packet: &'t Packet, livezone: &Server, bind: &'t Server) -> Self {
        let (ours, theirs) = (livezone.ask(packet), bind.ask(packet));
        let said = |octets: &Vec<u8>| ReplyParts::read(packet, octets);
        let length = ours.as_ref().map_or(0, Vec::len);
        let room = packet.room().checked_sub(length);
        let room = room.unwrap_or_else(|| panic!("{length} octets to {packet:?}"));
        Self {
            packet,
            ours: ours.as_ref().map(said),
            theirs: theirs.as_ref().map(said),
            room,
            bind,
        }
    }

    pub(super) fn is_equal(&self) -> bool {
        self.ours == self.theirs
    }

    fn both(&mut self) -> Option<(&mut ReplyParts, &mut ReplyParts)> {
        Some((self.ours.as_mut()?, self.theirs.as_mut()?))
    }

    pub(super) fn checking_disabled(&mut self) -> bool {
        let Some((ours, theirs)) = self.both() else { return false };
        let there = ours.bits & CD == 0 && theirs.bits & CD != 0;
        theirs.bits &= !CD;
        there
    }

    /// Asks BIND for what its last alias leads to while that is in another of its zones.
    pub(super) fn ask_on(&mut self) -> bool {
        let (Some(ours), Some(mut theirs)) = (&self.ours, self.theirs.clone()) else {
            return false;
        };
        let Some(mut zone) = self.packet.name().map(|name| zone_of(&name)) else { return false };
        let alone = self.packet.rtype().is_some_and(|rtype| rtype == CNAME || rtype == ANY);
        let mut asked = false;
        while let Some(next) = leaves(&theirs, zone).filter(|_| !alone && !ours.tc) {
            let Some(packet) = self.packet.about(&next) else { return false };
            let Some(octets) = self.bind.ask(&packet) else { return false };
            let mut rest = ReplyParts::read(&packet, &octets);
            rest.answer.append(&mut theirs.answer);
            rest.answer.sort();
            // AA is that of the first name.
            theirs = ReplyParts { aa: true, question: theirs.question, ..rest };
            zone = zone_of(&next);
            asked = true;
        }
        self.theirs = Some(theirs);
        asked
    }

    pub(super) fn one_of_any(&mut self) -> bool {
        let any = self.packet.rtype() == Some(ANY);
        let Some((ours, theirs)) = self.both().filter(|_| any) else { return false };
        let types = |said: &ReplyParts| {
            let mut types: Vec<_> =
                said.answer.iter().filter_map(|r| r.split(' ').nth(3)).collect();
            types.dedup();
            types.len()
        };
        let part = theirs.tc || ours.answer.iter().all(|r| theirs.answer.contains(r));
        let less = types(ours) == 1 && part;
        if less {
            theirs.answer.clone_from(&ours.answer);
            theirs.tc = ours.tc;
        }
        less
    }

    pub(super) fn extended_error(&mut self) -> bool {
        let Some((ours, theirs)) = self.both() else { return false };
        let refused = [ours.rcode, theirs.rcode].iter().all(|rcode| *rcode == u16::from(Refused));
        let Some(opt) = ours.opt.as_mut().filter(|_| refused) else { return false };
        let said = opt.options == [EDE];
        opt.options.retain(|option| *option != EDE);
        said
    }

    pub(super) fn proof_of_referral(&mut self) -> bool {
        let Some((ours, theirs)) = self.both() else { return false };
        let wanted = ours.opt.as_ref().is_some_and(|opt| opt.dnssec_ok) && ours.cut().is_some();
        let proofs = ours.authority.len();
        ours.authority.retain(|record| {
            !wanted || !record.contains(" in ds ") || theirs.authority.contains(record)
        });
        ours.authority.len() < proofs
    }

    pub(super) fn courtesy(&mut self) -> bool {
        let good = self.codes(NoError, &[Some(NoError)]);
        let Some((ours, theirs)) = self.both().filter(|_| good) else { return false };
        let cut = ours.cut();
        let glue = |record: &String| {
            let owner = record.split(' ').next().unwrap_or_default();
            cut.as_ref().is_some_and(|cut| owner == cut || owner.ends_with(&format!(".{cut}")))
        };
        let before = ours.additional.len() + theirs.additional.len();
        ours.additional.retain(glue);
        theirs.additional.retain(glue);
        ours.additional.len() + theirs.additional.len() < before
    }

    /// Both have these codes; `None` stands for no reply.
    fn codes(&self, ours: ResponseCode, theirs: &[Option<ResponseCode>]) -> bool {
        let is = |said: &Option<ReplyParts>, code: Option<ResponseCode>| {
            said.as_ref().map(|said| said.rcode) == code.map(u16::from)
        };
        is(&self.ours, Some(ours)) && theirs.iter().any(|code| is(&self.theirs, *code))
    }

    /// Takes our reply for theirs.
    fn forgive(&mut self, there: bool) -> bool {
        if there {
            self.theirs.clone_from(&self.ours);
        }
        there
    }

    pub(super) fn bare_format_error(&mut self) -> bool {
        let both = self.codes(FormErr, &[Some(FormErr)]);
        let Some((ours, theirs)) = self.both().filter(|_| both) else { return false };
        let bare = ours.question.is_empty() && ours.opt.is_none();
        theirs.question.clear();
        theirs.opt = None;
        bare
    }

    pub(super) fn compressed_question(&mut self) -> bool {
        let there = self.packet.questions() == 1 && self.packet.asked().is_none();
        self.forgive(there && self.codes(FormErr, &[Some(Refused), Some(NoError), Some(NXDomain)]))
    }

    pub(super) fn class(&mut self) -> bool {
        let there =
            self.packet.opcode() == 0 && self.packet.class().is_some_and(|class| class != IN);
        let refused = self.ours.as_ref().is_some_and(|said| said.rcode == u16::from(Refused));
        self.forgive(there && refused)
    }

    pub(super) fn meta_type(&mut self) -> bool {
        let there = self.packet.rtype().is_some_and(|rtype| matches!(rtype, 41 | 128..=254));
        self.forgive(there && self.codes(NotImp, &[Some(FormErr)]))
    }

    pub(super) fn transfer(&mut self) -> bool {
        let there = self.packet.rtype().is_some_and(|rtype| matches!(rtype, 251 | 252));
        self.forgive(there && self.codes(Refused, &[Some(NotAuth), Some(Refused)]))
    }

    pub(super) fn unknown_key(&mut self) -> bool {
        let both = self.codes(NotAuth, &[Some(NotAuth)]);
        let Some((ours, theirs)) = self.both().filter(|_| both) else { return false };
        let ([own], [other]) = (&ours.additional[..], &theirs.additional[..]) else { return false };
        // "key. 0 any tsig ALGORITHM TIME FUDGE MAC ID ERROR OTHER"
        let fixed = |record: &str| -> Vec<String> {
            let word = |(place, word): (usize, &str)| match place {
                5 | 8 => String::new(),
                _ => word.to_owned(),
            };
            record.split(' ').enumerate().map(word).collect()
        };
        let there = fixed(own) == fixed(other);
        if there {
            theirs.additional.clone_from(&ours.additional);
        }
        there
    }

    pub(super) fn opcode(&mut self) -> bool {
        let there = self.packet.opcode() != 0;
        let theirs = [NoError, FormErr, NotAuth, Refused, NXDomain].map(Some);
        self.forgive(there && self.codes(NotImp, &theirs))
    }

    pub(super) fn bare_not_implemented(&mut self) -> bool {
        let there = self.packet.opcode() != 0 && self.codes(NotImp, &[Some(NotImp)]);
        let Some((ours, theirs)) = self.both().filter(|_| there) else { return false };
        theirs.question.clone_from(&ours.question);
        theirs.bits |= ours.bits & RD;
        true
    }

    pub(super) fn empty_record(&mut self) -> bool {
        let format_error = self.ours.as_ref().is_some_and(|said| said.rcode == u16::from(FormErr));
        self.forgive(format_error && self.packet.has(EMPTY))
    }

    pub(super) fn beside_alias(&mut self) -> bool {
        let there = self.packet.rtype().is_some_and(|rtype| matches!(rtype, 24 | 25 | 46 | 47));
        let alias = self
            .ours
            .as_ref()
            .is_some_and(|said| said.answer.iter().any(|r| r.contains(" in cname ")));
        self.forgive(there && alias)
    }

    pub(super) fn glue_that_does_not_fit(&mut self) -> bool {
        let Some((ours, theirs)) = self.both() else { return false };
        let there = ours.cut().is_some() && ours.cut() == theirs.cut() && ours.tc && !theirs.tc;
        self.forgive(there)
    }

    pub(super) fn cautious(&mut self) -> bool {
        let there = self.both().is_some_and(|(ours, theirs)| !ours.tc && theirs.tc);
        self.forgive(there && self.room < 20)
    }

    pub(super) fn authentic(&mut self) -> bool {
        let asked = self.packet.flags() & AD;
        let Some((ours, theirs)) = self.both() else { return false };
        let there = theirs.tc && ours.bits | asked == theirs.bits;
        theirs.bits &= if there { !AD } else { u16::MAX };
        there && asked != 0
    }

    pub(super) fn option_of_theirs(&mut self, code: u16) -> bool {
        let Some((_, theirs)) = self.both() else { return false };
        let Some(opt) = theirs.opt.as_mut() else { return false };
        let there = opt.options == [code];
        opt.options.retain(|option| *option != code);
        there
    }

    pub(super) fn truncated(&mut self) -> bool {
        let udp = !self.packet.tcp;
        let both = self.both().filter(|(ours, theirs)| udp && ours.tc && theirs.tc);
        let Some((ours, theirs)) = both else { return false };
        ours.forget_records();
        theirs.forget_records();
        true
    }
}

/// The served zone that holds a name; the longer ones first.
fn zone_of(name: &str) -> Option<&'static str> {
    ["served.example.", "example.", "b.test."]
        .into_iter()
        .find(|zone| name == *zone || name.ends_with(&format!(".{zone}")))
}

/// The name in another served zone that the last alias leads to, if it is not answered yet.
fn leaves(said: &ReplyParts, zone: Option<&str>) -> Option<String> {
    let targets = said.answer.iter().filter_map(|r| Some(r.split_once(" in cname ")?.1));
    let owns = |name: &str| said.answer.iter().any(|r| r.starts_with(&format!("{name} ")));
    let mut open = targets.filter(|name| !owns(name) && said.authority.is_empty());
    let next = open.find(|name| zone_of(name).is_some() && zone_of(name) != zone)?;
    Some(next.to_owned())
}
