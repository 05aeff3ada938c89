//! A complaint about a file: its place, a caret, and what to write instead.

use std::borrow::Cow;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use nix::errno::Errno;

/// What an error of the system says, in its own words but without numbers: "permission denied".
pub fn reason(error: &io::Error) -> String {
    match error.raw_os_error().map(|number| (number, Errno::from_raw(number))) {
        Some((number, Errno::UnknownErrno)) => format!("system error {number}"),
        Some((_, errno)) => errno.desc().to_lowercase(),
        // What reading a text gives; nothing else here has it without a number.
        None if error.kind() == io::ErrorKind::InvalidData => "not valid UTF-8".to_owned(),
        // A text that it may carry is a library's.
        None => error.kind().to_string(),
    }
}

use crate::model::origin::Origin;
use crate::model::text::{excerpt, printable};

/// Skipped at the start of a file; it takes no column.
const BYTE_ORDER_MARK: char = '\u{feff}';

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file, or the thing pointed at, is not taken.
    Error,
    /// It is taken; somebody should look.
    Warning,
}

impl Severity {
    /// `12 more errors`.
    fn more(self, count: usize) -> String {
        let noun = match self {
            Self::Error => "error",
            Self::Warning => "warning",
        };
        format!("{} more {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    Ansi,
    Plain,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// Whose it is; what parses a text need not know, the catalogue does.
    pub origin: Origin,
    pub path: Arc<Path>,
    /// Its whole text; empty when the file could not be read.
    pub text: Arc<str>,
    /// The octets of the text that are meant; `None` for the file as a whole.
    pub span: Option<Range<usize>>,
    /// What is wrong, lower case, without a full stop: `unknown key "prot"`.
    pub message: String,
    /// What to write instead, said at the caret: `did you mean "port"?`; may be empty.
    pub label: String,
    /// How many complaints this one stands for that are not shown themselves.
    pub more: Option<usize>,
    /// Of how many files of which none is shown they are; 0 for those of `path`.
    pub elsewhere: usize,
}

/// Octets of a message, and of what to write instead: a text of a file may be quoted in it.
const MOST_OCTETS: usize = 1000;

/// Characters of a line that are looked at on either side of a place: more than the renderer shows
/// of a long line, and few beside a line of 50 MB.
const WINDOW: usize = 400;

impl Diagnostic {
    /// An error at `span`, yet without a label.
    pub fn error(
        path: &Arc<Path>,
        text: &Arc<str>,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Error,
            origin: Origin::default(),
            path: Arc::clone(path),
            text: Arc::clone(text),
            span: Some(span),
            message: shortened(message.into()),
            label: String::new(),
            more: None,
            elsewhere: 0,
        }
    }

    /// A warning at `span`, yet without a label.
    pub fn warning(
        path: &Arc<Path>,
        text: &Arc<str>,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::error(path, text, span, message) }
    }

    /// An error about a file as a whole, such as one that cannot be read.
    pub fn of_file(path: &Arc<Path>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            origin: Origin::default(),
            path: Arc::clone(path),
            text: Arc::from(""),
            span: None,
            message: shortened(message.into()),
            label: String::new(),
            more: None,
            elsewhere: 0,
        }
    }

    /// That a file has `more` complaints of a severity than are shown.
    pub fn more(path: &Arc<Path>, severity: Severity, more: usize) -> Self {
        let message = format!("{} in this file", severity.more(more));
        Self { severity, more: Some(more), ..Self::of_file(path, message) }
    }

    /// That `files` of which none is shown have `more` complaints of a severity.
    pub fn more_elsewhere(files: usize, severity: Severity, more: usize) -> Self {
        let noun = if files == 1 { "file" } else { "files" };
        let message = format!("{} in {} other {noun}", severity.more(more), grouped(files));
        let nowhere = Arc::from(Path::new(""));
        Self { severity, more: Some(more), elsewhere: files, ..Self::of_file(&nowhere, message) }
    }

    pub fn count(&self) -> usize {
        self.more.unwrap_or(1)
    }

    #[must_use]
    pub fn with_label(self, label: impl Into<String>) -> Self {
        Self { label: shortened(label.into()), ..self }
    }

    /// Where it begins, both counted from 1, columns in characters.
    pub fn line_column(&self) -> Option<(usize, usize)> {
        self.place().map(|place| (place.line, place.column))
    }

    /// One line for logs: `path:line:column: message; label`.
    pub fn short(&self) -> String {
        let path = self.path.display();
        let place = match self.line_column() {
            Some((line, column)) => format!("{path}:{line}:{column}: "),
            None if self.path.as_os_str().is_empty() => String::new(),
            None => format!("{path}: "),
        };
        if self.label.is_empty() {
            format!("{place}{}", self.message)
        } else {
            format!("{place}{}; {}", self.message, self.label)
        }
    }

    /// Several lines for people, as rustc writes them, without a newline at the end.
    pub fn render(&self, colour: Colour) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let renderer = match colour {
            Colour::Ansi => Renderer::styled(),
            Colour::Plain => Renderer::plain(),
        };
        let path = self.path.to_string_lossy();
        let path = printable(&path);
        let label = Some(printable(&self.label)).filter(|label| !label.is_empty());
        let title = level.primary_title(printable(&self.message));
        let place = self.place();
        let report = if let Some(place) = &place {
            let (source, span) = place.shown();
            let caret = AnnotationKind::Primary.span(span).label(label);
            let snippet = Snippet::source(source).line_start(place.line).path(path);
            title.element(snippet.annotation(caret))
        } else {
            // Without a caret the label is said below.
            let help = label.map(|label| Level::HELP.message(label));
            let group = Group::with_title(title);
            let group = if path.is_empty() {
                group
            } else {
                group.element(annotate_snippets::Origin::path(path))
            };
            group.elements(help)
        };
        let rendered = renderer.render(&[report]);
        match place {
            Some(place) => place.with_own_column(rendered),
            None => rendered,
        }
    }

    /// The line it begins in: a caret below one line says more than brackets around twenty.
    fn place(&self) -> Option<Excerpt<'_>> {
        let span = self.span.as_ref()?;
        let start = boundary(&self.text, span.start);
        let end = boundary(&self.text, span.end.max(start));
        let (before, after) = self.text.split_at_checked(start)?;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line_end = start + after.find('\n').unwrap_or(after.len());
        let whole = self.text.get(line_start..line_end)?.trim_end_matches('\r');
        let source = whole.trim_start_matches(BYTE_ORDER_MARK);
        let line_start = line_start + whole.len() - source.len();
        let within = |at: usize| at.saturating_sub(line_start).min(source.len());
        let (start, end) = (within(start), within(end));
        let before_it = source.get(..start)?;
        let line = 1 + before.bytes().filter(|octet| *octet == b'\n').count();
        let column = 1 + before_it.chars().count();
        let window = window(source, start);
        let span = start - window.start..end.min(window.end) - window.start;
        Some(Excerpt { line, column, source: source.get(window)?, span })
    }
}

/// One line of a file, or what stands around a place in it, and the octets of it that are meant.
struct Excerpt<'a> {
    line: usize,
    column: usize,
    source: &'a str,
    span: Range<usize>,
}

impl<'a> Excerpt<'a> {
    /// The line as a terminal may show it, and what is meant there.
    fn shown(&self) -> (Cow<'a, str>, Range<usize>) {
        let shown = excerpt(self.source);
        let before = |at| self.source.get(..at).map_or(0, |before| excerpt(before).len());
        let span = before(self.span.start)..before(self.span.end);
        (shown, span)
    }

    /// The renderer counts columns from where the source begins that it is shown.
    fn with_own_column(&self, rendered: String) -> String {
        let column = 1 + self.source.get(..self.span.start).map_or(0, |s| s.chars().count());
        if column == self.column {
            return rendered;
        }
        let (title, rest) = rendered.split_once("-->").unwrap_or(("", &rendered));
        let (counted, own) =
            (format!(":{}:{column}", self.line), format!(":{}:{}", self.line, self.column));
        format!("{title}-->{}", rest.replacen(&counted, &own, 1))
    }
}

/// The octets of a line that stand around a place in it: all of them but for a very long line.
fn window(line: &str, at: usize) -> Range<usize> {
    let (before, after) = line.split_at_checked(at).unwrap_or((line, ""));
    let start = before.char_indices().rev().nth(WINDOW).map_or(0, |(start, _)| start);
    let end = after.char_indices().nth(WINDOW).map_or(line.len(), |(end, _)| at + end);
    start..end
}

fn shortened(mut text: String) -> String {
    if text.len() > MOST_OCTETS {
        text.truncate(boundary(&text, MOST_OCTETS));
        text.push('…');
    }
    text
}

/// A number as people read it: `1,000,000`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The last place at or before `at` where a character begins.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// Octets of a word that may be a slip of another: no key, id or name of ours is as long.
const LONGEST_WORD: usize = 64;

/// Words that one is compared with: the others cost more than the advice is worth.
const MOST_CANDIDATES: usize = 10_000;

/// The candidate that `word` was most likely meant to be: at most one slip for every three
/// characters, a swap of neighbours being one slip. Case does not count.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST_WORD {
        return None;
    }
    let word: Vec<char> = word.to_lowercase().chars().collect();
    let allowed = word.len().max(3) / 3;
    // A slip changes the length by one at most, and a character has four octets at most.
    let may_be_near = |candidate: &&str| candidate.len() <= 4 * (word.len() + allowed);
    candidates
        .into_iter()
        .take(MOST_CANDIDATES)
        .filter(may_be_near)
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|&(slips, _)| slips <= allowed)
        .min_by_key(|&(slips, _)| slips)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours between two words (optimal string
/// alignment), with the last three rows of the table only.
fn distance(word: &[char], candidate: &str) -> usize {
    let candidate: Vec<char> = candidate.to_lowercase().chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=candidate.len()).collect();
    for (i, &a) in word.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &b) in candidate.iter().enumerate() {
            let replaced = last[j] + usize::from(a != b);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a == candidate[j - 1] && word[i - 1] == b {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests;
