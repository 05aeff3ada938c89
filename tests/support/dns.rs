//! Questions as a client asks them, over UDP and TCP, and `dig`.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::process::Command;
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{Name, RData, RecordType};

use crate::support::time::SOON;

/// A lost datagram is asked for again; a busy machine is waited for.
const TRIES: usize = 4;
const PATIENCE: Duration = Duration::from_secs(3);
/// What a resolver offers today.
const PAYLOAD: u16 = 1232;

/// A question with EDNS.
pub(crate) fn question(name: &str, rtype: RecordType) -> Message {
    let mut message = plain_question(name, rtype);
    let mut edns = Edns::new();
    edns.set_max_payload(PAYLOAD);
    message.set_edns(edns);
    message
}

/// A question without EDNS.
pub(crate) fn plain_question(name: &str, rtype: RecordType) -> Message {
    let mut message = Message::new(fastrand::u16(..), MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), rtype));
    message
}

/// Asks over UDP from a socket that takes answers of `server` only.
pub(crate) fn udp(server: SocketAddr, name: &str, rtype: RecordType) -> Message {
    let asked = question(name, rtype);
    let reply = udp_octets(server, &asked.to_vec().unwrap());
    let reply = Message::from_vec(&reply.expect("no answer over UDP")).unwrap();
    assert_eq!(reply.metadata.id, asked.metadata.id);
    reply
}

/// Sends octets as they are; `None` when nothing comes back.
pub(crate) fn udp_octets(server: SocketAddr, octets: &[u8]) -> Option<Vec<u8>> {
    let here: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((here, 0)).unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut buffer = vec![0; 65_535];
    for _ in 0..TRIES {
        socket.send(octets).ok()?;
        if let Ok(length) = socket.recv(&mut buffer) {
            buffer.truncate(length);
            return Some(buffer);
        }
    }
    None
}

/// Asks over TCP.
pub(crate) fn tcp(server: SocketAddr, name: &str, rtype: RecordType) -> Message {
    let asked = question(name, rtype).to_vec().unwrap();
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    tcp_ask(&mut stream, &asked).expect("no answer over TCP")
}

/// Asks on an open connection; `None` when it has been closed.
pub(crate) fn tcp_ask(stream: &mut TcpStream, octets: &[u8]) -> Option<Message> {
    let mut framed = u16::try_from(octets.len()).unwrap().to_be_bytes().to_vec();
    framed.extend(octets);
    stream.write_all(&framed).ok()?;
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut reply).ok()?;
    Some(Message::from_vec(&reply).unwrap())
}

/// The addresses of the answer section.
pub(crate) fn addresses(reply: &Message) -> BTreeSet<IpAddr> {
    let address = |data: &RData| match data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
        _ => None,
    };
    reply.answers.iter().filter_map(|record| address(&record.data)).collect()
}

/// Addresses from text.
pub(crate) fn ips(texts: &[&str]) -> BTreeSet<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// NOERROR without an answer.
pub(crate) fn is_nodata(reply: &Message) -> bool {
    reply.metadata.response_code == ResponseCode::NoError && reply.answers.is_empty()
}

/// The extended error (RFC 8914) and its words.
pub(crate) fn extended_error(reply: &Message) -> Option<(u16, String)> {
    const EDE: u16 = 15;
    let options = reply.edns.as_ref()?.options().as_ref();
    let octets = options.iter().find_map(|(_, option)| match option {
        EdnsOption::Unknown(EDE, octets) => Some(octets),
        _ => None,
    })?;
    let (code, words) = octets.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*code), String::from_utf8_lossy(words).into_owned()))
}

/// What `dig` prints.
pub(crate) fn dig(server: SocketAddr, arguments: &[&str]) -> String {
    let mut command = Command::new("dig");
    command.arg(format!("@{}", server.ip())).args(["-p", &server.port().to_string()]);
    // Neither the user's habits nor a slow machine change what is said.
    command.args(["-r", "+tries=5", "+time=3"]).args(arguments);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
