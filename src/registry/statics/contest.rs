//! Static records at names that a service answers: the service is served, the record is an error.

use std::collections::BTreeSet;

use crate::complaints::Complaints;
use crate::diagnostic::Diagnostic;
use crate::model::dns::Rtype;
use crate::model::name::Name;
use crate::model::service::{Service, Tag};
use crate::registry::statics::{Rrset, Statics};

/// A name carries at most so many tags that must all be there.
const MAX_TAGS: usize = 4;

/// Types that no master file can add to a name that a service makes.
pub fn is_of_services(rtype: Rtype) -> bool {
    matches!(rtype, Rtype::A | Rtype::AAAA | Rtype::SRV | Rtype::TXT) || redirects(rtype)
}

/// Types that make something else of a name and of those below it.
pub fn redirects(rtype: Rtype) -> bool {
    matches!(rtype, Rtype::CNAME | Rtype::NS | Rtype::DS | Rtype::DNAME)
}

impl Statics {
    /// Notes which names a service may contest, so that a changed service need not look at all.
    pub(super) fn index(&mut self, apex: &Name) {
        for (name, rrsets) in &self.names {
            let has_redirect = rrsets.keys().copied().any(redirects);
            let key: &[u8] = match name.below(apex).unwrap_or_default().as_slice() {
                [] if rrsets.contains_key(&Rtype::DNAME) => {
                    self.contestable_by_all.push(name.clone());
                    continue;
                }
                [] => continue,
                [tag] if tag.starts_with(b"_") && has_redirect => {
                    self.contestable_by_all.push(name.clone());
                    continue;
                }
                [service, tag] if tag.starts_with(b"_") => {
                    service.strip_prefix(b"_").unwrap_or_default()
                }
                [.., service] => service,
            };
            if rrsets.keys().copied().any(is_of_services) {
                self.contestable.entry(key.into()).or_default().push(name.clone());
            }
        }
    }

    /// Whether any static name can meet the service called `name`.
    pub fn may_meet(&self, name: &str) -> bool {
        !self.contestable_by_all.is_empty() || self.contestable.contains_key(name.as_bytes())
    }
}

/// An error for each static record that loses to `service`.
pub fn contest(service: &Service, statics: &Statics) -> Vec<Diagnostic> {
    let label = service.key.name.as_str();
    let near = statics.contestable.get(label.as_bytes()).into_iter().flatten();
    let mut errors = Complaints::default();
    for name in near.chain(&statics.contestable_by_all) {
        let Some(what) = claim(service, name) else { continue };
        let Some(rrsets) = statics.names.get(name) else { continue };
        for (&rtype, rrset) in rrsets.iter().filter(|(rtype, _)| what.contests(**rtype)) {
            let message = format!("{name} {rtype} is not served: {}", what.in_words(label));
            errors.extend(errors_at(rrset, &message));
        }
    }
    errors.into_vec()
}

fn errors_at(rrset: &Rrset, message: &str) -> Vec<Diagnostic> {
    let advice = "choose another name; only types that services do not answer are allowed here";
    let from = rrset.records.iter().filter_map(|datum| datum.from.as_ref());
    from.filter_map(|from| from.error(message, advice)).collect()
}

/// What a name is to a service.
#[derive(Clone, Copy)]
enum Claim {
    /// It answers with the service, an instance or a tag.
    Answers,
    /// Names of it lie below.
    Holds,
}

impl Claim {
    fn contests(self, rtype: Rtype) -> bool {
        match self {
            Self::Answers => is_of_services(rtype),
            Self::Holds => redirects(rtype),
        }
    }

    fn in_words(self, service: &str) -> String {
        match self {
            Self::Answers => format!("the service {service} answers at this name"),
            Self::Holds => format!("names of the service {service} are below it"),
        }
    }
}

/// What `service` makes of `name`; as `answer::lookup` has it.
fn claim(service: &Service, name: &Name) -> Option<Claim> {
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
