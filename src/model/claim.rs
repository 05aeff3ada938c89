//! What services own at a name: which types no master file can add there.

use std::collections::BTreeSet;

use crate::model::dns::Rtype;
use crate::model::name::Name;
use crate::model::service::{Service, Tag};

/// A name carries at most so many tags that must all be there.
pub const MAX_TAGS: usize = 4;

/// Types that no master file can add to a name that a service makes.
pub fn is_of_services(rtype: Rtype) -> bool {
    matches!(rtype, Rtype::A | Rtype::AAAA | Rtype::SRV | Rtype::TXT) || redirects(rtype)
}

/// Types that make something else of a name and of those below it.
pub fn redirects(rtype: Rtype) -> bool {
    matches!(rtype, Rtype::CNAME | Rtype::NS | Rtype::DS | Rtype::DNAME)
}

#[derive(Clone, Copy, Debug)]
pub enum Claim {
    /// It answers with the service, an instance or a tag.
    Answers,
    Holds,
}

impl Claim {
    pub fn contests(self, rtype: Rtype) -> bool {
        match self {
            Self::Answers => is_of_services(rtype),
            Self::Holds => redirects(rtype),
        }
    }

    pub fn in_words(self, service: &str) -> String {
        match self {
            Self::Answers => format!("the service {service} answers at this name"),
            Self::Holds => format!("names of the service {service} are below it"),
        }
    }
}

/// What `service` makes of `name`; as `answer::lookup` has it.
pub fn claim(service: &Service, name: &Name) -> Option<Claim> {
    let labels = name.below(&service.key.zone)?;
    let texts: Vec<&str> =
        labels.iter().map(|label| std::str::from_utf8(label)).collect::<Result<_, _>>().ok()?;
    let has_tag = |tag: &str| service.instances.iter().any(|i| i.has_tag(tag));
    let own = service.key.name.as_str();
    match texts.as_slice() {
        [] => Some(Claim::Holds),
        [label] if label.starts_with('_') => {
            has_tag(label.strip_prefix('_')?).then_some(Claim::Holds)
        }
        [name, tag] if tag.starts_with('_') => {
            let tag = tag.strip_prefix('_')?;
            let is_ours = name.strip_prefix('_') == Some(own);
            (is_ours && (matches!(tag, "tcp" | "udp") || has_tag(tag))).then_some(Claim::Answers)
        }
        [tags @ .., name] if *name == own => claim_below(service, tags),
        _ => None,
    }
}

fn claim_below(service: &Service, tags: &[&str]) -> Option<Claim> {
    let joined = tags.join(".");
    let carried: BTreeSet<&str> =
        service.instances.iter().flat_map(|i| &*i.tags).map(Tag::as_str).collect();
    let is_instance = service.instances.iter().any(|i| i.id.as_str() == joined);
    let together = tags.len() <= MAX_TAGS && tags.iter().all(|tag| carried.contains(tag));
    if is_instance || together || carried.contains(joined.as_str()) {
        return Some(Claim::Answers);
    }
    let below = |tag: &&str| tag.strip_suffix(&*joined).is_some_and(|rest| rest.ends_with('.'));
    carried.iter().any(below).then_some(Claim::Holds)
}
