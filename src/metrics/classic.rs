//! Prometheus' own text, made from the `OpenMetrics` one.

/// A counter's family has the name of its samples, and nothing marks the end.
pub(super) fn text(open_metrics: &str) -> String {
    let mut out = String::with_capacity(open_metrics.len());
    let mut help: Option<(&str, &str)> = None;
    for line in open_metrics.lines() {
        if let Some(described) = line.strip_prefix("# HELP ") {
            help = described.split_once(' ');
            continue;
        }
        let typed = line.strip_prefix("# TYPE ").and_then(|typed| typed.split_once(' '));
        if let Some((name, kind)) = typed {
            let suffix = if kind == "counter" { "_total" } else { "" };
            if let Some((_, help)) = help.take() {
                out.extend(["# HELP ", name, suffix, " ", help, "\n"]);
            }
            out.extend(["# TYPE ", name, suffix, " ", kind, "\n"]);
            continue;
        }
        out.extend([line, "\n"]);
    }
    out
}
