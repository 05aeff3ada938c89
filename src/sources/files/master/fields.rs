//! Owner names, TTLs and classes as master files write them.

use crate::model::name::{MAX_LABEL, MAX_NAME, Name};

/// RFC 2181 section 8.
const MAX_TTL: u32 = 0x7fff_ffff;

/// What to write for a time that is none.
pub(super) const FORM: &str =
    "write seconds, or numbers with the units w, d, h, m and s, like 1h30m";

/// A name relative to `origin` unless it ends in a dot; `@` is the origin itself.
pub(super) fn name(text: &str, origin: &Name) -> Result<Name, &'static str> {
    if text == "@" {
        return Ok(origin.clone());
    }
    if text == "." {
        return Ok(Name::root());
    }
    let mut wire: Vec<u8> = Vec::with_capacity(text.len() + origin.as_wire().len() + 1);
    let mut label: Vec<u8> = Vec::new();
    let mut octets = text.bytes();
    let mut is_absolute = false;
    while let Some(octet) = octets.next() {
        is_absolute = octet == b'.';
        match octet {
            b'.' => push_label(&mut wire, &mut label)?,
            b'\\' => label.push(escaped(&mut octets)?),
            b'"' => return Err("names must not be quoted"),
            _ => label.push(octet),
        }
    }
    if is_absolute {
        wire.push(0);
    } else {
        push_label(&mut wire, &mut label)?;
        wire.extend_from_slice(origin.as_wire());
    }
    if wire.len() > MAX_NAME {
        return Err("a name can have at most 255 octets in wire format");
    }
    Name::from_wire(&wire).map_err(|_| "invalid domain name")
}

fn push_label(wire: &mut Vec<u8>, label: &mut Vec<u8>) -> Result<(), &'static str> {
    if label.is_empty() {
        return Err("a label cannot be empty");
    }
    let len = u8::try_from(label.len()).ok().filter(|&len| usize::from(len) <= MAX_LABEL);
    wire.push(len.ok_or("a label can have at most 63 octets")?);
    wire.append(label);
    Ok(())
}

/// What follows a backslash: three digits are one octet, anything else is itself.
fn escaped(octets: &mut std::str::Bytes<'_>) -> Result<u8, &'static str> {
    const WRONG: &str = "write an escape as \\ and one character, or \\ and three digits from \
                         000 to 255";
    let first = octets.next().ok_or(WRONG)?;
    if !first.is_ascii_digit() {
        return Ok(first);
    }
    let digits = [Some(first), octets.next(), octets.next()];
    let mut value: u16 = 0;
    for digit in digits {
        let digit = digit.filter(u8::is_ascii_digit).ok_or(WRONG)?;
        value = value * 10 + u16::from(digit - b'0');
    }
    u8::try_from(value).map_err(|_| WRONG)
}

/// A TTL or another time: seconds, or numbers with units (`1h30m`, `1W`), at most 2^31 - 1 seconds.
/// `None` for what does not begin with a digit.
pub(super) fn seconds(text: &str) -> Option<Result<u32, &'static str>> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (mut total, mut number, mut digits) = (0u64, 0u64, 0u32);
    for c in text.chars() {
        if let Some(digit) = c.to_digit(10) {
            number = number.saturating_mul(10).saturating_add(u64::from(digit));
            digits += 1;
            continue;
        }
        let unit: u64 = match c.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Some(Err(FORM)),
        };
        if digits == 0 {
            return Some(Err("write a number before each unit, like 1h30m"));
        }
        total = total.saturating_add(number.saturating_mul(unit));
        (number, digits) = (0, 0);
    }
    let total = u32::try_from(total.saturating_add(number)).ok().filter(|&all| all <= MAX_TTL);
    Some(total.ok_or("write 2147483647 seconds or less (RFC 2181 section 8)"))
}

/// Whether a word is a class, and whether it is the one that is served.
pub(super) fn class(text: &str) -> Option<bool> {
    let text = text.to_ascii_uppercase();
    let number = text.strip_prefix("CLASS").and_then(|n| n.parse::<u16>().ok());
    match (text.as_str(), number) {
        ("IN", _) | (_, Some(1)) => Some(true),
        ("CH" | "CS" | "HS", _) | (_, Some(_)) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_relative_to_the_origin_unless_they_end_in_a_dot() {
        let origin = Name::parse("a.test").unwrap();
        let of = |text| name(text, &origin).map(|name| name.to_string());
        for (text, expected) in [
            ("@", "a.test."),
            (".", "."),
            ("Web", "web.a.test."),
            ("b.", "b."),
            ("*.x", "*.x.a.test."),
            ("a\\.b.c\\046d", "a\\.b.c\\.d.a.test."),
            ("\\000", "\\000.a.test."),
        ] {
            assert_eq!(of(text).as_deref(), Ok(expected));
        }
        for wrong in ["a..b", ".a", "a\\", "a\\25", "a\\256", "\"a\""] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        for long in ["a".repeat(64), "abc.".repeat(64)] {
            assert!(name(&long, &origin).is_err());
        }
    }

    #[test]
    fn a_time_is_seconds_or_numbers_with_units() {
        for (text, expected) in [
            ("0", 0),
            ("300", 300),
            ("1h30M", 5400),
            ("1w1d1s", 691_201),
            ("1W", 604_800),
            ("01h", 3600),
            ("30m1h", 5400),
            ("2147483647", 0x7fff_ffff),
            ("3550w5d3h14m7s", 0x7fff_ffff),
        ] {
            assert_eq!(seconds(text), Some(Ok(expected)), "{text}");
        }
        for none in ["A", "h", "-1", "\"4h\"", ""] {
            assert_eq!(seconds(none), None, "{none}");
        }
        for wrong in ["1x", "1hh", "2147483648", "3550w5d3h14m8s", "99999999999999999999w", "1é"] {
            assert!(seconds(wrong).unwrap().is_err(), "{wrong}");
        }
    }
}
