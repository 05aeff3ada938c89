//! Durations as text: `"500ms"`, `"5s"`, `"1m30s"`, `"1.5s"`.

use std::time::Duration;

/// 31 bits of seconds, as a TTL has (RFC 2181 section 8): no sum or product of what is written
/// can then overflow.
const MAX: Duration = Duration::from_secs(0x7fff_ffff);

/// Enough for any duration in nanoseconds; more digits cannot be meant.
const MAX_DIGITS: usize = 18;

/// Units and their nanoseconds; a longer unit stands before the one it begins with.
const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Numbers and their units, one after the other, as Go writes them; `None` is no duration.
pub fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let (whole, tail) = digits(rest)?;
        let (fraction, tail) = match tail.strip_prefix('.') {
            Some(tail) => digits(tail)?,
            None => ("", tail),
        };
        let (unit, tail) = UNITS
            .iter()
            .find_map(|&(word, unit)| tail.strip_prefix(word).map(|tail| (unit, tail)))?;
        nanos = nanos.checked_add(scaled(whole, fraction, unit)?)?;
        rest = tail;
    }
    let duration = Duration::from_nanos(u64::try_from(nanos).ok()?);
    (!text.is_empty() && duration <= MAX).then_some(duration)
}

/// `whole.fraction` units in nanoseconds, rounded down.
fn scaled(whole: &str, fraction: &str, unit: u128) -> Option<u128> {
    let number: u128 = format!("{whole}{fraction}").parse().ok()?;
    let shift = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    Some(number.checked_mul(unit)? / shift)
}

/// The digits that `text` begins with, at least one, and the rest.
fn digits(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    if end == 0 || end > MAX_DIGITS { None } else { text.split_at_checked(end) }
}

/// A duration as one would write it: `1m30s`.
pub fn show(duration: Duration) -> String {
    humantime::format_duration(duration).to_string().replace(' ', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units_are_added_up() {
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!(parse("500ms"), ms(500));
        assert_eq!(parse("1m30s"), ms(90_000));
        assert_eq!(parse("1.5s"), ms(1_500));
        assert_eq!(parse("0.25h"), ms(900_000));
        assert_eq!(parse("0s"), ms(0));
        assert_eq!(parse("2d"), ms(172_800_000));
        assert_eq!(parse("24855d"), ms(2_147_472_000_000));
    }

    #[test]
    fn what_has_no_unit_or_no_number_is_no_duration() {
        let long = "9".repeat(40) + "s";
        for wrong in [
            "",
            "5",
            "s",
            "5 s",
            "-5s",
            "5S",
            ".5s",
            "5.s",
            "1s5",
            "24856d",
            "99999h99999999h",
            &long,
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_are_shown_as_they_are_written() {
        assert_eq!(show(Duration::from_millis(90_500)), "1m30s500ms");
    }
}
