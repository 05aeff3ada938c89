//! A livezone that serves a folder of definitions, and questions to it or to another server.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use livezone::config::{Config, Consul, LogLevel};
use livezone::metrics::Metrics;
use livezone::server::notify::Supervisor;
use livezone::server::{Options, run};

use super::{NODE, files, folder};

/// Where a server of `definitions` answers, and its folder. It ends with the process.
pub(crate) fn serve() -> (SocketAddr, tempfile::TempDir) {
    let root = tempfile::tempdir().unwrap();
    let zone = root.path().join("zones/service.internal");
    fs::create_dir_all(&zone).unwrap();
    for file in files(&folder("definitions")) {
        fs::copy(&file, zone.join(file.file_name().unwrap())).unwrap();
    }
    let (told, addresses) = mpsc::channel();
    let options = Options {
        config: config(root.path()),
        metrics: Metrics::new("0"),
        ready_file: None,
        reload: Box::new(|| Err("not here".to_owned())),
        supervisor: Supervisor::default(),
        started: Some(Box::new(move |addresses| told.send(addresses.clone()).unwrap())),
    };
    std::thread::spawn(|| run(options).unwrap());
    let addresses = addresses.recv_timeout(Duration::from_secs(30)).unwrap();
    (addresses.dns[0], root)
}

fn config(root: &Path) -> Config {
    let mut config = Config {
        zones_dir: root.join("zones"),
        state_dir: root.join("state"),
        consul: Consul { node_address: Some(NODE) },
        ..Config::default()
    };
    config.dns.listen = vec![SocketAddr::new(NODE, 0)];
    config.http.listen = None;
    config.log.level = LogLevel::Error;
    config
}

/// The response code and the answer's records in words, sorted; TTLs left out.
pub(crate) fn ask(server: SocketAddr, name: &str, rtype: RecordType) -> (String, Vec<String>) {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(name_of(name), rtype));
    let socket = UdpSocket::bind((NODE, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.send_to(&message.to_vec().unwrap(), server).unwrap();
    let mut octets = [0; 4096];
    let (count, _) = socket.recv_from(&mut octets).unwrap();
    let answer = Message::from_vec(&octets[..count]).unwrap();
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
    let (server, _folder) = serve();
    let code = |name: &str, rtype| ask(server, name, rtype).0;
    let id = "_nomad-task-1d2b-group-a-cache-http.cache.service.internal.";
    assert_eq!(code(id, RecordType::A), "Non-Existent Domain");
    for name in ["docker-host:web_1:8080.web-8080", "enable=true.shop", "traefik.enable=true.shop"]
    {
        let name = format!("{name}.service.internal.");
        assert_eq!(code(&name, RecordType::A), "Non-Existent Domain", "{name}");
    }
    let (_, targets) = ask(server, "canary.cache.service.internal.", RecordType::SRV);
    assert_eq!(targets, ["SRV 0 1 23457 0a070002.addr.service.internal."]);
    let (_, named) = ask(server, "green0.green.service.internal.", RecordType::SRV);
    assert_eq!(named, ["SRV 0 1 80 green0.green.service.internal."]);
    let (_, tagged) = ask(server, "v2.shop.service.internal.", RecordType::A);
    assert_eq!(tagged, ["A 10.8.0.1"]);
}
