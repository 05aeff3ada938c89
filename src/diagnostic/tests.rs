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
    assert_eq!(Diagnostic::of_file(&path, "cannot be read").short(), "web.toml: cannot be read");
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
    for (text, span) in [("", 0..0), ("a\n", 2..2), ("a", 7..9), ("\u{feff}", 0..3), ("ß", 1..1)] {
        assert!(at(text, span).render(Colour::Plain).starts_with("error: unknown key"));
    }
}

#[test]
fn of_a_very_long_line_what_stands_around_the_place_is_shown_with_the_column_of_the_whole() {
    let text = format!("# one\n{}prot{}\nlast", "é".repeat(30_000), "x".repeat(50_000_000));
    let start = 6 + 60_000;
    let shown = at(&text, start..start + 4).render(Colour::Plain);
    assert!(shown.len() < 2000, "{} octets", shown.len());
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines[1], " --> web.toml:2:30001");
    let caret = lines.iter().find(|line| line.contains('^')).unwrap();
    let before = |line: &str, word: char| line.chars().take_while(|c| *c != word).count();
    assert_eq!(before(lines[3], 'p'), before(caret, '^'), "{shown}");
    assert!(caret.contains("^^^^ did you mean"), "{shown}");
    assert!(lines[3].starts_with("2 | ..."), "{shown}");
    assert_eq!(at(&text, start..start + 4).line_column(), Some((2, 30_001)));
    // A place as long as the line.
    assert!(at(&text, start..text.len()).render(Colour::Plain).len() < 3000);
}

#[test]
fn a_message_that_quotes_a_long_text_is_cut() {
    let path = Path::new("a").into();
    let long = Diagnostic::of_file(&path, "é".repeat(1_000_000)).with_label("x".repeat(5000));
    assert_eq!(long.message, "é".repeat(500) + "…");
    assert_eq!(long.label.chars().count(), MOST_OCTETS + 1);
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
    assert_eq!(nearest(&"port".repeat(1_000_000), keys), None);
    assert_eq!(nearest("port", ["p".repeat(1_000_000).as_str(), "porn"]), Some("porn"));
    let many = || std::iter::repeat_n("name", MOST_CANDIDATES);
    assert_eq!(nearest("prot", many().chain(["port"])), None, "it looks at some only");
    assert_eq!(nearest("", keys), None);
}

#[test]
fn an_error_of_the_system_is_told_without_its_number() {
    assert_eq!(reason(&io::Error::from_raw_os_error(13)), "permission denied");
    assert_eq!(reason(&io::Error::from_raw_os_error(12345)), "system error 12345");
    assert_eq!(reason(&io::ErrorKind::TimedOut.into()), "timed out");
    assert_eq!(reason(&io::Error::other("Inner { number: 1 }")), "other error");
    let not_text = io::Error::new(io::ErrorKind::InvalidData, "stream did not contain …");
    assert_eq!(reason(&not_text), "not valid UTF-8");
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
