//! Times and thresholds of a check, as Consul writes them.
//!
//! A time is text in Go's form or a number of nanoseconds; 0 and "" are a key left out. A threshold
//! of 0 is Consul's "the first outcome decides", which is 1 here.

use std::time::Duration;

use crate::model::definition::{Placed, PolicyDefinition};
use crate::syntax::duration::{parse, show};
use crate::syntax::reader::Reader;
use crate::syntax::tree::Value;

/// More outcomes than this decide nothing in a lifetime.
const MOST_OUTCOMES: i64 = 1000;

/// Reads the times and thresholds; what is left out is inherited from `[health]`.
pub(super) fn read(reader: &mut Reader<'_>) -> PolicyDefinition {
    let interval = duration(reader, "interval").map(|placed| placed.value);
    let mut timeout = duration(reader, "timeout");
    if let (Some(longer), Some(interval)) = (&mut timeout, interval)
        && longer.value > interval
    {
        let (said, interval_said) = (show(longer.value), show(interval));
        let message = format!("\"timeout\" is {said}, longer than \"interval\" ({interval_said})");
        let label = format!("{interval_said} is used: runs of a check never overlap");
        reader.report.warning(longer.span.clone(), message, label);
        longer.value = interval;
    }
    let critical = outcomes(reader, "failures_before_critical");
    PolicyDefinition {
        interval,
        timeout: timeout.map(|placed| placed.value),
        fast_interval: None,
        failures_before_warning: warning(reader, critical),
        failures_before_critical: critical,
        success_before_passing: outcomes(reader, "success_before_passing"),
        immediate_status: None,
        deregister_after: duration(reader, "deregister_critical_service_after").map(|d| d.value),
    }
}

fn outcomes(reader: &mut Reader<'_>, key: &'static str) -> Option<u32> {
    let written = reader.integer::<u32>(key, 0..=MOST_OUTCOMES)?;
    Some(written.value.max(1))
}

/// 0 is left out: as many as for critical.
fn warning(reader: &mut Reader<'_>, critical: Option<u32>) -> Option<u32> {
    let key = "failures_before_warning";
    let warning = reader.integer::<u32>(key, 0..=MOST_OUTCOMES)?;
    if let Some(critical) = critical.filter(|&critical| critical < warning.value) {
        let message = format!(
            "{key:?} is {}, more than \"failures_before_critical\" ({critical})",
            warning.value
        );
        reader.report.error(warning.span, message, format!("write {critical} or less"));
        return None;
    }
    (warning.value > 0).then_some(warning.value)
}

pub(super) fn duration(reader: &mut Reader<'_>, key: &'static str) -> Option<Placed<Duration>> {
    let (_, tree) = reader.entry(key)?;
    let found = match &tree.value {
        Value::String(text) if text.is_empty() => return None,
        Value::String(text) => go(text),
        Value::Integer(nanos) => u64::try_from(*nanos).ok().map(Duration::from_nanos),
        _ => None,
    };
    let Some(found) = found else {
        let said = match &tree.value {
            Value::String(text) => format!("invalid duration {text:?}"),
            Value::Integer(number) => format!("invalid duration {number}"),
            other => format!("{key:?} must be a duration, not {}", other.kind()),
        };
        let label = "write a number and a unit, like \"500ms\", \"5s\" or \"1m30s\"";
        reader.report.error(tree.span.clone(), said, label);
        return None;
    };
    if found.is_zero() {
        return None;
    }
    if found < Duration::from_millis(1) {
        let label = match &tree.value {
            Value::Integer(number) => {
                format!(
                    "a number without a unit means nanoseconds: write \"{number}s\" for \
                         seconds"
                )
            }
            _ => "write \"1ms\" or more".to_owned(),
        };
        reader.report.error(tree.span.clone(), format!("{key:?} is too short"), label);
        return None;
    }
    Some(Placed::new(found, tree.span.clone()))
}

/// What Go takes besides: "0", a sign, a number that begins or ends with its point.
fn go(text: &str) -> Option<Duration> {
    let text = text.strip_prefix('+').unwrap_or(text);
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let filled = if text.starts_with('.') { format!("0{text}") } else { text.to_owned() };
    // Go knows no days.
    parse(&filled).filter(|_| !text.contains('d'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_go_are_read() {
        for (text, millis) in [
            ("10s", 10_000),
            ("1m30s", 90_000),
            ("500ms", 500),
            ("0", 0),
            (".5s", 500),
            ("+1s", 1000),
        ] {
            assert_eq!(go(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for wrong in ["10", "1d", "-1s", "s"] {
            assert_eq!(go(wrong), None, "{wrong}");
        }
    }
}
