//! Domain names and labels, parsed once into forms that cannot be wrong.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use smol_str::SmolStr;

/// RFC 1035 section 2.3.4: a label is at most this many octets.
pub const MAX_LABEL: usize = 63;
/// RFC 1035 section 2.3.4: a name is at most this many octets in wire form, root included.
pub const MAX_NAME: usize = 255;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    #[error("a label cannot be empty")]
    Empty,
    /// RFC 1035 section 2.3.4.
    #[error("a label can have at most 63 characters, this one has {0}")]
    Long(usize),
    /// Not a letter, a digit, `-` or `_`.
    #[error(
        "{0:?} is not allowed in a label: use letters, digits, '-' and '_' (write an IDN as \
         A-labels)"
    )]
    Character(char),
    /// RFC 1123 section 2.1, and `_` is kept for RFC 2782 names.
    #[error("a label must begin and end with a letter or a digit")]
    Edge,
}

/// One label as people register it: letters, digits, `-` and `_`, lower case,
/// beginning and ending with a letter or digit. A short one stands in place; the copies of a long one
/// share its text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(SmolStr);

impl Label {
    /// Checks and folds `text`.
    pub fn parse(text: &str) -> Result<Self, LabelError> {
        if text.is_empty() {
            return Err(LabelError::Empty);
        }
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if let Some(bad) = text.chars().find(|&c| !legal(c)) {
            return Err(LabelError::Character(bad));
        }
        if text.len() > MAX_LABEL {
            return Err(LabelError::Long(text.len()));
        }
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        if !edge(text.chars().next()) || !edge(text.chars().next_back()) {
            return Err(LabelError::Edge);
        }
        Ok(Self(text.chars().map(|c| c.to_ascii_lowercase()).collect()))
    }

    /// Checks a label of a longer name, which may begin with one underscore (RFC 8552).
    pub(crate) fn check_underscored(text: &str) -> Result<(), LabelError> {
        match text.strip_prefix('_') {
            Some("") => return Err(LabelError::Edge),
            bare => Self::parse(bare.unwrap_or(text))?,
        };
        if text.len() > MAX_LABEL { Err(LabelError::Long(text.len())) } else { Ok(()) }
    }

    /// The folded text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Label {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Why a text or some octets are no domain name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("in label {label:?}: {error}")]
    Label { label: String, error: LabelError },
    /// RFC 1035 section 2.3.4.
    #[error("a name can have at most 255 octets in wire format")]
    Long,
    /// Octets that are not one uncompressed name.
    #[error("not a single uncompressed name")]
    Wire,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    #[error(transparent)]
    Name(#[from] NameError),
    /// RFC 1123 section 2.1: such a text is taken for an address.
    #[error("the last label of a host name must not be all digits")]
    Digits,
}

/// A domain name in wire form (RFC 1035 section 3.1), folded to lower case (RFC 4343),
/// with its root label. Its copies share the octets.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<[u8]>);

impl Name {
    /// The root: no label but the empty one.
    pub fn root() -> Self {
        Self(Arc::new([0]))
    }

    /// A host-like name in presentation form; the trailing dot may be left out. A first
    /// underscore is allowed in each label (RFC 8552), escapes are not.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Ok(Self::root());
        }
        let mut wire = Vec::with_capacity(text.len() + 2);
        for label in text.split('.') {
            let wrong = |error| NameError::Label { label: label.to_owned(), error };
            Label::check_underscored(label).map_err(wrong)?;
            let len = u8::try_from(label.len()).map_err(|_| NameError::Long)?;
            wire.push(len);
            wire.extend(label.bytes().map(|b| b.to_ascii_lowercase()));
        }
        wire.push(0);
        if wire.len() > MAX_NAME {
            return Err(NameError::Long);
        }
        Ok(Self(wire.into()))
    }

    /// The name of a host (RFC 1123 section 2.1): one label or more, each as people register it,
    /// the last not all digits. The trailing dot may be left out.
    pub fn parse_host(text: &str) -> Result<Self, HostError> {
        let bare = text.strip_suffix('.').unwrap_or(text);
        for label in bare.split('.') {
            let wrong = |error| NameError::Label { label: label.to_owned(), error };
            Label::parse(label).map_err(wrong)?;
        }
        let last = bare.rsplit('.').next().unwrap_or_default();
        if last.bytes().all(|octet| octet.is_ascii_digit()) {
            return Err(HostError::Digits);
        }
        Ok(Self::parse(bare)?)
    }

    /// The presentation form without the trailing dot, as people write a host.
    pub fn to_host(&self) -> String {
        let mut text = self.to_string();
        if text.len() > 1 {
            text.pop();
        }
        text
    }

    /// Whether this name is at or below one of these.
    pub fn is_within<T>(&self, apexes: &BTreeMap<Self, T>) -> bool {
        let mut labels = self.labels();
        loop {
            if apexes.contains_key(labels.rest()) {
                return true;
            }
            if labels.next().is_none() {
                return false;
            }
        }
    }

    /// One whole uncompressed name, any octet allowed in its labels (RFC 2181 section 11).
    pub fn from_wire(octets: &[u8]) -> Result<Self, NameError> {
        if octets.len() > MAX_NAME {
            return Err(NameError::Long);
        }
        let mut rest = octets;
        loop {
            let (&len, tail) = rest.split_first().ok_or(NameError::Wire)?;
            let len = usize::from(len);
            if len == 0 && tail.is_empty() {
                break;
            }
            if len == 0 || len > MAX_LABEL {
                return Err(NameError::Wire);
            }
            rest = tail.get(len..).ok_or(NameError::Wire)?;
        }
        // Length octets are below 64 and so never in 'A'..='Z': the whole form can be folded at once.
        Ok(Self(octets.iter().map(u8::to_ascii_lowercase).collect()))
    }

    /// The folded wire form.
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// The labels from the left, without the root's.
    pub fn labels(&self) -> Labels<'_> {
        Labels(&self.0)
    }

    /// `label` put before this name, unless that grows over 255 octets.
    pub fn child(&self, label: &str) -> Result<Self, NameError> {
        let len = u8::try_from(label.len()).map_err(|_| NameError::Long)?;
        if label.is_empty() || label.len() > MAX_LABEL || self.0.len() + label.len() + 1 > MAX_NAME
        {
            return Err(NameError::Long);
        }
        let mut wire = Vec::with_capacity(self.0.len() + label.len() + 1);
        wire.push(len);
        wire.extend(label.bytes().map(|b| b.to_ascii_lowercase()));
        wire.extend_from_slice(&self.0);
        Ok(Self(wire.into()))
    }

    /// This name without its first label; the root has no parent.
    pub fn parent(&self) -> Option<Self> {
        let mut labels = self.labels();
        labels.next()?;
        Some(Self(labels.0.into()))
    }

    /// The labels that stand left of `apex`, from the left; `None` when this name is not at or
    /// below it.
    pub fn below(&self, apex: &Self) -> Option<Vec<&[u8]>> {
        let mut rest = self.labels();
        let mut labels = Vec::new();
        loop {
            if rest.0 == apex.as_wire() {
                return Some(labels);
            }
            labels.push(rest.next()?);
        }
    }
}

/// Lets tables keyed by names be asked with a suffix of a name, without a copy.
impl Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Name {
    /// Presentation form with the trailing dot, odd octets as `\DDD` (RFC 1035 section 5.1).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() == 1 {
            return f.write_str(".");
        }
        for label in self.labels() {
            for &octet in label {
                match octet {
                    b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => {
                        write!(f, "\\{}", char::from(octet))?;
                    }
                    0x21..=0x7e => write!(f, "{}", char::from(octet))?,
                    _ => write!(f, "\\{octet:03}")?,
                }
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The labels of a name, from the left; see [`Name::labels`].
#[derive(Clone, Debug)]
pub struct Labels<'a>(&'a [u8]);

impl<'a> Labels<'a> {
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (&len, tail) = self.0.split_first()?;
        if len == 0 {
            return None;
        }
        let (label, rest) = tail.split_at_checked(usize::from(len))?;
        self.0 = rest;
        Some(label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_folded_and_shown_with_its_dot() {
        let name = Name::parse("Web.Service.INTERNAL").unwrap();
        assert_eq!(name.to_string(), "web.service.internal.");
        assert_eq!(name, Name::from_wire(b"\x03WEB\x07service\x08internal\x00").unwrap());
    }

    #[test]
    fn what_dns_cannot_carry_is_no_label() {
        assert_eq!(Label::parse(""), Err(LabelError::Empty));
        assert_eq!(Label::parse(&"a".repeat(64)), Err(LabelError::Long(64)));
        assert_eq!(Label::parse("a b"), Err(LabelError::Character(' ')));
        assert_eq!(Label::parse("a.b"), Err(LabelError::Character('.')));
        assert_eq!(Label::parse("-a"), Err(LabelError::Edge));
        assert_eq!(Label::parse("_a"), Err(LabelError::Edge));
        assert_eq!(Label::parse("my_App").unwrap().as_str(), "my_app");
    }

    #[test]
    fn wire_forms_that_are_not_one_name_are_refused() {
        for wrong in [&b""[..], b"\x03we", b"\x03web", b"\x00\x00", b"\xc0\x0c", b"\x40a\x00"] {
            assert_eq!(Name::from_wire(wrong), Err(NameError::Wire), "{wrong:?}");
        }
        let long: Vec<u8> = [&[63u8][..], &[b'a'; 63]].concat().repeat(4);
        assert_eq!(Name::from_wire(&[&long[..], &[0]].concat()), Err(NameError::Long));
    }

    #[test]
    fn below_gives_the_labels_left_of_the_apex() {
        let apex = Name::parse("service.internal").unwrap();
        let name = Name::parse("v1.web.service.internal").unwrap();
        assert_eq!(name.below(&apex).unwrap(), [b"v1".as_slice(), b"web"]);
        assert_eq!(apex.below(&apex).unwrap(), Vec::<&[u8]>::new());
        assert_eq!(Name::parse("xservice.internal").unwrap().below(&apex), None);
        assert_eq!(name.below(&Name::root()).unwrap().len(), 4);
    }

    #[test]
    fn a_name_is_within_the_zones_at_and_above_it() {
        let name = |text| Name::parse(text).unwrap();
        let zones = BTreeMap::from([(name("a.test"), 1), (name("b.c.test"), 2)]);
        for within in ["a.test", "x.y.a.test", "b.c.test"] {
            assert!(name(within).is_within(&zones), "{within}");
        }
        for outside in ["test", "xa.test", "c.test", "."] {
            assert!(!name(outside).is_within(&zones), "{outside}");
        }
    }

    #[test]
    fn a_host_name_is_what_rfc_1123_says() {
        assert_eq!(Name::parse_host("DB.Example.com.").unwrap().to_host(), "db.example.com");
        for good in ["localhost", "3com.example", "xn--bcher-kva.example", "10.0.0.1.example"] {
            assert!(Name::parse_host(good).is_ok(), "{good}");
        }
        for digits in ["10.0.0.256", "10.1", "7", "db.1."] {
            assert_eq!(Name::parse_host(digits), Err(HostError::Digits), "{digits}");
        }
        let long = ["a"; 128].join(".");
        for wrong in ["", ".", "a..b", "_a.example", "b\u{fc}cher.example", "a b", &long] {
            assert!(matches!(Name::parse_host(wrong), Err(HostError::Name(_))), "{wrong}");
        }
    }

    #[test]
    fn odd_octets_are_shown_escaped() {
        let name = Name::from_wire(b"\x04a.b\x01\x00").unwrap();
        assert_eq!(name.to_string(), "a\\.b\\001.");
    }
}
