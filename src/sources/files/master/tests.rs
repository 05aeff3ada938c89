//! What a master file means, told in master files.

use super::*;

fn read(text: &str, includes: &[(&str, &str)]) -> (Option<MasterFile>, Vec<Diagnostic>) {
    let includes =
        includes.iter().map(|&(name, text)| (name.to_owned(), Ok(text.into()))).collect();
    let apex = Name::parse("a.test").unwrap();
    parse(&apex, Path::new("zones/a.test/a.zone").into(), &text.into(), &includes)
}

fn good(text: &str, includes: &[(&str, &str)]) -> Vec<String> {
    let (file, diagnostics) = read(text, includes);
    assert_eq!(diagnostics, []);
    let shown =
        |r: &StaticRecord| format!("{} {} {} {}", r.owner, r.ttl, r.rtype, r.rdata.escape_ascii());
    file.unwrap().records.iter().map(shown).collect()
}

fn bad(text: &str, includes: &[(&str, &str)]) -> Vec<String> {
    let (file, diagnostics) = read(text, includes);
    assert_eq!(file, None);
    diagnostics.iter().map(Diagnostic::short).collect()
}

#[test]
fn owners_origins_and_ttls_carry_on() {
    let text = "$TTL 1h\n@ MX 10 m\n  5 IN TXT x\n$ORIGIN b\nc A 192.0.2.1\n  IN 7 A 192.0.2.2\n";
    let expected = [
        "a.test. 3600 MX \\x00\\n\\x01m\\x01a\\x04test\\x00",
        "a.test. 5 TXT \\x01x",
        "c.b.a.test. 3600 A \\xc0\\x00\\x02\\x01",
        "c.b.a.test. 7 A \\xc0\\x00\\x02\\x02",
    ];
    assert_eq!(good(text, &[]), expected);
}

#[test]
fn times_have_units_wherever_they_stand() {
    let rest = "\\x02ns\\x01a\\x04test\\x00\\x01h\\x01a\\x04test\\x00\\x00\\x00\\x00\\x01\
                \\x00\\x008@\\x00\\x00\\x0e\\x10\\x00\\t:\\x80\\x00\\x00\\x0e\\x10";
    let soa = |ttl: u32| format!("a.test. {ttl} SOA {rest}");
    for (text, ttl) in [
        ("@ 2w SOA ns h 1 4h 1h 7d 1h\n", 1_209_600),
        ("$TTL 1H30M\n@ SOA ns h 1 4H 60m 1W 3600\n", 5400),
        ("@ IN 1W2D SOA ns h ( 1 ; serial\n 4h ; refresh 9h\n\t1h 1w\n 1h )\n", 777_600),
        ("@ 1m IN SOA ns h 1 3h60m (3600s) 6d24h 0w60m\n", 60),
        // The minimum stands for a TTL that is not said.
        ("@ SOA ns h 1 4h 1h 1w 1h\n", 3600),
    ] {
        assert_eq!(good(text, &[]), [soa(ttl)], "{text}");
    }
    let mail = "a.test. 60 MX \\x00\\n\\x01m\\x01a\\x04test\\x00";
    assert_eq!(good("@ 1m MX 10 m\n", &[]), [mail]);
}

#[test]
fn without_a_directive_the_last_ttl_counts_then_the_minimum_of_the_soa() {
    let soa = "@ SOA ns h 1 2 3 4 5\n";
    let ttls = |text: &str| -> Vec<String> {
        let lines = good(text, &[]);
        lines.iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect()
    };
    assert_eq!(
        ttls(&format!("{soa}a A 192.0.2.1\nb 9 A 192.0.2.1\nc A 192.0.2.1")),
        ["5", "5", "9", "9"]
    );
    let first = bad("a A 192.0.2.1", &[]);
    assert!(first[0].contains(":1:3: this record has no TTL"), "{first:?}");
}

#[test]
fn an_included_file_has_its_own_origin_and_gives_none_back() {
    let main = "$TTL 5\nx A 192.0.2.1\n$INCLUDE b.inc sub\n  A 192.0.2.2\ny A 192.0.2.3\n";
    let names: Vec<String> = good(main, &[("b.inc", "m TXT b\n$ORIGIN deep\nn TXT c\n")])
        .iter()
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect();
    let expected = ["x.a.test.", "m.sub.a.test.", "n.deep.sub.a.test.", "x.a.test.", "y.a.test."];
    assert_eq!(names, expected);
}

#[test]
fn a_mistake_in_an_included_file_is_shown_there() {
    let said = bad("$TTL 5\n$INCLUDE b.inc\n", &[("b.inc", "\nm A x\n")]);
    assert!(said[0].starts_with("zones/a.test/b.inc:2:5: invalid A"), "{said:?}");
}

#[test]
fn includes_lead_nowhere_else_and_end() {
    for (text, why) in [
        ("$INCLUDE ../b.inc", "is outside the zone's directory"),
        ("$INCLUDE /etc/passwd", "is outside the zone's directory"),
        ("$INCLUDE b.zone", "cannot be included"),
        ("$INCLUDE c.inc", "no such file to include: c.inc"),
        ("$INCLUDE b.inc", "too deep"),
    ] {
        let said = bad(text, &[("b.inc", "$INCLUDE b.inc\n$INCLUDE b.inc\n")]);
        let told = |said: &String| said.contains(why) || said.contains("more errors in this file");
        assert!(said[0].contains(why) && said.iter().all(told), "{said:?}");
    }
}

#[test]
fn all_mistakes_are_told_each_at_its_place() {
    let text = "$TTL 5\na A x\nb BOGUS 1\n c\nd A 192.0.2.1 (\ne MX 1\nf CH A 192.0.2.1\n";
    let places: Vec<String> =
        bad(text, &[]).iter().map(|said| said.split(' ').next().unwrap().to_owned()).collect();
    let at = |place| format!("zones/a.test/a.zone:{place}:");
    assert_eq!(places, ["2:5", "3:3", "4:2", "5:15", "6:6", "7:3"].map(at));
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_to_its_end(text in "([a-z@$*. \\\\\"();\n0-9]|A |MX |\n|TXT ){0,80}") {
        let (file, diagnostics) = read(&text, &[]);
        let errors = diagnostics.iter().any(|d| d.severity == crate::diagnostic::Severity::Error);
        proptest::prop_assert_eq!(file.is_none(), errors);
    }
}

#[test]
fn a_file_of_too_many_records_is_refused_with_what_to_do() {
    let text = |many: usize| {
        let record = |n| format!("n{n} A 192.0.2.1\n");
        format!("$TTL 1h\n{}", (0..many).map(record).collect::<String>())
    };
    assert_eq!(good(&text(MOST_RECORDS), &[]).len(), MOST_RECORDS);
    let (file, said) = read(&text(MOST_RECORDS + 1), &[]);
    assert_eq!((file, said.len()), (None, 1));
    assert!(said[0].short().contains(":25002:"), "{said:?}");
    assert!(said[0].label.contains("a zone of their own"), "{said:?}");
}
