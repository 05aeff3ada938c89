//! Expressions against documents: what Consul 1.10 answered to the same, but where it says otherwise.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::http::consul::filter::Filter;
use crate::http::consul::filter::fields::{
    CATALOG_SERVICE, CHECKS, Fields, INSTANCES, NODES, SERVICES,
};

fn service() -> Value {
    json!({
        "ID": "web-1", "Service": "web", "Tags": ["v1", "a b"], "Meta": {"version": "2", "a-b": "x"},
        "Port": 80, "Address": "10.0.0.1", "Weights": {"Passing": 1, "Warning": 1},
        "TaggedAddresses": {"lan": {"Address": "10.0.0.9", "Port": 81}}, "EnableTagOverride": false,
    })
}

fn instance() -> Value {
    let check = |id: &str, status: &str, tags: &[&str]| json!({"CheckID": id, "Status": status, "ServiceTags": tags});
    json!({
        "Node": {"Node": "vm", "Meta": null, "TaggedAddresses": {"lan": "127.0.0.1"}},
        "Service": service(),
        "Checks": [check("serfHealth", "passing", &[]), check("service:web-1", "critical", &["v1"])],
    })
}

/// Each expression with what it says of the document.
fn assert_all(fields: &'static Fields, document: &Value, expressions: &[(&str, bool)]) {
    for (text, wanted) in expressions {
        let filter = Filter::parse(text, fields).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(filter.matches(document), *wanted, "{text}");
    }
}

#[test]
fn each_operator_is_asked_of_the_types_that_have_it() {
    assert_all(
        SERVICES,
        &service(),
        &[
            ("Service == web", true),
            ("Service!=\"web\"", false),
            ("Service contains eb", true),
            ("eb in Service", true),
            ("Service not contains eb", false),
            ("Service matches `^w\\w+$`", true),
            ("Service not matches \"^w.*\"", false),
            ("Port == 80", true),
            ("Port != \"80\"", false),
            ("Port == -1", false),
            ("EnableTagOverride == f", true),
            ("EnableTagOverride != false", false),
            ("v1 in Tags", true),
            ("Tags contains \"a b\"", true),
            ("v2 not in Tags", true),
            ("Tags is empty", false),
            ("Tags is not empty", true),
            ("lan in TaggedAddresses", true),
            ("Meta contains version", true),
            ("Meta is empty", false),
            ("TaggedAddresses.lan.Port == 81", true),
            ("Weights.Passing == 1", true),
            ("Meta.version == 2", true),
            ("Meta[\"a-b\"] == x", true),
            ("Meta[ `a-b` ] != x", false),
        ],
    );
}

#[test]
fn a_missing_key_equals_contains_and_matches_nothing() {
    // Consul says true to `matches`.
    assert_all(
        SERVICES,
        &service(),
        &[
            ("Meta.zz == q", false),
            ("Meta.zz != q", true),
            ("q in Meta.zz", false),
            ("Meta.zz not contains q", true),
            ("Meta.zz matches q", false),
            ("Meta.zz not matches q", true),
            ("TaggedAddresses.wan.Port != 81", true),
        ],
    );
}

#[test]
fn a_field_that_is_left_out_is_empty_zero_or_false() {
    let fields = [
        "Kind == \"\"",
        "Port == 0",
        "Connect.Native == false",
        "Tags is empty",
        "Meta is empty",
        "TaggedAddresses is empty",
        "Kind != \"connect-proxy\"",
    ];
    for text in fields {
        assert_all(SERVICES, &json!({"Meta": null}), &[(text, true)]);
    }
}

#[test]
fn of_several_checks_one_that_matches_is_enough() {
    assert_all(
        INSTANCES,
        &instance(),
        &[
            ("Checks.Status == critical", true),
            ("Checks.Status != critical", true),
            ("not Checks.Status == critical", false),
            ("Checks.Status == warning", false),
            ("v1 in Checks.ServiceTags", true),
            ("Checks.ServiceTags is empty", true),
            ("Checks is empty", false),
            ("Service.Meta.version == 2 and Node.Node == vm", true),
            ("Node.Meta is empty", true),
            ("Node.TaggedAddresses.lan == \"127.0.0.1\"", true),
        ],
    );
    assert_all(INSTANCES, &json!({"Checks": []}), &[("Checks.Status != passing", false)]);
}

#[test]
fn not_binds_more_than_and_and_that_more_than_or() {
    assert_all(
        SERVICES,
        &service(),
        &[
            ("Service == web or Port == 1 and Port == 2", true),
            ("(Service == web or Port == 1) and Port == 2", false),
            ("not Port == 1 and Port == 80", true),
            ("not (Port == 1 or Port == 80)", false),
            ("not not Port == 80", true),
            (" ( ( Port==80 )\n) ", true),
            ("not(Port == 80)", false),
        ],
    );
}

#[test]
fn values_are_bare_words_numbers_and_text_in_either_quotes() {
    let named = |name: &str| json!({"Service": name});
    for (text, name) in [
        ("Service == a.b_c", "a.b_c"),
        ("Service == not", "not"),
        ("Service == 1.5", "1.5"),
        ("Service == \"\\x77\\u00e4\\t\\\\\"", "wä\t\\"),
        ("Service == `\\d \"`", "\\d \""),
        ("Service == Meta[\"a b\"].c", "Meta.a b.c"),
    ] {
        assert_all(SERVICES, &named(name), &[(text, true)]);
        assert_all(SERVICES, &named("another"), &[(text, false)]);
    }
}

#[test]
fn every_endpoint_has_the_selectors_of_its_elements() {
    for (fields, text) in [
        (CHECKS, "ServiceTags contains v1 and Status == passing and CheckID != x"),
        (NODES, "Meta.rack == a1 and Datacenter == dc1"),
        (CATALOG_SERVICE, "ServiceMeta.version == 2 and v1 in ServiceTags and ServicePort == 80"),
        (INSTANCES, "Service.Proxy.DestinationServiceName == web"),
    ] {
        assert!(Filter::parse(text, fields).is_ok(), "{text}");
    }
}

#[test]
fn what_is_wrong_is_said_in_words_with_its_place() {
    for (text, at, words) in [
        (" ", 2, "a selector or a value is missing"),
        ("Service", 8, "an operator is missing"),
        ("Service == ", 12, "a value is missing"),
        ("Servce == web", 1, "did you mean \"Service\"?"),
        ("Nothing == web", 1, "write one of Kind, ID, Service"),
        ("Meta.version.x == 1", 1, "Selector \"Meta.version.x\" is not valid"),
        ("Weights.Pasing == 1", 1, "did you mean \"Passing\"?"),
        ("service == web", 1, "did you mean \"Service\"?"),
        ("Port == abc", 6, "\"abc\" is not a whole number"),
        ("Port == 80.0", 6, "\"80.0\" is not a whole number"),
        ("EnableTagOverride == yes", 19, "neither true nor false"),
        ("Tags == v1", 6, "write contains, in or is empty"),
        ("Meta == x", 6, "or name a key"),
        ("Weights is empty", 9, "the name of a field"),
        ("Service is empty", 9, "Invalid match operator"),
        ("Port matches 8", 6, "== or !="),
        ("Service == web-1", 15, "a bare word ends here"),
        ("Address == 10.0.0.1", 12, "\"10.0.0.1\" is not a number"),
        ("Service == 01", 12, "is not a number"),
        ("Port==80and Port==80", 7, "is not a number"),
        ("Service == \"web", 12, "not closed"),
        ("Service == \"\\d\"", 12, "backticks"),
        ("Service == \"a\nb\"", 12, "backticks"),
        ("Service matches \"(\"", 9, "unclosed group"),
        ("Service matches `(\\w{1000}){100}`", 9, "simplify it"),
        ("(Service == web", 1, "not closed"),
        ("Service == web)", 15, "the expression ends before this"),
        ("Service == web Port == 1", 16, "\"and\" or \"or\""),
        ("80 == Port", 1, "a selector stands here"),
        ("80 in \"Tags\"", 7, "a selector stands here"),
        ("v1 IN Tags", 4, "an operator is missing"),
        ("Service = web", 9, "has no meaning here"),
        ("Meta[x] == 1", 6, "a key in quotes"),
        ("Meta[\"x\" == 1", 10, "the bracket is not closed"),
        ("Meta.1 == 1", 6, "[\"key\"]"),
        ("Tags is full", 9, "is not empty"),
        ("Meta.ä == 1", 6, "a name must follow"),
    ] {
        let error = Filter::parse(text, SERVICES).err().unwrap_or_default();
        let place = format!("at character {at}: ");
        assert!(error.starts_with(&place) && error.contains(words), "{text}: {error}");
    }
}

#[test]
fn length_depth_and_conditions_are_bounded() {
    let nested = |depth| format!("{}Port == 80{}", "(".repeat(depth), ")".repeat(depth));
    let many = |count| vec!["Port == 80"; count].join(" or ");
    let long = |octets: usize| format!("Service == \"{}\"", "x".repeat(octets - 13));
    for (taken, refused) in
        [(nested(32), nested(33)), (many(64), many(65)), (long(16_384), long(16_385))]
    {
        assert!(Filter::parse(&taken, SERVICES).is_ok(), "{taken}");
        assert!(Filter::parse(&refused, SERVICES).is_err(), "{refused}");
    }
    assert!(Filter::parse(&"not ".repeat(4000), SERVICES).is_err());
}

fn condition() -> impl Strategy<Value = String> {
    let operand = || {
        prop::sample::select(vec![
            "Service.Port",
            "Service.Tags",
            "Service.Meta.version",
            "Service.Meta[\"a-b\"]",
            "Checks",
            "Checks.Status",
            "Service.Service",
            "Node.Meta",
            "80",
            "\"v1\"",
            "`x`",
            "critical",
            "2",
        ])
    };
    let operator = prop::sample::select(vec![
        " == ",
        "!=",
        " in ",
        " not in ",
        " contains ",
        " not contains ",
        " matches ",
        " not matches ",
        " is empty",
        " is not empty",
        " and ",
        " (",
    ]);
    (operand(), operator, operand()).prop_map(|(left, operator, right)| match operator {
        " is empty" | " is not empty" => format!("{left}{operator}"),
        _ => format!("{left}{operator}{right}"),
    })
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in "\\PC{0,40}") {
        let _ = Filter::parse(&text, INSTANCES);
    }

    #[test]
    fn not_is_the_opposite_and_and_and_or_are_what_they_say(a in condition(), b in condition()) {
        let says = |text: &str| Filter::parse(text, INSTANCES).ok().map(|f| f.matches(&instance()));
        let Some(a_says) = says(&a) else { return Ok(()) };
        prop_assert_eq!(says(&format!("not ({a})")), Some(!a_says));
        let Some(b_says) = says(&b) else { return Ok(()) };
        prop_assert_eq!(says(&format!("{a} and {b}")), Some(a_says && b_says));
        prop_assert_eq!(says(&format!("{a} or {b}")), Some(a_says || b_says));
    }
}
