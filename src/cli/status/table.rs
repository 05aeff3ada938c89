//! The report as a table for people.

use std::net::SocketAddr;

use crate::engine::report::{
    CheckReport, InstanceReport, OrderReport, ServiceReport, ServicesReport, SourceReport,
};
use crate::model::text::printable;

const COLUMNS: [&str; 7] = ["SERVICE", "INSTANCE", "ADDRESS", "STATE", "SINCE", "SERVED", "WHY"];

const ORDERS: [&str; 6] = ["SERVICE", "INSTANCE", "ORDER", "UNTIL", "BY", "REASON"];

type Row = [String; COLUMNS.len()];

/// All services, then what is ordered, then what the sources could not read.
pub(super) fn render(report: &ServicesReport) -> String {
    let mut text = if report.services.is_empty() {
        "no service is registered\n".to_owned()
    } else {
        let rows: Vec<Row> = report.services.iter().flat_map(rows).collect();
        aligned(COLUMNS, &rows)
    };
    if !report.orders.is_empty() {
        let rows: Vec<_> = report.orders.iter().map(order).collect();
        text.push_str("\norders:\n");
        text.push_str(&aligned(ORDERS, &rows));
    }
    for SourceReport { name, errors, warnings } in &report.sources {
        text.push_str(&complaints(&format!("errors in {name}"), errors));
        text.push_str(&complaints(&format!("warnings in {name}"), warnings));
    }
    text
}

pub(super) fn full(service: &ServiceReport) -> String {
    format!("{}.{}", service.name, service.zone)
}

fn rows(service: &ServiceReport) -> Vec<Row> {
    let mut rows: Vec<Row> = service.instances.iter().flat_map(instance).collect();
    if rows.is_empty() {
        let mut row = Row::default();
        if let Some(why) = row.last_mut() {
            "no instance is registered".clone_into(why);
        }
        rows.push(row);
    }
    // Said once: what follows belongs to it.
    if let Some([name, ..]) = rows.first_mut() {
        *name = full(service);
    }
    rows
}

/// One row, and one more for each further address and, where there are several, for each check
/// that has more to say.
fn instance(instance: &InstanceReport) -> Vec<Row> {
    let mut addresses = instance.addresses.iter().map(|address| reached(address, instance.port));
    let served = if instance.served { "yes" } else { "no" };
    let blank = String::new;
    let more = || instance.checks.iter().filter(|check| has_more(check, &instance.why));
    let why = match &instance.checks[..] {
        [only] if has_more(only, &instance.why) => format!("{} ({})", instance.why, only.output),
        _ => instance.why.clone(),
    };
    let mut rows = vec![[
        blank(),
        instance.id.clone(),
        addresses.next().unwrap_or_default(),
        instance.state.clone(),
        instance.since.clone(),
        served.to_owned(),
        why,
    ]];
    for address in addresses {
        rows.push([blank(), blank(), address, blank(), blank(), blank(), blank()]);
    }
    for check in more().filter(|_| instance.checks.len() > 1) {
        let output = format!("{}: {}", check.id, check.output);
        rows.push([blank(), blank(), blank(), check.state.clone(), blank(), blank(), output]);
    }
    rows
}

/// `10.0.0.1:80`, `[2001:db8::1]:80`, `db.example.com:80`.
fn reached(address: &str, port: Option<u16>) -> String {
    match (port, address.parse()) {
        (Some(port), Ok(address)) => SocketAddr::new(address, port).to_string(),
        (Some(port), Err(_)) => format!("{address}:{port}"),
        (None, _) => address.to_owned(),
    }
}

/// The reason of the check that decided is said already.
fn has_more(check: &CheckReport, why: &str) -> bool {
    !check.output.is_empty() && !why.contains(&check.output)
}

fn order(order: &OrderReport) -> [String; ORDERS.len()] {
    let OrderReport { service, instance, order, reason, by, until } = order;
    let until = until.as_deref().unwrap_or("taken back");
    [service, instance, order, until, by, reason].map(ToString::to_string)
}

fn aligned<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    // Nothing that a backend or a file says may move the cursor.
    let shown = |row: &[String; N]| row.each_ref().map(|cell| printable(cell).into_owned());
    let rows: Vec<_> = rows.iter().map(shown).collect();
    let head = head.map(str::to_owned);
    let all = || std::iter::once(&head).chain(&rows);
    let widths: [usize; N] = std::array::from_fn(|column| {
        all().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    });
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}  "));
        format!("{}\n", cells.collect::<String>().trim_end())
    };
    all().map(line).collect()
}

/// The last of them may tell how many more there are: they are not counted here.
fn complaints(what: &str, complaints: &[String]) -> String {
    if complaints.is_empty() {
        return String::new();
    }
    let lines = complaints.iter().map(|complaint| format!("  {}\n", printable(complaint)));
    format!("\n{what}:\n{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(id: &str, addresses: &[&str], state: &str, why: &str) -> InstanceReport {
        InstanceReport {
            id: id.to_owned(),
            addresses: addresses.iter().map(|&address| address.to_owned()).collect(),
            port: Some(8080),
            state: state.to_owned(),
            since: "2025-01-01T00:00:00Z".to_owned(),
            served: state != "critical",
            why: why.to_owned(),
            checks: Vec::new(),
        }
    }

    fn check(id: &str, state: &str, output: &str) -> CheckReport {
        let [id, state, output] = [id, state, output].map(str::to_owned);
        CheckReport { id, kind: "http".to_owned(), state, output }
    }

    fn web(instances: Vec<InstanceReport>) -> ServicesReport {
        let (name, zone) = ("web".to_owned(), "a.internal".to_owned());
        let services = vec![ServiceReport { name, zone, instances }];
        ServicesReport { services, sources: Vec::new(), orders: Vec::new() }
    }

    #[test]
    fn each_instance_has_a_line_and_what_is_not_said_yet_has_one_more() {
        let mut down = instance("web-2", &["10.0.0.2"], "critical", "critical: HTTP 503");
        down.checks = vec![
            check("http:/health", "critical", "HTTP 503"),
            check("tcp", "passing", "connected\x1b[2J"),
        ];
        let mut up = instance("web-1", &["10.0.0.1", "2001:db8::1"], "passing", "passing");
        up.checks = vec![check("tcp", "passing", "connected")];
        let shown = render(&web(vec![up, down]));
        let wanted = "\
SERVICE         INSTANCE  ADDRESS             STATE     SINCE                 SERVED  WHY
web.a.internal  web-1     10.0.0.1:8080       passing   2025-01-01T00:00:00Z  yes     passing (connected)
                          [2001:db8::1]:8080
                web-2     10.0.0.2:8080       critical  2025-01-01T00:00:00Z  no      critical: HTTP 503
                                              passing                                 tcp: connected\\u{1b}[2J
";
        assert_eq!(shown, wanted);
    }

    #[test]
    fn orders_are_shown_with_who_why_and_until() {
        let mut report = web(Vec::new());
        let order = |order: &str, until: Option<&str>| {
            let [service, instance, order, reason, by] =
                ["web.a.internal", "web-1", order, "slow\u{202e}", "10.0.0.9"].map(str::to_owned);
            OrderReport { service, instance, order, reason, by, until: until.map(str::to_owned) }
        };
        report.orders =
            vec![order("maintenance", None), order("forced_up", Some("2025-01-01T00:00:00Z"))];
        let wanted = "
orders:
SERVICE         INSTANCE  ORDER        UNTIL                 BY        REASON
web.a.internal  web-1     maintenance  taken back            10.0.0.9  slow\\u{202e}
web.a.internal  web-1     forced_up    2025-01-01T00:00:00Z  10.0.0.9  slow\\u{202e}
";
        assert!(render(&report).ends_with(wanted), "{}", render(&report));
    }

    #[test]
    fn an_external_instance_is_shown_by_its_host() {
        assert_eq!(reached("db.example.com", Some(5432)), "db.example.com:5432");
        assert_eq!(reached("db.example.com", None), "db.example.com");
    }

    #[test]
    fn nothing_is_said_in_words_and_complaints_about_sources_come_last() {
        let mut report = web(Vec::new());
        assert!(render(&report).ends_with("no instance is registered\n"));
        report.services.clear();
        let errors = vec!["zones/a/b.toml:1:1: unknown key".to_owned()];
        let warnings = vec!["zones/a/c.toml:2:1: a\x1b[2Jb".to_owned()];
        report.sources = vec![SourceReport { name: "files".to_owned(), errors, warnings }];
        assert_eq!(
            render(&report),
            "no service is registered\n\nerrors in files:\n  zones/a/b.toml:1:1: unknown key\n\n\
             warnings in files:\n  zones/a/c.toml:2:1: a\\u{1b}[2Jb\n"
        );
    }
}
