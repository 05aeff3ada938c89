//! Writes names: with a pointer into the question wherever a suffix of theirs stands there.
//!
//! Nothing else is pointed to but SRV targets, by who knows their place: what we say lies in the
//! zone that was asked, so the question holds every suffix worth a pointer, and the cost of a
//! name does not grow with the message.

use hickory_proto::rr;

use crate::model::name::Name;
use crate::wire::header::HEADER;

/// RFC 1035 section 4.1.4: a pointer holds 14 bits.
const MAX_POINTER: usize = 0x3fff;

/// The name of the question, as a store of suffixes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suffixes<'q> {
    question: &'q Name,
}

impl<'q> Suffixes<'q> {
    /// The suffixes of `question`, which stands right behind the header.
    pub(super) fn new(question: &'q Name) -> Self {
        Self { question }
    }

    /// Appends `name`: the labels before the first suffix that the question holds too, then a
    /// pointer to it. The root is spelled: it is shorter than a pointer.
    pub(super) fn spell(self, name: &Name, out: &mut Vec<u8>) {
        let whole = self.question.as_wire();
        let mut theirs = self.question.labels();
        let mut ours = name.labels();
        // Both names end at the root: suffixes can only be equal where as much is left of each.
        loop {
            while theirs.rest().len() > ours.rest().len() {
                theirs.next();
            }
            if ours.rest().len() > 1 && theirs.rest() == ours.rest() {
                let start = whole.len().saturating_sub(theirs.rest().len());
                if let Some(pointer) = pointer(HEADER.saturating_add(start)) {
                    out.extend_from_slice(&pointer);
                    return;
                }
            }
            let Some(label) = ours.next() else { break };
            // A label has at most 63 octets; the fallback is never reached.
            out.push(u8::try_from(label.len()).unwrap_or(0));
            out.extend_from_slice(label);
        }
        out.push(0);
    }
}

/// A pointer to `place`, if it can be said.
pub(super) fn pointer(place: usize) -> Option<[u8; 2]> {
    let place = u16::try_from(place).ok().filter(|&p| usize::from(p) <= MAX_POINTER)?;
    Some((0xc000 | place).to_be_bytes())
}

/// A name as hickory has read it, written out in the asker's case.
pub(super) fn written_out(name: &rr::Name) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(name.len().saturating_add(1));
    for label in name {
        out.push(u8::try_from(label.len()).ok()?);
        out.extend_from_slice(label);
    }
    out.push(0);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(question: &str, name: &str) -> Vec<u8> {
        let question = Name::parse(question).unwrap();
        let mut out = Vec::new();
        Suffixes::new(&question).spell(&Name::parse(name).unwrap(), &mut out);
        out
    }

    #[test]
    fn the_longest_suffix_that_the_question_holds_is_pointed_to() {
        assert_eq!(spelled("web.a.test", "web.a.test"), b"\xc0\x0c");
        assert_eq!(spelled("web.a.test", "a.test"), b"\xc0\x10");
        assert_eq!(spelled("web.a.test", "ns1.a.test"), b"\x03ns1\xc0\x10");
        assert_eq!(spelled("a.test", "x.y.a.test"), b"\x01x\x01y\xc0\x0c");
        assert_eq!(spelled("web.a.test", "b.test"), b"\x01b\xc0\x12");
    }

    #[test]
    fn a_suffix_that_is_no_whole_label_is_not_pointed_to() {
        assert_eq!(spelled("xa.test", "a.test"), b"\x01a\xc0\x0f");
        assert_eq!(spelled("web.test", "web.net"), b"\x03web\x03net\x00");
    }

    #[test]
    fn the_root_is_spelled() {
        let mut out = Vec::new();
        Suffixes::new(&Name::root()).spell(&Name::parse("a").unwrap(), &mut out);
        Suffixes::new(&Name::parse("a").unwrap()).spell(&Name::root(), &mut out);
        assert_eq!(out, b"\x01a\x00\x00");
    }

    #[test]
    fn a_pointer_reaches_fourteen_bits_far() {
        assert_eq!(pointer(0x3fff), Some([0xff, 0xff]));
        assert_eq!(pointer(0x4000), None);
        assert_eq!(pointer(0x1_0000), None);
    }
}
