//! Lookups of static names against RFC 1034 section 4.3.2 and RFC 4592 written down naively: lists
//! of labels and no tables.

use std::path::Path;
use std::sync::Arc;

use livezone::answer::lookup::{Node, lookup};
use livezone::model::dns::Rtype;
use livezone::model::name::Name;
use livezone::model::origin::Origin;
use livezone::model::records::{MasterFile, Part, RecordPlace, StaticRecord};
use livezone::model::zone::ZoneSettings;
use livezone::registry::statics::{StaticRecords, merge};
use livezone::snapshot::zone::{Facts, Zone, soa};
use proptest::prelude::*;

const TYPES: [Rtype; 6] = [Rtype::A, Rtype::TXT, Rtype::NS, Rtype::CNAME, Rtype::DNAME, Rtype::DS];

/// Labels from the left; the apex is none.
type Labels = Vec<&'static str>;

fn name(labels: &[&str]) -> Name {
    let mut name = Name::parse("z.").unwrap();
    for label in labels.iter().rev() {
        name = name.child(label).unwrap();
    }
    name
}

fn file(records: &[(Labels, Rtype)]) -> MasterFile {
    let record = |(owner, rtype): &(Labels, Rtype)| StaticRecord {
        owner: name(owner),
        rtype: *rtype,
        ttl: 5,
        rdata: match *rtype {
            Rtype::NS | Rtype::CNAME | Rtype::DNAME => name(&["a"]).as_wire().into(),
            _ => Arc::from([1, 2, 3, 4]),
        },
        place: RecordPlace { part: 0, span: 0..0 },
    };
    let part = Part { path: Path::new("a.zone").into(), text: "".into() };
    MasterFile { parts: vec![part], records: records.iter().map(record).collect() }
}

/// What the naive reading of the names finds, in words.
fn expected(names: &[(Labels, Vec<Rtype>)], asked: &[&'static str], rtype: Rtype) -> String {
    let types = |labels: &[&str]| names.iter().find(|(n, _)| n == labels).map(|(_, types)| types);
    let has = |labels: &[&str], rtype| types(labels).is_some_and(|types| types.contains(&rtype));
    let exists = |labels: &[&str]| names.iter().any(|(name, _)| name.ends_with(labels));
    for left in (0..=asked.len()).rev() {
        let above = &asked[left..];
        if !above.is_empty() && has(above, Rtype::NS) && !(left == 0 && rtype == Rtype::DS) {
            return format!("delegated at {}", name(above));
        }
        if left > 0 && has(above, Rtype::DNAME) {
            return format!("redirected at {}", name(above));
        }
    }
    let source = if exists(asked) {
        asked.to_vec()
    } else {
        let encloser = (1..=asked.len()).map(|left| &asked[left..]).find(|n| exists(n)).unwrap();
        [&["*"], encloser].concat()
    };
    match types(&source) {
        Some(types) => format!("{types:?}"),
        None if exists(&source) => "empty".to_owned(),
        None => "missing".to_owned(),
    }
}

fn found(zone: &Zone, asked: &Name, rtype: Rtype) -> String {
    match lookup(zone, asked, rtype) {
        Node::Missing => "missing".to_owned(),
        Node::Empty => "empty".to_owned(),
        Node::Static(node) => {
            format!("{:?}", node.rrsets().iter().map(|r| r.rtype).collect::<Vec<_>>())
        }
        Node::Delegated(cut) => format!("delegated at {}", cut.owner),
        Node::Redirected { owner, .. } => format!("redirected at {owner}"),
        other => format!("{other:?}"),
    }
}

fn labels(most: usize) -> impl Strategy<Value = Labels> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "*"]), 1..=most)
}

/// What was merged, as lists of labels.
fn as_lists(statics: &StaticRecords) -> Vec<(Labels, Vec<Rtype>)> {
    let apex = name(&[]);
    let label = |label: &[u8]| match label {
        b"a" => "a",
        b"b" => "b",
        b"*" => "*",
        _ => "some other",
    };
    let names = statics.names.iter().map(|(name, rrsets)| {
        let labels = name.below(&apex).unwrap().into_iter().map(label).collect();
        (labels, rrsets.keys().copied().collect())
    });
    names.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_lookup_finds_what_the_rfcs_say(
        records in prop::collection::vec((labels(4), prop::sample::select(TYPES.to_vec())), 0..8),
        questions in prop::collection::vec((labels(5), prop::sample::select(TYPES.to_vec())), 10),
    ) {
        let wild = |labels: &Labels| labels.first() == Some(&"*");
        let redirects = |t: Rtype| matches!(t, Rtype::NS | Rtype::DNAME | Rtype::DS);
        let records: Vec<_> =
            records.into_iter().filter(|(owner, t)| !(wild(owner) && redirects(*t))).collect();
        let settings = ZoneSettings::new(name(&[]));
        let statics = merge(&settings, &[(Origin::Files, Arc::new(file(&records)))]);
        let names = as_lists(&statics);
        let mut zone = Zone::new(&settings, 1);
        zone.reconfigure(soa(&settings, &statics, 1), Arc::new(Facts::new(&settings, &statics)));
        for (asked, rtype) in questions {
            let expected = expected(&names, &asked, rtype);
            prop_assert_eq!(found(&zone, &name(&asked), rtype), expected, "{:?} {} in {:?}", asked, rtype, names);
        }
    }

    /// No name is both answered and hidden, and none that is written is lost without a word.
    #[test]
    fn what_is_not_served_is_complained_of(
        records in prop::collection::vec((labels(4), prop::sample::select(TYPES.to_vec())), 0..8),
    ) {
        let statics = merge(&ZoneSettings::new(name(&[])), &[(Origin::Files, Arc::new(file(&records)))]);
        let served = |(owner, rtype): &&(Labels, Rtype)| {
            statics.names.get(&name(owner)).is_some_and(|rrsets| rrsets.contains_key(rtype))
        };
        let all_served = records.iter().all(|record| served(&record));
        let errors = statics.conflicts.iter().filter(|d| d.message.contains("cannot")
            || d.message.contains("can have") || d.message.contains("not served"));
        prop_assert_eq!(all_served, errors.count() == 0, "{:?}", statics.conflicts);
    }
}
