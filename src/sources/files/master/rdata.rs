//! A record's data, from the tokens behind its type to octets, by `domain`'s reader.

use std::ops::Range;

use domain::base::iana::{Class, Rtype as TheirRtype};
use domain::base::name::{Name as TheirName, ParsedName};
use domain::base::rdata::{ComposeRecordData, ParseAnyRecordData};
use domain::dep::octseq::Parser;
use domain::rdata::{AllRecordData, ZoneRecordData};
use domain::zonefile::inplace::{Entry, Zonefile};

use super::fields;
use super::lexer::Token;
use crate::model::dns::Rtype;
use crate::model::name::Name;

/// What stands before the type in the line that is handed over: the owner, TTL and class are read
/// here, and the reader gets its own.
const PREFIX: &str = ". 0 IN ";

/// The most octets of RDATA (RFC 1035 section 3.2.1).
const MAX_RDATA: usize = 0xffff;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) advice: String,
}

/// The type that a mnemonic or `TYPEnnn` names.
pub(super) fn rtype(text: &str) -> Option<Rtype> {
    Rtype::from_mnemonic(text).or_else(|| {
        let their: TheirRtype = text.parse().ok()?;
        Some(Rtype(their.to_int()))
    })
}

/// The data of a record in canonical form, of a type that `domain`'s reader knows. `tokens` begin
/// with the type.
pub(super) fn read(rtype: Rtype, tokens: &[Token<'_>], origin: &Name) -> Result<Vec<u8>, Wrong> {
    let (line, starts) = one_line(rtype, tokens, origin)?;
    let mut reader = Zonefile::from(line.as_str());
    if let Ok(origin) = TheirName::from_octets(origin.as_wire().to_vec().into()) {
        reader.set_origin(origin);
    }
    reader.set_default_class(Class::IN);
    let data = match reader.next_entry() {
        Ok(Some(Entry::Record(record))) => record.into_data(),
        Ok(Some(Entry::Include { .. }) | None) => {
            return Err(wrong(tokens, tokens.len(), rtype, "the data is missing"));
        }
        Err(error) => return Err(explain(&error.to_string(), rtype, tokens, &starts)),
    };
    let mut octets = Vec::new();
    let composed = match data {
        ZoneRecordData::Unknown(data) => {
            return known_form(rtype, data.data().as_ref()).ok_or_else(|| {
                wrong(
                    tokens,
                    1,
                    rtype,
                    "the octets do not match the format of \
                                                        the type",
                )
            });
        }
        data => data.compose_canonical_rdata(&mut octets),
    };
    match composed {
        Ok(()) if octets.len() <= MAX_RDATA => Ok(octets),
        Ok(()) | Err(_) => Err(wrong(tokens, 1, rtype, "more than 65535 octets")),
    }
}

/// Octets written as RFC 3597 has it, checked and made canonical where the type is known.
fn known_form(rtype: Rtype, octets: &[u8]) -> Option<Vec<u8>> {
    let mut parser = Parser::from_ref(octets);
    let data: AllRecordData<&[u8], ParsedName<&[u8]>> =
        ParseAnyRecordData::parse_any_rdata(TheirRtype::from_int(rtype.0), &mut parser).ok()?;
    if parser.remaining() > 0 {
        return None;
    }
    let mut canonical = Vec::with_capacity(octets.len());
    data.compose_canonical_rdata(&mut canonical).ok()?;
    Some(canonical)
}

/// The tokens on one line, and where each begins in it: so an error's column tells its token.
fn one_line(
    rtype: Rtype,
    tokens: &[Token<'_>],
    origin: &Name,
) -> Result<(String, Vec<usize>), Wrong> {
    let mut line = format!("{PREFIX}TYPE{}", rtype.0);
    let mut starts = vec![PREFIX.len()];
    let has_times = rtype == Rtype::SOA && tokens.get(1).is_some_and(|token| token.text != "\\#");
    for (place, token) in tokens.iter().enumerate().skip(1) {
        line.push(' ');
        starts.push(line.len());
        // The reader takes an @ here for a label of that name.
        if token.text == "@" && has_names(rtype) {
            line.push_str(&origin.to_string());
        } else if has_times && TIMES.contains(&place) {
            // It knows no units.
            line.push_str(&time(token)?.to_string());
        } else {
            line.push_str(token.text);
        }
    }
    line.push('\n');
    Ok((line, starts))
}

/// Where the times stand among the tokens of a SOA: refresh, retry, expire and minimum.
const TIMES: std::ops::RangeInclusive<usize> = 4..=7;

fn time(token: &Token<'_>) -> Result<u32, Wrong> {
    fields::seconds(token.text).unwrap_or(Err(fields::FORM)).map_err(|why| Wrong {
        span: token.span.clone(),
        message: format!("invalid time {:?}", token.text),
        advice: why.to_owned(),
    })
}

/// Types in whose data an `@` is a name and never a text.
fn has_names(rtype: Rtype) -> bool {
    const MB_TO_MR: std::ops::RangeInclusive<u16> = 7..=9;
    const MINFO: u16 = 14;
    const RP: u16 = 17;
    match rtype {
        Rtype::NS | Rtype::CNAME | Rtype::DNAME | Rtype::PTR | Rtype::SOA | Rtype::MX => true,
        Rtype::SRV | Rtype::SVCB | Rtype::HTTPS | Rtype::NAPTR => true,
        Rtype(number) => MB_TO_MR.contains(&number) || number == MINFO || number == RP,
    }
}

/// Finds the token that `LINE:COLUMN: MESSAGE` is about. The reader has often gone on to the next
/// token by the time it complains.
fn explain(error: &str, rtype: Rtype, tokens: &[Token<'_>], starts: &[usize]) -> Wrong {
    let mut parts = error.splitn(3, ':');
    let line: usize = parts.next().and_then(|n| n.parse().ok()).unwrap_or(2);
    let column: usize = parts.next().and_then(|n| n.parse().ok()).unwrap_or(0);
    let text = parts.next().unwrap_or(error).trim();
    let at = if line > 1 { usize::MAX } else { column.saturating_sub(1) };
    let reached = starts.partition_point(|&start| start < at).saturating_sub(1);
    match text {
        "trailing tokens" => {
            let exact = starts.iter().position(|&start| start == at).unwrap_or(reached + 1);
            wrong(tokens, exact, rtype, "too many fields")
        }
        "unexpected end of entry" | "short buffer" => {
            wrong(tokens, tokens.len(), rtype, "a field is missing")
        }
        "unknown record type with concrete data" => Wrong {
            span: tokens.first().map_or(0..0, |token| token.span.clone()),
            message: format!("livezone cannot read {rtype} data in text format"),
            advice: "write it as octets: \\# LENGTH HEX (RFC 3597)".to_owned(),
        },
        other => wrong(tokens, reached.max(1), rtype, other),
    }
}

pub(super) fn wrong(tokens: &[Token<'_>], token: usize, rtype: Rtype, why: &str) -> Wrong {
    let token = tokens.get(token).or(tokens.last());
    Wrong {
        span: token.map_or(0..0, |token| token.span.clone()),
        message: format!("invalid {rtype} data: {why}"),
        advice: form(rtype).unwrap_or_default(),
    }
}

fn form(rtype: Rtype) -> Option<String> {
    let form = match rtype {
        Rtype::A => "192.0.2.1",
        Rtype::AAAA => "2001:db8::1",
        Rtype::NS => "ns1.example.com.",
        Rtype::CNAME | Rtype::DNAME | Rtype::PTR => "host.example.com.",
        Rtype::MX => "10 mail.example.com.",
        Rtype::SRV => "0 5 8080 host.example.com.",
        Rtype::TXT => "\"some text\"",
        Rtype::SOA => "ns1 hostmaster 1 3600 600 86400 60",
        Rtype::CAA => "0 issue \"ca.example.net\"",
        Rtype::DS => "60485 13 2 DIGEST",
        Rtype::TLSA => "3 1 1 DIGEST",
        Rtype::SSHFP => "4 2 FINGERPRINT",
        Rtype::HTTPS | Rtype::SVCB => "1 . alpn=h2",
        Rtype::SPF => "\"v=spf1 -all\"",
        Rtype::URI => "10 1 \"https://www.example.com/\"",
        Rtype::LOC => "52 22 23.000 N 4 53 32.000 E -2.00m",
        Rtype::NAPTR => "10 10 \"S\" \"SIP+D2U\" \"\" _sip._udp.example.com.",
        _ => return None,
    };
    Some(format!("write it like: {form}"))
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::super::forms::data;
    use super::super::lexer::Lexer;
    use super::*;

    /// The data of `TYPE DATA` in the zone a.test.
    pub(in super::super) fn of(text: &str) -> Result<Vec<u8>, Wrong> {
        let entry = Lexer::new(text).next().unwrap();
        let rtype = rtype(entry.tokens[0].text).unwrap();
        data(rtype, &entry.tokens, &Name::parse("a.test").unwrap())
    }

    #[test]
    fn data_of_each_kind_becomes_octets() {
        for (text, octets) in [
            ("A 192.0.2.1", &b"\xc0\x00\x02\x01"[..]),
            ("MX 10 Mail", b"\x00\x0a\x04mail\x01a\x04test\x00"),
            ("CNAME @", b"\x01a\x04test\x00"),
            ("TXT @", b"\x01@"),
            ("TXT \"a;b\" c \"\" \\100\\\"", b"\x03a;b\x01c\x00\x02d\""),
            ("TXT \"\"", b"\x00"),
            ("TYPE65280 \\# 3 ab CDef", b"\xab\xcd\xef"),
            ("TYPE65280 \\# 0", b""),
            ("A \\# 4 C0000201", b"\xc0\x00\x02\x01"),
            ("NS \\# 3 014100", b"\x01a\x00"),
            ("CAA 0 issue \"ca.test\"", b"\x00\x05issueca.test"),
            (
                "HTTPS 1 . alpn=\"h2,h3\" port=8443",
                b"\x00\x01\x00\x00\x01\x00\x06\x02h2\x02h3\x00\x03\x00\x02\x20\xfb",
            ),
            ("SRV 0 5 80 x.", b"\x00\x00\x00\x05\x00\x50\x01x\x00"),
            ("HINFO a b", b"\x01a\x01b"),
            (
                "SOA . h. 1 4h 1H30M 1w2d 0",
                b"\x00\x01h\x00\0\0\0\x01\0\0\x38\x40\0\0\x15\x18\0\x0b\xdd\x80\0\0\0\0",
            ),
            // Octets are no times.
            (
                "SOA \\# 22 00 00 00000001 00000002 00000003 00000004 00000005",
                b"\0\0\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05",
            ),
        ] {
            assert_eq!(of(text).as_deref(), Ok(octets), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        for (text, at) in [
            ("A 192.0.2", 2..9),
            ("A 192.0.2.1 2", 12..13),
            ("MX ten mail", 3..6),
            ("MX 10", 3..5),
            ("A", 0..1),
            ("A \\# 3 010203", 2..4),
            ("RKEY 0 3 5 AQ==", 0..4),
            ("SRV 0 5 99999 x", 8..13),
            // Numbers that are no times have no units.
            ("MX 1h mail", 3..5),
            ("SRV 0 1m 80 x", 6..8),
            ("SOA . h. 1h 1 1 1 1", 9..11),
            ("SOA . h. 1 1x 1 1 1", 11..13),
            ("SOA . h. 1 1 h 1 1", 13..14),
            ("SOA . h. 1 1 1 2147483648 1", 15..25),
            ("SOA . h. 1 1 1 1 3551w", 17..22),
            ("SOA . h. 1 1h 1 1", 16..17),
            ("SOA . h. 1 1h 1 1 1 1", 20..21),
        ] {
            assert_eq!(of(text).unwrap_err().span, at, "{text}: {:?}", of(text));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn no_text_stops_the_reader(
            rtype in 0..23usize,
            rest in proptest::collection::vec("[a-z0-9.:=\\\\#\"@*(é ]{1,12}|\\\\#|-?[0-9]{1,5}m?|[NSEW]", 0..6),
        ) {
            let types = [
                "A", "NS", "CNAME", "SOA", "PTR", "HINFO", "MX", "TXT", "AAAA", "SRV", "NAPTR", "DS",
                "SSHFP", "TLSA", "HTTPS", "CAA", "DNSKEY", "RRSIG", "NSEC", "NSEC3", "LOC", "SPF", "URI",
            ];
            let text = format!("{} {}", types[rtype], rest.join(" "));
            let entry = Lexer::new(&text).next().unwrap();
            if entry.mistake.is_none() {
                let rtype = super::rtype(types[rtype]).unwrap();
                let _ = read(rtype, &entry.tokens, &Name::parse("a.test").unwrap());
            }
        }
    }
}
