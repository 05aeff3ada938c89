//! The two messages of `grpc.health.v1`, and the five octets in front of each.

use std::fmt;

/// `HealthCheckResponse.ServingStatus`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Unknown,
    Serving,
    NotServing,
    ServiceUnknown,
    /// A number that the protocol did not have when this was written.
    Other(u64),
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("UNKNOWN"),
            Self::Serving => f.write_str("SERVING"),
            Self::NotServing => f.write_str("NOT_SERVING"),
            Self::ServiceUnknown => f.write_str("SERVICE_UNKNOWN"),
            Self::Other(number) => write!(f, "serving status {number}"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    Compressed,
    Malformed,
}

/// `HealthCheckRequest { service }`, framed.
pub(super) fn question(service: &str) -> Vec<u8> {
    let mut message = Vec::new();
    // A field with its default value is left out.
    if !service.is_empty() {
        message.push(SERVICE);
        put_varint(&mut message, u64::try_from(service.len()).unwrap_or(u64::MAX));
        message.extend_from_slice(service.as_bytes());
    }
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut framed = vec![0];
    framed.extend_from_slice(&length.to_be_bytes());
    framed.append(&mut message);
    framed
}

/// Field 1, length-delimited.
const SERVICE: u8 = 0x0a;
/// Field 1, a varint.
const STATUS: u64 = 0x08;

/// `HealthCheckResponse { status }`, framed. Fields that we do not know are passed over.
pub(super) fn answer(framed: &[u8]) -> Result<Status, Unread> {
    let (&[compressed, ref length @ ..], mut message) =
        framed.split_first_chunk::<5>().ok_or(Unread::Malformed)?;
    if compressed != 0 {
        return Err(Unread::Compressed);
    }
    if u32::try_from(message.len()) != Ok(u32::from_be_bytes(*length)) {
        return Err(Unread::Malformed);
    }
    let mut status = 0;
    while !message.is_empty() {
        let key = take_varint(&mut message).ok_or(Unread::Malformed)?;
        if key == STATUS {
            status = take_varint(&mut message).ok_or(Unread::Malformed)?;
        } else {
            pass_over(key, &mut message).ok_or(Unread::Malformed)?;
        }
    }
    Ok(match status {
        0 => Status::Unknown,
        1 => Status::Serving,
        2 => Status::NotServing,
        3 => Status::ServiceUnknown,
        number => Status::Other(number),
    })
}

/// Takes a field's value by its wire type; `None` when it is not whole.
fn pass_over(key: u64, rest: &mut &[u8]) -> Option<()> {
    let octets = match key & 7 {
        0 => return take_varint(rest).map(|_| ()),
        1 => 8,
        2 => usize::try_from(take_varint(rest)?).ok()?,
        5 => 4,
        _ => return None,
    };
    *rest = rest.get(octets..)?;
    Some(())
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    // Ten groups of seven bits hold every number of 64.
    for shift in (0..70).step_by(7) {
        let (&octet, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(octet & 0x7f).checked_shl(shift).unwrap_or(0);
        if octet & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn put_varint(to: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        to.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    to.push(value.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(message: &[u8]) -> Vec<u8> {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&[0][..], &length, message].concat()
    }

    #[test]
    fn the_service_is_named_and_the_whole_server_is_not() {
        assert_eq!(question(""), [0, 0, 0, 0, 0]);
        assert_eq!(question("web"), [0, 0, 0, 0, 5, 0x0a, 3, b'w', b'e', b'b']);
        let long = question(&"x".repeat(300));
        assert_eq!(long[..8], [0, 0, 0, 1, 47, 0x0a, 0xac, 2]);
    }

    #[test]
    fn the_status_is_read_beside_fields_that_are_not_known() {
        assert_eq!(answer(&framed(&[])), Ok(Status::Unknown));
        assert_eq!(answer(&framed(&[8, 1])), Ok(Status::Serving));
        assert_eq!(answer(&framed(&[8, 2])), Ok(Status::NotServing));
        assert_eq!(answer(&framed(&[8, 3])), Ok(Status::ServiceUnknown));
        assert_eq!(answer(&framed(&[8, 0xac, 2])), Ok(Status::Other(300)));
        let others = [0x12, 2, 8, 2, 0x18, 0x80, 1, 0x25, 1, 2, 3, 4, 0x29, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(answer(&framed(&[&others[..], &[8, 1]].concat())), Ok(Status::Serving));
    }

    #[test]
    fn what_is_no_whole_message_is_malformed() {
        for message in [&[8][..], &[8, 0x80], &[0x12, 9, 1], &[0x0b], &[8; 11], &[0xff; 12]] {
            assert_eq!(answer(&framed(message)), Err(Unread::Malformed), "{message:?}");
        }
        assert_eq!(answer(&[]), Err(Unread::Malformed));
        assert_eq!(answer(&[0, 0, 0, 0, 3, 8, 1]), Err(Unread::Malformed));
        assert_eq!(answer(&[1, 0, 0, 0, 2, 8, 1]), Err(Unread::Compressed));
    }

    proptest! {
        #[test]
        fn any_octets_are_read_without_a_panic(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = answer(&octets);
            let _ = answer(&framed(&octets));
        }

        #[test]
        fn a_varint_is_read_as_it_was_written(value: u64) {
            let mut octets = Vec::new();
            put_varint(&mut octets, value);
            prop_assert_eq!(take_varint(&mut &octets[..]), Some(value));
        }
    }
}
