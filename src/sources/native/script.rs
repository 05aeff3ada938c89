//! The keys of a check that runs a command.

use crate::model::check::{Kind, ScriptCheck};
use crate::sources::native::asked::{
    GRPC_KEYS, HTTP_KEYS, KindKeys, TCP_KEYS, TLS_KEYS, misplaced,
};
use crate::syntax::reader::Reader;
use crate::syntax::tree::{Tree, Value};

/// Reads the value of `args`. Whether the program is there is not looked at: it may come later,
/// and until then the check says so.
pub(in crate::sources) fn read(reader: &mut Reader<'_>) -> Option<KindKeys> {
    let args = args(reader);
    misplaced(reader, &HTTP_KEYS, "`http` checks");
    misplaced(reader, &TCP_KEYS, "`tcp` checks");
    misplaced(reader, &GRPC_KEYS, "`grpc` checks");
    misplaced(reader, &TLS_KEYS, "checks over TLS");
    let (program, arguments) = args?;
    let summary = format!("script:{program}");
    let check = ScriptCheck { program: program.into(), arguments: arguments.into() };
    Some(KindKeys { kind: Kind::Script(check), literal: None, needs_port: false, summary })
}

fn args<'a>(reader: &mut Reader<'a>) -> Option<(&'a str, Vec<String>)> {
    let report = reader.report;
    if let (_, Tree { span, value: Value::String(line) }) = reader.entry("args")? {
        let words: Vec<String> = line.split_whitespace().map(|word| format!("{word:?}")).collect();
        let message = "\"args\" must be a list of strings, not a string";
        report.error(
            span.clone(),
            message,
            format!("it is not passed to a shell: write [{}]", words.join(", ")),
        );
        return None;
    }
    let texts = reader.strings("args")?;
    for text in texts.iter().filter(|text| text.value.contains('\0')) {
        let message = "an argument contains a NUL byte";
        report.error(text.span.clone(), message, "remove it: arguments cannot contain NUL bytes");
    }
    let Some((program, arguments)) = texts.split_first() else {
        let (message, label) = ("\"args\" is empty", "write [\"/usr/local/bin/check-web\"]");
        // A list whose items are no strings has been complained of.
        let (_, tree) = reader.entry("args")?;
        if matches!(&tree.value, Value::List(items) if items.is_empty()) {
            report.error(tree.span.clone(), message, label);
        }
        return None;
    };
    if !program.value.starts_with('/') {
        let message = format!("{:?} is not an absolute path", program.value);
        let label = "write the full path of the program; for a shell, \"/bin/sh\", \"-c\", \"…\"";
        report.error(program.span.clone(), message, label);
        return None;
    }
    Some((program.value, arguments.iter().map(|text| text.value.to_owned()).collect()))
}
