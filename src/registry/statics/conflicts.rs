//! Static records at names that a service answers: the service is served, the record is an error.

use crate::complaints::Complaints;
use crate::diagnostic::Diagnostic;
use crate::model::claim::{claim, is_of_services, redirects};
use crate::model::dns::Rtype;
use crate::model::name::Name;
use crate::model::service::Service;
use crate::registry::statics::{Rrset, StaticRecords};

impl StaticRecords {
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
pub fn conflicts(service: &Service, statics: &StaticRecords) -> Vec<Diagnostic> {
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
