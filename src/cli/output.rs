//! Words for people: where they go, and whether in colour.

use std::io::{self, IsTerminal, Write};

use crate::diagnostic::{Colour, Diagnostic};

/// To standard output. A reader that has gone away (`| head`) has read enough.
pub(super) fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// To standard error, however long its reader takes: for commands that nobody else waits for.
pub(super) fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Colour is for terminals whose owner has not said otherwise (<https://no-color.org>).
pub(super) fn colour(stream: &impl IsTerminal) -> Colour {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if stream.is_terminal() && !unwanted { Colour::Ansi } else { Colour::Plain }
}

/// Diagnostics as rustc shows them, a blank line after each.
pub(super) fn render(diagnostics: &[Diagnostic], colour: Colour) -> String {
    diagnostics.iter().map(|diagnostic| diagnostic.render(colour) + "\n\n").collect()
}

/// `1 error`, `2 errors`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
