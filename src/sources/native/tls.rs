//! The keys of checks over TLS, and the PEM files that they name.

use std::fs;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use crate::diagnostic;
use crate::model::check::{ClientFiles, TlsOptions};
use crate::model::definition::Placed;
use crate::syntax::reader::Reader;
use crate::syntax::report::Report;

/// The system's whole list of trust anchors is a fifth of this.
const MAX_PEM: u64 = 1 << 20;

/// Reads the `tls_` keys.
pub(super) fn read(reader: &mut Reader<'_>) -> TlsOptions {
    let skip_verify = reader.boolean("tls_skip_verify").is_some_and(|placed| placed.value);
    let server_name = server_name(reader);
    let ca_file = pem_file(reader, "tls_ca_file", certificates);
    let cert = pem_file(reader, "tls_cert_file", certificates);
    let key = pem_file(reader, "tls_key_file", private_key);
    for (key, other) in [("tls_cert_file", "tls_key_file"), ("tls_key_file", "tls_cert_file")] {
        if reader.has(key) && !reader.has(other) && !reader.misspelt(other) {
            let message = format!("{key:?} needs {other:?}");
            reader.report.error(reader.place_of(key), message, format!("add {other} = \"…\""));
        }
    }
    let client = cert.zip(key).map(|(cert, key)| ClientFiles { cert, key });
    TlsOptions { skip_verify, server_name, ca_file, client }
}

fn server_name(reader: &mut Reader<'_>) -> Option<String> {
    let text = reader.string("tls_server_name")?;
    if ServerName::try_from(text.value).is_err() {
        let message = format!("invalid TLS server name {:?}", text.value);
        reader.report.error(text.span, message, "write a host name or an address");
        return None;
    }
    Some(text.value.to_owned())
}

/// Complains of a host, written at `place`, that no TLS server can be called, unless another name is
/// given.
pub(super) fn check_host(report: &Report, place: Range<usize>, options: &TlsOptions, host: &str) {
    let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    if options.server_name.is_none() && ServerName::try_from(bare).is_err() {
        let message = format!("{host:?} is not a valid TLS server name");
        report.error(place, message, "write another host, or add tls_server_name = \"…\"");
    }
}

/// A file relative to the folder of the file that names it. `check` says what is wrong in it.
fn pem_file(
    reader: &mut Reader<'_>,
    key: &'static str,
    check: fn(&[u8]) -> Result<(), String>,
) -> Option<PathBuf> {
    let text: Placed<&str> = reader.string(key)?;
    let folder = reader.report.path.parent().unwrap_or(Path::new(""));
    let path = folder.join(text.value);
    match contents(&path).and_then(|pem| check(&pem)) {
        Ok(()) => Some(path),
        Err(why) => {
            let message = format!("cannot use {}: {why}", path.display());
            reader.report.error(
                text.span,
                message,
                "write the path of a PEM file, relative to this file's directory",
            );
            None
        }
    }
}

fn contents(path: &Path) -> Result<Vec<u8>, String> {
    let not_read = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        _ => diagnostic::reason(&error),
    };
    // Opening a pipe would wait for its writer.
    if !fs::metadata(path).map_err(not_read)?.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let mut pem = Vec::new();
    let file = fs::File::open(path).map_err(not_read)?;
    file.take(MAX_PEM + 1).read_to_end(&mut pem).map_err(not_read)?;
    if u64::try_from(pem.len()).is_ok_and(|octets| octets > MAX_PEM) {
        return Err(format!("it has more than {MAX_PEM} octets"));
    }
    Ok(pem)
}

fn certificates(pem: &[u8]) -> Result<(), String> {
    let mut found = false;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        certificate.map_err(|error| of_pem(&error))?;
        found = true;
    }
    if found { Ok(()) } else { Err("it contains no certificate".to_owned()) }
}

fn private_key(pem: &[u8]) -> Result<(), String> {
    match PrivateKeyDer::from_pem_slice(pem) {
        Ok(_) => Ok(()),
        Err(pem::Error::NoItemsFound) => Err("it contains no private key".to_owned()),
        Err(error) => Err(of_pem(&error)),
    }
}

fn of_pem(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => "the -----END line is missing",
        pem::Error::IllegalSectionStart { .. } => "a -----BEGIN line is malformed",
        pem::Error::Base64Decode(_) => {
            "the data between its -----BEGIN and -----END lines is not base64"
        }
        // It is read from memory, and what follows has its own words where it is asked for.
        _ => "it is not valid PEM",
    }
    .to_owned()
}
