//! What must hold whatever comes in: the fuzz targets look for an input that breaks it, and the
//! replay holds every input of the corpus against it.

pub(crate) mod batch;
pub(crate) mod cookies;
pub(crate) mod edns;
pub(crate) mod files;
mod fixture;
pub(crate) mod how;
pub(crate) mod message;
mod reply;
pub(crate) mod respond;
