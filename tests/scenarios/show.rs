//! What a scenario expects and gets, in the words that it is written in.

use std::time::Duration;

use livezone::diagnostic::{Diagnostic, Severity};
use livezone::engine::event::Transition;

use crate::world::Checked;

pub(crate) fn show_transition(transition: &Transition) -> String {
    let Transition { service, instance, from, to, reason } = transition;
    let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{} {instance} {} -> {}{reason}", service.name, from.word(), to.word())
}

pub(crate) fn show_time(time: Duration) -> String {
    humantime::format_duration(time).to_string().replace(' ', "")
}

pub(crate) fn show_complaints(complaints: &[Diagnostic]) -> String {
    complaints.iter().map(show_complaint).collect::<Vec<_>>().join("\n")
}

pub(crate) fn show_complaint(complaint: &Diagnostic) -> String {
    let severity = match complaint.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    format!("{severity} {}", complaint.short())
}

pub(crate) fn equal<T: PartialEq + std::fmt::Debug>(expected: &T, actual: &T) -> Checked {
    if expected == actual {
        return Ok(());
    }
    Err(format!("expected {expected:?}, it is {actual:?}"))
}

/// Both as one text, what differs marked as in a unified diff.
pub(crate) fn same(expected: &[String], actual: &[String]) -> Checked {
    if expected == actual {
        return Ok(());
    }
    let mut left = actual.to_vec();
    let mut lines = Vec::new();
    for line in expected {
        match left.iter().position(|other| other == line) {
            Some(at) => lines.push(format!("    {}", left.remove(at))),
            None => lines.push(format!("  - {line}")),
        }
    }
    lines.extend(left.iter().map(|line| format!("  + {line}")));
    let order = if lines.iter().all(|line| line.starts_with("    ")) {
        format!(" in this order:\n    {}", actual.join("\n    "))
    } else {
        format!("\n{}", lines.join("\n"))
    };
    Err(format!("expected - and actual +{order}"))
}
