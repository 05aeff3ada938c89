//! The keys of a check by the gRPC health protocol.

use std::net::IpAddr;
use std::sync::Arc;

use crate::model::check::{GrpcCheck, Kind};
use crate::sources::native::asked::{HTTP_KEYS, KindKeys, TCP_KEYS, TLS_KEYS, misplaced};
use crate::sources::native::tcp::{TcpTarget, host_port};
use crate::sources::native::{tls, url};
use crate::syntax::reader::Reader;
use crate::syntax::tree::Value;

/// Reads the value of `grpc` and the keys that go with it.
pub(in crate::sources) fn read(reader: &mut Reader<'_>) -> Option<KindKeys> {
    let value = value(reader);
    misplaced(reader, &HTTP_KEYS, "`http` checks");
    misplaced(reader, &TCP_KEYS, "`tcp` checks");
    let use_tls = reader.boolean("grpc_use_tls").is_some_and(|placed| placed.value);
    let tls = if use_tls {
        Some(Arc::new(tls::read(reader)))
    } else {
        misplaced(reader, &TLS_KEYS, "checks with grpc_use_tls = true");
        None
    };
    let (target, service) = value?;
    if let (Some(tls), TcpTarget::At { host, .. }) = (&tls, &target) {
        tls::check_host(reader.report, reader.place_of("grpc"), tls, host);
    }
    let (authority, address, port) = match target {
        TcpTarget::Own => (None, None, None),
        TcpTarget::At { host, address, port } => {
            (Some(format!("{host}:{port}")), address, Some(port))
        }
    };
    let summary = match (port, service) {
        (None, "") => "grpc".to_owned(),
        (None, service) => format!("grpc:{service}"),
        (Some(port), "") => format!("grpc:{port}"),
        (Some(port), service) => format!("grpc:{port}/{service}"),
    };
    let (authority, service) = (authority.map(Arc::from), Arc::from(service));
    Some(KindKeys {
        kind: Kind::Grpc(GrpcCheck { tls, authority, port, service }),
        literal: literal(address),
        needs_port: port.is_none(),
        summary,
    })
}

/// An address that is not the instance by another name.
fn literal(address: Option<IpAddr>) -> Option<IpAddr> {
    address.filter(|address| !url::is_loopback("", Some(*address)))
}

fn value<'a>(reader: &mut Reader<'a>) -> Option<(TcpTarget, &'a str)> {
    const ADVICE: &str = "write true, a service name, or \"localhost:50051/service\"";
    let (_, tree) = reader.entry("grpc")?;
    match &tree.value {
        Value::Boolean(true) => Some((TcpTarget::Own, "")),
        Value::Boolean(false) => {
            let message = "grpc = false makes no check";
            reader.report.error(tree.span.clone(), message, "write true, or remove the check");
            None
        }
        Value::String(text) => parse(text)
            .map_err(|why| {
                let message = format!("invalid gRPC service {text:?}: {why}");
                reader.report.error(tree.span.clone(), message, ADVICE);
            })
            .ok(),
        Value::Integer(port) => {
            let advice = format!("write \"localhost:{port}\"");
            reader.wrong_type("grpc", tree, "true or a string", advice);
            None
        }
        Value::Float(_) | Value::List(_) | Value::Table(_) | Value::Other(_) => {
            reader.wrong_type("grpc", tree, "true or a string", ADVICE);
            None
        }
    }
}

/// A service, or `host:port` with or without one. A colon is what tells them apart: no service has
/// one in its name.
fn parse(text: &str) -> Result<(TcpTarget, &str), &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("it must not contain spaces");
    }
    if text.contains("://") {
        return Err("it must not be a URL");
    }
    let (host, service) = text.split_once('/').unwrap_or((text, ""));
    if !host.contains(':') {
        let alone = host.len() == text.len();
        return if alone { Ok((TcpTarget::Own, text)) } else { Err("the port is missing") };
    }
    let target = host_port(host).ok_or("the host or the port is invalid")?;
    Ok((target, service))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> (Option<u16>, String) {
        match parse(text) {
            Ok((TcpTarget::Own, service)) => (None, service.to_owned()),
            Ok((TcpTarget::At { port, .. }, service)) => (Some(port), service.to_owned()),
            Err(why) => panic!("{text}: {why}"),
        }
    }

    #[test]
    fn a_colon_tells_an_address_from_a_service() {
        assert_eq!(at("shop.Cart"), (None, "shop.Cart".into()));
        assert_eq!(at("localhost:50051"), (Some(50051), String::new()));
        assert_eq!(at("localhost:50051/"), (Some(50051), String::new()));
        assert_eq!(at("[::1]:50051/shop.Cart"), (Some(50051), "shop.Cart".into()));
        assert_eq!(at("10.0.0.1:1/a/b"), (Some(1), "a/b".into()));
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in ["", "/shop", "localhost/shop", "a:0", "a:b/c", ":1", "a b", "http://a:1/"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
