//! SOA serials: RFC 1982 arithmetic on 32 bits.

/// Whether `a` comes after `b` (RFC 1982 section 3.2). Two serials half of the circle apart are not
/// comparable there; here neither comes after the other.
pub fn is_after(a: u32, b: u32) -> bool {
    a != b && a.wrapping_sub(b) < 1 << 31
}

/// The one of two that comes after the other; `b` where neither does.
pub fn later(a: u32, b: u32) -> u32 {
    if is_after(a, b) { a } else { b }
}

pub fn next(serial: u32) -> u32 {
    serial.wrapping_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_goes_round_the_circle() {
        assert!(is_after(1, 0) && !is_after(0, 1) && !is_after(7, 7));
        assert!(is_after(0, u32::MAX) && !is_after(u32::MAX, 0));
        assert!(is_after(100, u32::MAX - 100));
        assert!(!is_after(1 << 31, 0) && !is_after(0, 1 << 31), "not comparable");
        assert_eq!(later(0, u32::MAX), 0);
        assert_eq!(later(u32::MAX, 0), 0);
        assert_eq!(next(u32::MAX), 0);
        assert!(is_after(next(u32::MAX), u32::MAX));
    }
}
