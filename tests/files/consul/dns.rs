//! A livezone that serves a folder of definitions, and questions to it or to another server.

use std::fs;
use std::net::SocketAddr;

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};

use super::{NODE, files, folder};
use crate::support::dns;
use crate::support::server::{Server, TestServer};

/// A server of `definitions`.
pub(crate) fn serve() -> Server {
    let server = TestServer::new();
    server.configure(&format!("[consul]\nnode_address = \"{NODE}\"\n"));
    for file in files(&folder("definitions")) {
        let name = file.file_name().unwrap().to_str().unwrap();
        server.put(name, &fs::read_to_string(&file).unwrap());
    }
    server.start()
}

/// The response code and the answer's records in words, sorted; TTLs left out.
pub(crate) fn ask(server: SocketAddr, name: &str, rtype: RecordType) -> (String, Vec<String>) {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(name_of(name), rtype));
    let octets = dns::udp_octets(server, &message.to_vec().unwrap());
    let answer = Message::from_vec(&octets.expect("an answer")).unwrap();
    let mut records: Vec<String> = answer
        .answers
        .iter()
        .map(|record| format!("{} {}", record.record_type(), record.data))
        .collect();
    records.sort();
    (answer.metadata.response_code.to_string(), records)
}

/// Labels hold any octets: the text of an id that is no name can be asked for.
fn name_of(text: &str) -> Name {
    let labels = text.trim_end_matches('.').split('.').map(str::as_bytes);
    let mut name = Name::from_labels(labels).unwrap();
    name.set_fqdn(true);
    name
}

#[test]
fn an_id_or_tag_that_dns_cannot_carry_matches_no_question() {
    let server = serve();
    let code = |name: &str, rtype| ask(server.dns, name, rtype).0;
    let id = "_nomad-task-1d2b-group-a-cache-http.cache.service.internal.";
    assert_eq!(code(id, RecordType::A), "Non-Existent Domain");
    for name in ["docker-host:web_1:8080.web-8080", "enable=true.shop", "traefik.enable=true.shop"]
    {
        let name = format!("{name}.service.internal.");
        assert_eq!(code(&name, RecordType::A), "Non-Existent Domain", "{name}");
    }
    let (_, targets) = ask(server.dns, "canary.cache.service.internal.", RecordType::SRV);
    assert_eq!(targets, ["SRV 0 1 23457 0a070002.addr.service.internal."]);
    let (_, named) = ask(server.dns, "green0.green.service.internal.", RecordType::SRV);
    assert_eq!(named, ["SRV 0 1 80 green0.green.service.internal."]);
    let (_, tagged) = ask(server.dns, "v2.shop.service.internal.", RecordType::A);
    assert_eq!(tagged, ["A 10.8.0.1"]);
}
