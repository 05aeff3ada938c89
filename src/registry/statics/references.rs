//! The names that static records lead to, for those that look whether there is anything.

use crate::complaints::Complaints;
use crate::diagnostic::{Diagnostic, Severity};
use crate::model::dns::Rtype;
use crate::model::name::Name;
use crate::model::records;
use crate::registry::statics::{Datum, Source, StaticRecords};

pub struct Reference<'s> {
    pub rtype: Rtype,
    pub target: Name,
    from: &'s Source,
}

impl Reference<'_> {
    /// A warning at the record, whose words are asked for when there is room for it.
    pub fn warn(&self, complaints: &mut Complaints, words: impl FnOnce() -> (String, String)) {
        let Some((part, span)) = self.from.place() else { return };
        complaints.push_with(&part.path, Severity::Warning, || {
            let (message, advice) = words();
            Diagnostic::warning(&part.path, &part.text, span, message).with_label(advice)
        });
    }
}

impl StaticRecords {
    /// The CNAME, MX, NS and SRV records of master files.
    pub fn references(&self) -> impl Iterator<Item = Reference<'_>> {
        let rrsets = self.names.values().flatten();
        rrsets.flat_map(|(&rtype, rrset)| {
            rrset.records.iter().filter_map(move |Datum { rdata, from }| {
                let from = from.as_ref()?;
                Some(Reference { rtype, target: target(rtype, rdata)?, from })
            })
        })
    }
}

fn target(rtype: Rtype, rdata: &[u8]) -> Option<Name> {
    match rtype {
        Rtype::CNAME | Rtype::NS => records::target(rdata),
        // The preference; priority, weight and port.
        Rtype::MX => records::target(rdata.get(2..)?),
        Rtype::SRV => records::target(rdata.get(6..)?),
        _ => None,
    }
}
