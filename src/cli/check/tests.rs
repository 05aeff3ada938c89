use std::fs;
use std::path::Path;

use super::*;

const GOOD: &str = "[[service]]\nname = \"web\"\nport = 80\n[[service.check]]\ntcp = true\n\
                    [[service.instance]]\nid = \"web-1\"\naddress = \"192.0.2.1\"\n";

/// A folder of zones with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn checked(zones: &Path, paths: &[PathBuf]) -> Report {
    let config = Config { zones_dir: zones.to_owned(), ..Config::default() };
    let mut report = Report::default();
    report.everything(Loaded { config, diagnostics: Vec::new() }, paths);
    report
}

fn messages(report: &Report) -> Vec<&str> {
    report.diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect()
}

#[test]
fn a_link_in_a_circle_is_an_error_and_one_that_leads_nowhere_is_not() {
    let top = tempfile::tempdir().unwrap();
    let zone = top.path().join("a.b");
    fs::create_dir(&zone).unwrap();
    std::os::unix::fs::symlink("circle.toml", zone.join("circle.toml")).unwrap();
    std::os::unix::fs::symlink("nowhere", zone.join("dangling.toml")).unwrap();
    let read = zones::read_all(top.path(), &Host { ns_addresses: Vec::new(), node: None });
    let found = lint(read, Settings::of(&Config::default()), &|_| true);
    let paths: Vec<_> = found.complaints.iter().map(|d| d.path.to_path_buf()).collect();
    assert_eq!(paths, [zone.join("circle.toml")]);
}

#[test]
fn good_files_are_counted() {
    let zones = folder(&[
        ("service.internal/web.toml", GOOD),
        ("service.internal/.hidden.toml", "?"),
        ("service.internal/web.toml~", "?"),
        ("empty.internal/zone.toml", ""),
    ]);
    let report = checked(zones.path(), &[]);
    assert_eq!(report.summary(), "2 zones, 1 service, 1 instance: all is well");
}

#[test]
fn of_files_that_are_named_only_their_registrations_are_counted() {
    let other = GOOD.replace("web", "db");
    let zones = folder(&[("a.internal/1.toml", GOOD), ("a.internal/2.toml", &other)]);
    let one = zones.path().join("a.internal/1.toml");
    let report = checked(zones.path(), &[one]);
    assert_eq!(report.summary(), "1 zone, 1 service, 1 instance: all is well");
}

#[test]
fn files_of_a_check_that_cannot_be_used_are_an_error_at_the_service() {
    let secure = |ca: &str| {
        let check = format!("http = \"https://localhost:8443/\"\ntls_ca_file = \"{ca}\"");
        GOOD.replace("tcp = true", &check)
    };
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let zones = folder(&[
        ("a.internal/web.toml", &secure("ca.pem")),
        ("a.internal/ca.pem", no_certificate),
        ("b.internal/web.toml", &secure("gone.pem")),
    ]);
    let report = checked(zones.path(), &[]);
    let [first, second] = messages(&report)[..] else { panic!("{report:?}") };
    assert!(first.starts_with("a check of service \"web\" cannot run: "), "{first}");
    assert!(first.contains("ca.pem contains no PEM certificate"), "{first}");
    assert!(second.contains("gone.pem: no such file"), "{second}");
}

#[test]
fn an_id_in_two_files_of_a_zone_is_an_error_at_the_second() {
    let zones = folder(&[("a.internal/1.toml", GOOD), ("a.internal/2.toml", GOOD)]);
    let report = checked(zones.path(), &[]);
    assert_eq!(messages(&report), ["instance \"web-1\" of service \"web\" is registered twice"]);
    assert!(report.diagnostics[0].path.ends_with("2.toml"));
    let first = checked(zones.path(), &[zones.path().join("a.internal/1.toml")]);
    assert_eq!(messages(&first), [""; 0], "the first is asked about, and it is served");
    let second = checked(zones.path(), &[zones.path().join("a.internal/2.toml")]);
    assert_eq!(messages(&second).len(), 1);
}

#[test]
fn a_ttl_that_outlives_detection_is_a_warning_with_both_numbers() {
    let written = GOOD.replace("port = 80", "port = 80\nttl = \"30s\"");
    let zones = folder(&[("a.internal/web.toml", &written)]);
    let report = checked(zones.path(), &[]);
    let wanted =
        "the TTL of web.a.internal. is 30 s, but health checks can change its answers within 1.5 s";
    assert_eq!(messages(&report), [wanted]);
    assert_eq!(report.diagnostics[0].line_column(), Some((4, 7)));
    assert_eq!(report.summary(), "1 zone, 1 service, 1 instance: 1 warning");
}

#[test]
fn a_zones_ttl_is_warned_of_once_and_not_where_services_have_their_own_or_no_check() {
    let other = GOOD.replace("\"web\"", "\"other\"");
    let own = GOOD.replace("\"web\"", "\"own\"").replace("port = 80", "port = 80\nttl = \"1s\"");
    let bare = "[[service]]\nname = \"bare\"\n[[service.instance]]\naddress = \"192.0.2.9\"\n";
    let zones = folder(&[
        ("a.internal/zone.toml", "ttl = \"1m\""),
        ("a.internal/web.toml", &format!("{GOOD}{other}{own}{bare}")),
    ]);
    let report = checked(zones.path(), &[]);
    assert_eq!(report.diagnostics.len(), 1, "{:?}", messages(&report));
    assert!(report.diagnostics[0].path.ends_with("zone.toml"));
    assert!(report.diagnostics[0].message.contains("60 s"));
}

#[test]
fn a_path_is_a_file_a_zone_or_a_folder_of_zones() {
    let zones = folder(&[("a.internal/web.toml", "nmae = 1"), ("b.internal/web.toml", "x = 1")]);
    let errors_of = |path: &str| {
        let path = zones.path().join(path);
        errors(&checked(Path::new("/nowhere"), &[path]).diagnostics)
    };
    assert_eq!(errors_of("a.internal/web.toml"), 1);
    assert_eq!(errors_of("a.internal"), 1);
    assert_eq!(errors_of(""), 2);
    assert_eq!(errors_of("a.internal/none.toml"), 1);
}

#[test]
fn what_is_no_folder_or_no_zone_is_an_error() {
    assert_eq!(errors(&checked(Path::new("/nowhere/zones"), &[]).diagnostics), 1);
    let zones = folder(&[("-bad-.internal/web.toml", GOOD)]);
    assert!(
        messages(&checked(zones.path(), &[]))[0]
            .starts_with("the directory name is not a valid zone name")
    );
}

/// A definition with an alias, in the form of Consul's files.
fn alias(name: &str, of: &str) -> String {
    format!(
        "{{ \"service\": {{ \"name\": \"{name}\", \"address\": \"192.0.2.1\",\n  \"check\": {{ \
         \"alias_service\": \"{of}\" }} }} }}"
    )
}

#[test]
fn an_alias_of_nobody_is_told_of_a_whole_zone_and_not_of_a_file_alone() {
    let zones = folder(&[
        ("a.internal/db.toml", &GOOD.replace("web", "db")),
        ("a.internal/good.json", &alias("good", "DB-1")),
        ("a.internal/proxy.json", &alias("proxy", "db1")),
        ("b.internal/proxy.json", &alias("proxy", "db-1")),
    ]);
    let wanted = "no instance of this zone has the id \"db1\"";
    let other = "no instance of this zone has the id \"db-1\"";
    let report = checked(zones.path(), &[]);
    assert_eq!(messages(&report), [wanted, other]);
    assert_eq!(report.diagnostics[0].line_column(), Some((2, 31)));
    assert_eq!(report.diagnostics[0].label, "did you mean \"db-1\"?");
    assert_eq!(report.summary(), "2 zones, 4 services, 4 instances: 2 warnings");
    let of = |path: &str| checked(zones.path(), &[zones.path().join(path)]);
    assert_eq!(messages(&of("a.internal")), [wanted]);
    assert_eq!(messages(&of("")), [wanted, other]);
    assert_eq!(messages(&of("a.internal/proxy.json")), [""; 0]);
}

#[test]
fn a_record_that_leads_to_nothing_in_its_zone_is_a_warning() {
    let records = "\
$TTL 5
www CNAME wbe-1.web   ; a slip of nothing static
mail A 192.0.2.1
text TXT x
@ MX 10 mial
@ MX 20 mail
@ MX 30 text
@ MX 40 web
@ MX 50 mail.example.
_sip._tcp SRV 0 0 5060 mail
_sips._tcp SRV 0 0 5061 voip-gateway.below
deep.below TXT x
alias CNAME text
there CNAME web-1.web
any.wild CNAME x.star
*.star A 192.0.2.2
sub NS ns.sub
ns.sub A 192.0.2.3
host CNAME anything.sub
_x._tcp SRV 0 0 1 below
null MX 0 .
";
    let zones = folder(&[("a.internal/web.toml", GOOD), ("a.internal/a.zone", records)]);
    let report = checked(zones.path(), &[]);
    let told: Vec<_> = report
        .diagnostics
        .iter()
        .map(|d| (d.line_column().unwrap(), d.message.as_str(), d.label.as_str()))
        .collect();
    let write = "add an A or AAAA record for it";
    let nobody = "add a record or register a service with this name";
    let wanted = [
        ((2, 5), "this CNAME points to wbe-1.web.a.internal., which does not exist", nobody),
        (
            (5, 3),
            "this MX points to mial.a.internal., which does not exist",
            "did you mean mail.a.internal.?",
        ),
        ((7, 3), "this MX points to text.a.internal., which has no address", write),
        (
            (11, 12),
            "this SRV points to voip-gateway.below.a.internal., which does not exist",
            nobody,
        ),
        ((20, 9), "this SRV points to below.a.internal., which has no address", write),
    ];
    assert_eq!(told, wanted);
    let alone = checked(zones.path(), &[zones.path().join("a.internal/a.zone")]);
    assert_eq!(messages(&alone), [""; 0], "the services may lie elsewhere");
}
