//! A complaint about a file: its place, a caret, and what to write instead.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::model::text::{excerpt, printable};

/// Skipped at the start of a file; it takes no column.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Whether the file is refused for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file, or the thing pointed at, is not taken.
    Error,
    /// It is taken; somebody should look.
    Warning,
}

/// How a rendered diagnostic looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// For terminals.
    Ansi,
    /// For files and pipes.
    Plain,
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
            path: Arc::clone(path),
            text: Arc::clone(text),
            span: Some(span),
            message: message.into(),
            label: String::new(),
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
            path: Arc::clone(path),
            text: Arc::from(""),
            span: None,
            message: message.into(),
            label: String::new(),
        }
    }

    /// The same with what to write instead.
    #[must_use]
    pub fn with_label(self, label: impl Into<String>) -> Self {
        Self { label: label.into(), ..self }
    }

    /// Where it begins, both counted from 1, columns in characters.
    pub fn line_column(&self) -> Option<(usize, usize)> {
        self.place().map(|place| (place.line, place.column()))
    }

    /// One line for logs: `path:line:column: message; label`.
    pub fn short(&self) -> String {
        let path = self.path.display();
        let place = match self.line_column() {
            Some((line, column)) => format!("{path}:{line}:{column}"),
            None => path.to_string(),
        };
        if self.label.is_empty() {
            format!("{place}: {}", self.message)
        } else {
            format!("{place}: {}; {}", self.message, self.label)
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
        let report = if let Some(place) = self.place() {
            let (source, span) = place.shown();
            let caret = AnnotationKind::Primary.span(span).label(label);
            let snippet = Snippet::source(source).line_start(place.line).path(path);
            title.element(snippet.annotation(caret))
        } else {
            // Without a caret the label is said below.
            let help = label.map(|label| Level::HELP.message(label));
            Group::with_title(title).element(Origin::path(path)).elements(help)
        };
        renderer.render(&[report])
    }

    /// The line it begins in: a caret below one line says more than brackets around twenty.
    fn place(&self) -> Option<Place<'_>> {
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
        let line = 1 + before.matches('\n').count();
        Some(Place { line, source, span: within(start)..within(end) })
    }
}

/// One line of a file, and the octets of it that are meant.
struct Place<'a> {
    line: usize,
    source: &'a str,
    span: Range<usize>,
}

impl<'a> Place<'a> {
    /// The line as a terminal may show it, and what is meant there.
    fn shown(&self) -> (Cow<'a, str>, Range<usize>) {
        let shown = excerpt(self.source);
        let before = |at| self.source.get(..at).map_or(0, |before| excerpt(before).len());
        let span = before(self.span.start)..before(self.span.end);
        (shown, span)
    }

    fn column(&self) -> usize {
        1 + self.source.get(..self.span.start).map_or(0, |before| before.chars().count())
    }
}

/// The last place at or before `at` where a character begins.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// The candidate that `word` was most likely meant to be: at most one slip for every three
/// characters, a swap of neighbours being one slip. Case does not count.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().collect();
    let allowed = word.len().max(3) / 3;
    candidates
        .into_iter()
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
mod tests {
    use super::*;

    fn at(text: &str, span: Range<usize>) -> Diagnostic {
        Diagnostic::error(&Path::new("web.toml").into(), &text.into(), span, "unknown key \"prot\"")
            .with_label("did you mean \"port\"?")
    }

    #[test]
    fn a_place_is_counted_in_lines_and_characters() {
        assert_eq!(at("a\nß prot", 5..9).line_column(), Some((2, 3)));
        assert_eq!(at("a\r\nprot", 3..7).line_column(), Some((2, 1)));
        assert_eq!(at("\u{feff}prot", 3..7).line_column(), Some((1, 1)));
        assert_eq!(at("a\n", 99..120).line_column(), Some((2, 1)));
        assert_eq!(at("ß", 1..2).line_column(), Some((1, 1)));
    }

    #[test]
    fn a_log_line_has_the_place_the_message_and_the_advice() {
        let short = at("\nprot = 1", 1..5).short();
        assert_eq!(short, "web.toml:2:1: unknown key \"prot\"; did you mean \"port\"?");
        let path = Path::new("web.toml").into();
        assert_eq!(
            Diagnostic::of_file(&path, "cannot be read").short(),
            "web.toml: cannot be read"
        );
    }

    #[test]
    fn a_rendered_complaint_shows_its_line_with_a_caret() {
        let shown = at("# é\nprot = 1\nmore", 5..9).render(Colour::Plain);
        let wanted = "error: unknown key \"prot\"\n --> web.toml:2:1\n  |\n2 | prot = 1\n  | ^^^^ \
                      did you mean \"port\"?";
        assert_eq!(shown, wanted);
    }

    #[test]
    fn a_span_of_many_lines_or_beyond_the_end_is_shown_too() {
        assert!(at("a = [\n1,\n2]", 4..11).render(Colour::Plain).contains("1 | a = ["));
        for (text, span) in
            [("", 0..0), ("a\n", 2..2), ("a", 7..9), ("\u{feff}", 0..3), ("ß", 1..1)]
        {
            assert!(at(text, span).render(Colour::Plain).starts_with("error: unknown key"));
        }
    }

    #[test]
    fn what_a_file_says_cannot_act_on_the_terminal_and_the_caret_stays_below_it() {
        let text = "a\u{202e}b\u{1b}[2J\u{9b} = \u{200b}prot\u{2028}";
        let span = text.find("prot").map(|at| at..at + 4).unwrap();
        let path = Path::new("we\u{1b}b\n.toml").into();
        let message = "unknown key \u{202e}\"prot\"\nerror: forged";
        let label = "did you mean \u{9b}31m?";
        let complaint = Diagnostic::error(&path, &text.into(), span, message).with_label(label);
        let shown = complaint.render(Colour::Plain);
        let wanted = "error: unknown key \\u{202e}\"prot\"\\nerror: forged\n \
                      --> we\\u{1b}b\\n.toml:1:13\n  |\n\
                      1 | a\u{fffd}b\u{241b}[2J\u{fffd} = \u{fffd}prot\u{fffd}\n  \
                      |             ^^^^ did you mean \\u{9b}31m?";
        assert_eq!(shown, wanted);
        assert_eq!(complaint.line_column(), Some((1, 13)));
        let of_file = Diagnostic::of_file(&path, message).with_label(label);
        let shown = of_file.render(Colour::Plain);
        assert!(shown.lines().all(|line| printable(line) == line), "{shown:?}");
    }

    #[test]
    fn without_a_place_there_is_no_snippet() {
        let path = Path::new("web.toml").into();
        let shown = Diagnostic::of_file(&path, "cannot be read").with_label("see its mode");
        assert_eq!(
            shown.render(Colour::Plain),
            "error: cannot be read\n--> web.toml\n = help: see its mode"
        );
    }

    #[test]
    fn the_nearest_word_is_one_that_could_be_a_slip() {
        let keys = ["port", "name", "failures_before_critical"];
        assert_eq!(nearest("prot", keys), Some("port"));
        assert_eq!(nearest("Port", keys), Some("port"));
        assert_eq!(nearest("failure_before_critcal", keys), Some("failures_before_critical"));
        assert_eq!(nearest("colour", keys), None);
        assert_eq!(nearest("", keys), None);
    }
}
