//! The times and thresholds that `[health]` and a check have in common.

use std::time::Duration;

use crate::model::definition::{Placed, PolicyDefinition};
use crate::syntax::duration::show;
use crate::syntax::reader::Reader;

pub const SHORTEST: Duration = Duration::from_millis(1);

/// More outcomes than this decide nothing in a lifetime.
const MOST_OUTCOMES: i64 = 1000;

/// Reads them and compares what is written. `inherited` is the interval that counts where none is
/// written, if that is known.
pub fn read(reader: &mut Reader<'_>, inherited: Option<Duration>) -> PolicyDefinition {
    let interval = reader.duration("interval", SHORTEST);
    let timeout = reader.duration("timeout", SHORTEST);
    let fast_interval = reader.duration("fast_interval", SHORTEST);
    let limit = interval.as_ref().map(|interval| interval.value).or(inherited);
    for (key, time) in [("timeout", &timeout), ("fast_interval", &fast_interval)] {
        at_most(reader, key, time.as_ref(), limit);
    }
    PolicyDefinition {
        interval: interval.map(|placed| placed.value),
        timeout: timeout.map(|placed| placed.value),
        fast_interval: fast_interval.map(|placed| placed.value),
        failures_before_critical: outcomes(reader, "failures_before_critical").map(|p| p.value),
        failures_before_warning: None,
        success_before_passing: outcomes(reader, "success_before_passing").map(|p| p.value),
        immediate_status: reader.integers("immediate_status", 100..=599),
        deregister_after: None,
    }
}

/// Reads what a check has and `[health]` has not.
pub fn read_own(reader: &mut Reader<'_>, policy: &mut PolicyDefinition) {
    let after = reader.duration("deregister_critical_service_after", SHORTEST);
    policy.deregister_after = after.map(|placed| placed.value);
    read_warning(reader, policy);
}

fn read_warning(reader: &mut Reader<'_>, policy: &mut PolicyDefinition) {
    let Some(warning) = outcomes(reader, "failures_before_warning") else { return };
    if let Some(critical) = policy.failures_before_critical.filter(|&c| c < warning.value) {
        reader.report.error(
            warning.span,
            format!(
                "\"failures_before_warning\" is {}, more than \"failures_before_critical\" \
                 ({critical})",
                warning.value
            ),
            format!("write {critical} or less"),
        );
        return;
    }
    policy.failures_before_warning = Some(warning.value);
}

fn outcomes(reader: &mut Reader<'_>, key: &'static str) -> Option<Placed<u32>> {
    reader.integer(key, 1..=MOST_OUTCOMES)
}

fn at_most(
    reader: &Reader<'_>,
    key: &str,
    time: Option<&Placed<Duration>>,
    interval: Option<Duration>,
) {
    let (Some(time), Some(interval)) = (time, interval) else { return };
    if time.value > interval {
        let interval = show(interval);
        reader.report.error(
            time.span.clone(),
            format!("{key:?} is {}, longer than \"interval\" ({interval})", show(time.value)),
            format!("write {interval:?} or less, or set a longer interval"),
        );
    }
}
