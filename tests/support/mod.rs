//! What tests of the whole program share: a server in a folder of its own, backends that can be
//! killed, questions over both transports, and waiting that ends.

pub(crate) mod backend;
pub(crate) mod dns;
pub(crate) mod http;
pub(crate) mod needs;
pub(crate) mod pipe;
pub(crate) mod server;
pub(crate) mod time;
