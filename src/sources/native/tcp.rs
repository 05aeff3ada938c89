//! The keys of a check that connects and no more.

use std::net::IpAddr;
use std::sync::Arc;

use crate::model::check::{Kind, TcpCheck};
use crate::model::name::Name;
use crate::sources::native::asked::{GRPC_KEYS, HTTP_KEYS, KindKeys, TLS_KEYS, misplaced};
use crate::sources::native::{tls, url};
use crate::syntax::reader::Reader;
use crate::syntax::tree::Value;

/// What the value of `tcp`, or that of `grpc`, says of an address.
pub(super) enum TcpTarget {
    /// `true`: the instance's own port.
    Own,
    /// `"host:port"`, with the address that the host may be.
    At { host: String, address: Option<IpAddr>, port: u16 },
}

/// Reads the value of `tcp` and the keys that go with it.
pub(in crate::sources) fn read(reader: &mut Reader<'_>) -> Option<KindKeys> {
    let target = value(reader);
    misplaced(reader, &HTTP_KEYS, "`http` checks");
    misplaced(reader, &GRPC_KEYS, "`grpc` checks");
    let use_tls = reader.boolean("tcp_use_tls").is_some_and(|placed| placed.value);
    let tls = if use_tls {
        Some(tls::read(reader))
    } else {
        misplaced(reader, &TLS_KEYS, "checks with tcp_use_tls = true");
        None
    };
    let (host, address, port) = match target? {
        TcpTarget::Own => (None, None, None),
        TcpTarget::At { host, address, port } => (Some(host), address, Some(port)),
    };
    let tls = tls.map(|mut options| {
        if let Some(host) = &host {
            tls::check_host(reader.report, reader.place_of("tcp"), &options, host);
        }
        let name = host.filter(|host| address.is_none() && !url::is_loopback(host, None));
        options.server_name = options.server_name.or(name);
        Arc::new(options)
    });
    Some(KindKeys {
        kind: Kind::Tcp(TcpCheck { port, tls }),
        literal: address.filter(|address| !url::is_loopback("", Some(*address))),
        needs_port: port.is_none(),
        summary: port.map_or_else(|| "tcp".to_owned(), |port| format!("tcp:{port}")),
    })
}

fn value(reader: &mut Reader<'_>) -> Option<TcpTarget> {
    const ADVICE: &str = "write true for the instance's own port, or \"localhost:5432\"";
    let (_, tree) = reader.entry("tcp")?;
    match &tree.value {
        Value::Boolean(true) => Some(TcpTarget::Own),
        Value::Boolean(false) => {
            let message = "tcp = false makes no check";
            reader.report.error(tree.span.clone(), message, "write true, or remove the check");
            None
        }
        Value::String(text) => {
            let written = host_port(text);
            if written.is_none() {
                let message = format!("invalid host and port {text:?}");
                reader.report.error(tree.span.clone(), message, ADVICE);
            }
            written
        }
        Value::Integer(port) => {
            let advice = format!("write \"localhost:{port}\"");
            reader.wrong_type("tcp", tree, "true or a string", advice);
            None
        }
        Value::Float(_) | Value::List(_) | Value::Table(_) | Value::Other(_) => {
            reader.wrong_type("tcp", tree, "true or a string", ADVICE);
            None
        }
    }
}

/// A host and its port, never 0.
pub(super) fn host_port(text: &str) -> Option<TcpTarget> {
    let (host, port) = text.rsplit_once(':')?;
    let port = url::number(port).ok()?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let address = match bare {
        Some(bare) => Some(IpAddr::V6(bare.parse().ok()?)),
        None => host.parse().ok().map(IpAddr::V4),
    };
    if address.is_none() && (matches!(host, "" | ".") || Name::parse(host).is_err()) {
        return None;
    }
    Some(TcpTarget::At { host: host.to_owned(), address, port })
}
