//! How much one file may register.

use crate::model::definition::ServiceDefinition;
use crate::syntax::report::Report;

/// Services and instances. Beyond it the memory that reading takes is more than a server has spare.
const MOST_ENTRIES: usize = 250_000;

pub(super) fn check(report: &Report, services: &[ServiceDefinition]) {
    let entries: usize = services.iter().map(|service| 1 + service.instances.len()).sum();
    if entries > MOST_ENTRIES {
        let message = format!("this file has {entries} services and instances");
        let advice = format!("divide it: a file can have at most {MOST_ENTRIES} of them");
        report.error(0..0, message, advice);
    }
}
