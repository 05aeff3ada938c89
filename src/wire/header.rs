//! The header of a message (RFC 1035 section 4.1.1).

/// Its octets.
pub const HEADER: usize = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub id: u16,
    /// Opcode and RD where they stand in the header. All other flags are cleared: they are ours to
    /// say, and CD is for those who verify (RFC 4035 section 3.1.6).
    pub echoed: u16,
}
