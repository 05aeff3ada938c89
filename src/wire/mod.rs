//! temporary
use crate::model::dns::{ExtendedError, Rcode, Record};
/// x
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "x")]
pub struct Reply<'s> {
    pub rcode: Rcode,
    pub authoritative: bool,
    pub answers: Vec<Record<'s>>,
    pub authority: Vec<Record<'s>>,
    pub additional: Vec<Record<'s>>,
    pub extended_error: Option<ExtendedError>,
}
