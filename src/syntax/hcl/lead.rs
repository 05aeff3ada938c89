//! What stands in front of the first word of a file.

use crate::syntax::tree::without_mark;

/// Where JSON begins in a text that may be HCL: no body of HCL begins with a bracket, and HCL 1
/// reads a text that begins with `{` as JSON. Comments may stand before it.
pub fn json_start(text: &str) -> Option<usize> {
    let (mut rest, _) = without_mark(text);
    loop {
        rest = rest.trim_start();
        rest = if rest.starts_with('#') || rest.starts_with("//") {
            rest.split_once('\n')?.1
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/")?.1
        } else {
            return rest.starts_with(['{', '[']).then_some(text.len() - rest.len());
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_begins_with_a_bracket_after_blanks_and_comments() {
        for (text, start) in [
            ("{}", Some(0)),
            ("\u{feff} \n\t{}", Some(6)),
            ("# {\n// [\n/* { */ {}", Some(17)),
            ("[]", Some(0)),
            ("", None),
            ("# {", None),
            ("/* {", None),
            ("service {}", None),
            ("\"service\" {}", None),
            ("/ {}", None),
        ] {
            assert_eq!(json_start(text), start, "{text:?}");
        }
    }
}
