//! Data whose text `domain`'s reader does not know: SPF (RFC 7208), URI (RFC 7553), LOC (RFC 1876).

use crate::model::dns::Rtype;
use crate::model::name::Name;
use crate::sources::files::master::lexer::Token;
use crate::sources::files::master::rdata::{Wrong, read, wrong};

/// The data of a record in canonical form. `tokens` begin with the type.
pub(super) fn data(rtype: Rtype, tokens: &[Token<'_>], origin: &Name) -> Result<Vec<u8>, Wrong> {
    known(rtype, tokens, origin).unwrap_or_else(|| read(rtype, tokens, origin))
}

/// The data of a record of one of these types; `None` for all others, and for octets written as
/// RFC 3597 has it. `tokens` begin with the type.
fn known(rtype: Rtype, tokens: &[Token<'_>], origin: &Name) -> Option<Result<Vec<u8>, Wrong>> {
    if tokens.get(1).is_some_and(|token| token.text == "\\#") {
        return None;
    }
    match rtype {
        Rtype::SPF => Some(read(Rtype::TXT, tokens, origin)),
        Rtype::URI => Some(uri(tokens, origin)),
        Rtype::LOC => Some(loc(tokens)),
        _ => None,
    }
}

/// Priority, weight and target, which has no length octet. It is read as one text of a TXT record,
/// and so is at most 255 octets long.
fn uri(tokens: &[Token<'_>], origin: &Name) -> Result<Vec<u8>, Wrong> {
    let number = |at: usize| {
        let text = tokens.get(at).map(|token| token.text);
        let number = text.and_then(|text| text.parse::<u16>().ok());
        number.ok_or_else(|| wrong(tokens, at, Rtype::URI, "expected a number from 0 to 65535"))
    };
    let (priority, weight) = (number(1)?, number(2)?);
    let [kind, _, _, target] = tokens else {
        return Err(wrong(tokens, 4, Rtype::URI, "expected a priority, a weight and one target"));
    };
    let text = read(Rtype::TXT, &[kind.clone(), target.clone()], origin);
    let text = text.map_err(|_| wrong(tokens, 3, Rtype::URI, "invalid target"))?;
    let mut octets = [priority.to_be_bytes(), weight.to_be_bytes()].concat();
    octets.extend(text.get(1..).filter(|target| !target.is_empty()).ok_or_else(|| {
        wrong(tokens, 3, Rtype::URI, "the target is empty (RFC 7553 section 4.5)")
    })?);
    Ok(octets)
}

/// The equator and the prime meridian (RFC 1876 section 2).
const ORIGIN: u32 = 1 << 31;
/// Altitudes count from 100 km below, in centimetres.
const BELOW: f64 = 10_000_000.0;

fn loc(tokens: &[Token<'_>]) -> Result<Vec<u8>, Wrong> {
    let mut at = 1;
    let latitude = angle(tokens, &mut at, ["N", "S"], 90.0)?;
    let longitude = angle(tokens, &mut at, ["E", "W"], 180.0)?;
    let altitude = metres(tokens, at)?.ok_or_else(|| missing(tokens))?;
    let altitude = (altitude * 100.0 + BELOW).round();
    if !(0.0..=f64::from(u32::MAX)).contains(&altitude) {
        return Err(wrong(
            tokens,
            at,
            Rtype::LOC,
            "the altitude must be from -100000.00 m to \
                                                  42849672.95 m",
        ));
    }
    let mut octets = vec![0];
    // RFC 1876 section 3: a metre across, 10 km and 10 m of precision.
    for (offset, default) in [(1, 1.0), (2, 10_000.0), (3, 10.0)] {
        let size = metres(tokens, at + offset)?.unwrap_or(default);
        octets.push(precision(size).ok_or_else(|| {
            wrong(
                tokens,
                at + offset,
                Rtype::LOC,
                "size and precision must be from 0.00 m to \
                                                    90000000.00 m",
            )
        })?);
    }
    if tokens.len() > at + 4 {
        return Err(wrong(tokens, at + 4, Rtype::LOC, "too many fields"));
    }
    octets.extend(latitude.to_be_bytes());
    octets.extend(longitude.to_be_bytes());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "in range, tested above"
    )]
    octets.extend((altitude as u32).to_be_bytes());
    Ok(octets)
}

fn missing(tokens: &[Token<'_>]) -> Wrong {
    wrong(tokens, tokens.len(), Rtype::LOC, "a field is missing")
}

/// Degrees, minutes and seconds up to a letter, as thousandths of a second from the origin.
fn angle(
    tokens: &[Token<'_>],
    at: &mut usize,
    [positive, negative]: [&str; 2],
    most: f64,
) -> Result<u32, Wrong> {
    let (mut seconds, first) = (0.0, *at);
    for unit in [3600.0, 60.0, 1.0, 0.0] {
        let token = tokens.get(*at).ok_or_else(|| missing(tokens))?;
        *at += 1;
        let north = token.text.eq_ignore_ascii_case(positive);
        if *at > first + 1 && (north || token.text.eq_ignore_ascii_case(negative)) {
            let thousandths = (seconds * 1000.0_f64).round();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "at most 180 degrees"
            )]
            let thousandths = thousandths as u32;
            return Ok(if north { ORIGIN + thousandths } else { ORIGIN - thousandths });
        }
        let number: Option<f64> = token.text.parse().ok();
        let limit = if unit > 60.0 { most } else { 59.999_5 };
        let fits =
            number.filter(|n| (0.0..=limit).contains(n) && (unit < 60.0 || n.fract() == 0.0));
        let number = fits.filter(|_| unit > 0.0).ok_or_else(|| {
            wrong(
                tokens,
                *at - 1,
                Rtype::LOC,
                &format!("expected degrees, minutes, seconds and {positive} or {negative}"),
            )
        })?;
        seconds += number * unit;
        if seconds > most * 3600.0 {
            return Err(wrong(
                tokens,
                *at - 1,
                Rtype::LOC,
                &format!("the angle must be at most {most} degrees"),
            ));
        }
    }
    Err(missing(tokens))
}

/// `10m`, `10.00` or nothing.
fn metres(tokens: &[Token<'_>], at: usize) -> Result<Option<f64>, Wrong> {
    let Some(token) = tokens.get(at) else { return Ok(None) };
    let text = token.text.strip_suffix(['m', 'M']).unwrap_or(token.text);
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.map(Some).ok_or_else(|| wrong(tokens, at, Rtype::LOC, "invalid length in metres"))
}

/// RFC 1876 section 2: a digit and a power of ten, in centimetres.
fn precision(metres: f64) -> Option<u8> {
    let centimetres = (metres * 100.0).round();
    if !(0.0..=9e9).contains(&centimetres) {
        return None;
    }
    let (mut digit, mut exponent) = (centimetres, 0u8);
    while digit >= 10.0 {
        digit = (digit / 10.0).floor();
        exponent += 1;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a digit")]
    Some(((digit as u8) << 4) | exponent)
}

#[cfg(test)]
mod tests {
    use super::super::rdata::tests::of;

    #[test]
    fn texts_of_these_types_become_octets() {
        assert_eq!(of("SPF \"v=spf1 -all\"").unwrap(), b"\x0bv=spf1 -all");
        assert_eq!(of("URI 10 1 \"https://a.b/\"").unwrap(), b"\x00\x0a\x00\x01https://a.b/");
        // BIND 9.18 writes this one the same.
        assert_eq!(
            of("LOC 42 21 54 N 71 06 18 W -24m 30m").unwrap(),
            b"\x00\x33\x16\x13\x89\x17\x2d\xd0\x70\xbe\x15\xf0\x00\x98\x8d\x20"
        );
        assert_eq!(of("LOC 0 N 0 E 0").unwrap()[..4], [0, 0x12, 0x16, 0x13]);
        assert_eq!(of("LOC \\# 16 00331613 8917 2dd0 70be15f0 00988d20").unwrap().len(), 16);
    }

    #[test]
    fn what_is_none_is_told_at_its_token() {
        for (text, place) in [
            ("URI 10 x \"a:b\"", 7..8),
            ("URI 10 1 \"\"", 9..11),
            ("URI 10 1 a b", 11..12),
            ("LOC 91 N 0 E 0", 4..6),
            ("LOC 1 60 N 0 E 0", 6..8),
            ("LOC 1 N 0 E", 10..11),
            ("LOC 1 N 0 E x", 12..13),
            ("LOC 1 N 0 E 0 1 2 3 4", 20..21),
        ] {
            assert_eq!(of(text).unwrap_err().span, place, "{text}");
        }
    }
}
