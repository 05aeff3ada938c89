//! How much of an answer is wanted and read, and why there may be none.

/// What `expect_body` sees of an answer.
pub(super) const BODY_LIMIT: usize = 64 * 1024;

/// No honest head is longer, interim answers included, and no other may fill our memory.
pub(super) const HEAD_LIMIT: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unanswered {
    #[error("the response is not HTTP")]
    NotHttp,
    /// A port of TLS tells so to whoever speaks HTTP.
    #[error("the server speaks TLS on this port: write https:// in the check's URL")]
    Tls,
    #[error("the response header is larger than 64 KiB")]
    TooLarge,
    #[error("the response has an invalid or conflicting body length")]
    Framing,
    #[error("connection closed before the response was complete")]
    CutShort,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Head,
    Body,
    /// The body too, but the request was one (HEAD) whose answer has none.
    BodyOfHead,
}

pub(super) fn extend(body: &mut Vec<u8>, octets: &[u8]) {
    let room = BODY_LIMIT.saturating_sub(body.len());
    body.extend_from_slice(octets.get(..room).unwrap_or(octets));
}
