//! A complaint about a file: its place, a caret, and what to write instead.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Whether the file is refused for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file, or the thing pointed at, is not taken.
    Error,
    /// It is taken; somebody should look.
    Warning,
}

/// One complaint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// The file as the user named it.
    pub path: Arc<Path>,
    /// Its whole text; empty when the file could not be read.
    pub text: Arc<str>,
    /// The octets of the text that are meant; `None` for the file as a whole.
    pub span: Option<Range<usize>>,
    /// What is wrong, lower case, without a full stop: `unknown key "prot"`.
    pub message: String,
    /// What to write instead, said at the caret: `did you mean "port"?`; may be empty.
    pub label: String,
}
