//! zone.toml → [`ZoneSettings`].

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::address;
use crate::diagnostic::Diagnostic;
use crate::model::definition::Placed;
use crate::model::name::{Name, NameError};
use crate::model::zone::{TtlSetting, WhenUnhealthy, ZoneSettings};
use crate::syntax::duration;
use crate::syntax::reader::Reader;
use crate::syntax::report::Report;
use crate::syntax::toml;

/// The words of `when_unhealthy`.
pub const WHEN_UNHEALTHY: [(&str, WhenUnhealthy); 3] = [
    ("empty", WhenUnhealthy::Empty),
    ("last-healthy", WhenUnhealthy::LastHealthy),
    ("all", WhenUnhealthy::All),
];

/// A zone without a zone.toml, its name server at the addresses given
/// ([`crate::config::default_ns_addresses`]).
pub fn defaults(apex: &Name, ns_addresses: &[IpAddr]) -> ZoneSettings {
    let mut settings = ZoneSettings::new(apex.clone());
    settings.static_addresses = addresses_of(&settings, ns_addresses);
    settings
}

/// `None` when an error is among the diagnostics.
pub fn parse(
    path: Arc<Path>,
    text: Arc<str>,
    apex: &Name,
    ns_addresses: &[IpAddr],
) -> (Option<ZoneSettings>, Vec<Diagnostic>) {
    let report = Report::new(path, text);
    let tree = toml::parse(&report);
    let settings = settings(Reader::document(&report, &tree, "zone.toml"), apex, ns_addresses);
    report.finish(Some(settings))
}

fn settings(mut reader: Reader<'_>, apex: &Name, ns_addresses: &[IpAddr]) -> ZoneSettings {
    let mut settings = ZoneSettings::new(apex.clone());
    let (ttl, min_ttl) = ttls(&mut reader);
    settings.ttl = ttl.map_or(settings.ttl, |placed| placed.value);
    settings.min_ttl = min_ttl.map_or(settings.min_ttl, |placed| placed.value);
    if let TtlSetting::Fixed(ttl) = settings.ttl {
        settings.min_ttl = settings.min_ttl.min(ttl);
    }
    if let Some(negative) = reader.duration("negative_ttl", Duration::ZERO) {
        settings.negative_ttl = negative.value;
    }
    if let Some(nameservers) = nameservers(&mut reader, apex) {
        settings.nameservers = nameservers;
    }
    if let Some(hostmaster) = hostmaster(&mut reader, apex) {
        settings.hostmaster = hostmaster;
    }
    if let Some(only_passing) = reader.boolean("only_passing") {
        settings.only_passing = only_passing.value;
    }
    if let Some(when) = reader.choice("when_unhealthy", &WHEN_UNHEALTHY) {
        settings.when_unhealthy = when.value;
    }
    settings.static_addresses = static_addresses(&mut reader, apex)
        .unwrap_or_else(|| addresses_of(&settings, ns_addresses));
    reader.finish();
    settings
}

/// `ttl` and `min_ttl`, of a zone or a service: what is suspect is not kept longer than what is
/// settled.
pub fn ttls(reader: &mut Reader<'_>) -> (Option<Placed<TtlSetting>>, Option<Placed<Duration>>) {
    let ttl = ttl(reader);
    let min_ttl = reader.duration("min_ttl", Duration::ZERO);
    if let (Some(Placed { value: TtlSetting::Fixed(ttl), .. }), Some(min)) = (&ttl, &min_ttl)
        && min.value > *ttl
    {
        let ttl = duration::show(*ttl);
        reader.report.error(
            min.span.clone(),
            format!("\"min_ttl\" is {}, longer than \"ttl\" ({ttl})", duration::show(min.value)),
            format!("write {ttl:?} or less"),
        );
    }
    (ttl, min_ttl)
}

fn ttl(reader: &mut Reader<'_>) -> Option<Placed<TtlSetting>> {
    let (_, tree) = reader.entry("ttl")?;
    if matches!(&tree.value, crate::syntax::tree::Value::String(text) if text == "auto") {
        return Some(Placed::new(TtlSetting::Auto, tree.span.clone()));
    }
    let ttl = reader.duration("ttl", Duration::ZERO)?;
    Some(Placed::new(TtlSetting::Fixed(ttl.value), ttl.span))
}

/// Relative to the apex unless it ends in a dot.
fn absolute(text: &str, apex: &Name) -> Result<Name, NameError> {
    if text.ends_with('.') { Name::parse(text) } else { Name::parse(&format!("{text}.{apex}")) }
}

fn nameservers(reader: &mut Reader<'_>, apex: &Name) -> Option<Vec<Name>> {
    let texts = reader.strings("nameservers")?;
    let (mut names, mut seen) = (Vec::with_capacity(texts.len()), HashSet::new());
    for text in &texts {
        let Some(name) = name(reader.report, text, apex) else { continue };
        if name == Name::root() {
            let message = "the root cannot be a name server";
            reader.report.error(text.span.clone(), message, "write \"ns1\"");
        } else if seen.insert(name.clone()) {
            names.push(name);
        } else {
            let message = format!("{name} is listed twice");
            reader.report.error(text.span.clone(), message, "remove it");
        }
    }
    if texts.is_empty() {
        let place = reader.place_of("nameservers");
        reader.report.error(place, "\"nameservers\" is empty", "write [\"ns1\"]");
    }
    Some(names)
}

fn hostmaster(reader: &mut Reader<'_>, apex: &Name) -> Option<Name> {
    let text = reader.string("hostmaster")?;
    if let Some((local, domain)) = text.value.split_once('@') {
        // RFC 1035 section 3.3.13: the mailbox as a name, its first label the local part.
        let message = "\"hostmaster\" must be a domain name, not a mail address";
        reader.report.error(text.span, message, format!("write \"{local}.{domain}.\""));
        return None;
    }
    name(reader.report, &text, apex)
}

fn name(report: &Report, text: &Placed<&str>, apex: &Name) -> Option<Name> {
    match absolute(text.value, apex) {
        Ok(name) => Some(name),
        Err(error) => {
            let message = format!("invalid domain name {:?}", text.value);
            report.error(text.span.clone(), message, error.to_string());
            None
        }
    }
}

fn static_addresses(reader: &mut Reader<'_>, apex: &Name) -> Option<Vec<(Name, Vec<IpAddr>)>> {
    let entries = reader.strings_table("static_addresses")?;
    let report = reader.report;
    let (mut list, mut seen) = (Vec::with_capacity(entries.len()), HashSet::new());
    for (key, texts) in &entries {
        let owner = Placed::new(key.text.as_str(), key.span.clone());
        let addresses = address::hosts(report, texts);
        if texts.is_empty() {
            report.error(
                key.span.clone(),
                format!("{:?} has no address", key.text),
                "write [\"192.0.2.1\"]",
            );
        }
        let Some(owner) = name(report, &owner, apex) else { continue };
        if owner.below(apex).is_none() {
            let message = format!("{owner} is outside the zone {apex}");
            report.error(key.span.clone(), message, "write a name inside the zone");
        } else if seen.insert(owner.clone()) {
            list.push((owner, addresses));
        } else {
            let message = format!("{owner} is listed twice");
            report.error(key.span.clone(), message, "put all its addresses in one list");
        }
    }
    Some(list)
}

/// The name servers inside the zone, each at all the addresses.
fn addresses_of(settings: &ZoneSettings, ns_addresses: &[IpAddr]) -> Vec<(Name, Vec<IpAddr>)> {
    if ns_addresses.is_empty() {
        return Vec::new();
    }
    let inside = |name: &&Name| name.below(&settings.apex).is_some();
    let names = settings.nameservers.iter().filter(inside);
    names.map(|name| (name.clone(), ns_addresses.to_vec())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTEN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn good(text: &str) -> ZoneSettings {
        let apex = Name::parse("service.internal").unwrap();
        let (settings, diagnostics) =
            parse(Path::new("zone.toml").into(), text.into(), &apex, &[LISTEN]);
        assert_eq!(diagnostics, []);
        settings.unwrap()
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        let apex = Name::parse("service.internal").unwrap();
        let settings = good("");
        assert_eq!(settings, defaults(&apex, &[LISTEN]));
        let ns1 = Name::parse("ns1.service.internal").unwrap();
        assert_eq!(settings.static_addresses, [(ns1, vec![LISTEN])]);
        assert_eq!(defaults(&apex, &[]).static_addresses, []);
    }

    #[test]
    fn each_key_is_read_and_names_are_relative_to_the_apex() {
        let settings = good(
            r#"
ttl = "30s"
min_ttl = "0s"
negative_ttl = "5s"
nameservers = ["ns1", "ns.example.com."]
hostmaster = "admin.example.com."
only_passing = true
when_unhealthy = "last-healthy"
static_addresses = { ns1 = ["192.0.2.1", "2001:db8::1"], "a.b" = "192.0.2.2" }
"#,
        );
        assert_eq!(settings.ttl, TtlSetting::Fixed(Duration::from_secs(30)));
        assert_eq!(settings.min_ttl, Duration::ZERO);
        assert_eq!(settings.nameservers[0].to_string(), "ns1.service.internal.");
        assert_eq!(settings.nameservers[1].to_string(), "ns.example.com.");
        assert_eq!(settings.hostmaster.to_string(), "admin.example.com.");
        assert_eq!(settings.when_unhealthy, WhenUnhealthy::LastHealthy);
        assert_eq!(settings.static_addresses[1].0.to_string(), "a.b.service.internal.");
    }

    #[test]
    fn name_servers_outside_the_zone_have_no_addresses_here() {
        assert_eq!(good("nameservers = [\"ns.example.com.\"]").static_addresses, []);
    }

    #[test]
    fn a_ttl_below_the_default_min_ttl_lowers_it() {
        assert_eq!(good("ttl = \"0s\"").min_ttl, Duration::ZERO);
    }
}
