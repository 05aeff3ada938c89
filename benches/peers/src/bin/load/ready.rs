//! Waits until a server has the names that it will be asked for.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use crate::questions::{Form, Question, read};

/// Questions that must all be answered, spread over the file.
const SAMPLE: usize = 50;
const PATIENCE: Duration = Duration::from_millis(200);
const AAAA: u16 = 28;
/// A port that nobody has answers at once.
const PAUSE: Duration = Duration::from_millis(100);

/// Ends well once all of a sample have answers; a name that is not to be there (`no-…`) needs none, and
/// no service has an IPv6 address.
pub fn until(address: &str, questions: &str, seconds: &str) {
    let ends = Instant::now() + Duration::from_secs_f64(seconds.parse().expect("seconds"));
    let questions = read(questions, Form::Plain);
    let step = (questions.len() / SAMPLE).max(1);
    let socket = UdpSocket::bind(("0.0.0.0", 0)).expect("a socket");
    socket.connect(address).expect("the address");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    // A late answer must not be taken for the next question's.
    let mut id = 0_u16;
    let mut all_answered = || {
        questions.iter().step_by(step).all(|question| {
            id = id.wrapping_add(1);
            has_answer(&socket, id, question)
        })
    };
    while !all_answered() {
        if Instant::now() > ends {
            panic!("{address} does not answer");
        }
        std::thread::sleep(PAUSE);
    }
}

fn has_answer(socket: &UdpSocket, id: u16, question: &Question) -> bool {
    let packet = [&id.to_be_bytes()[..], &question.rest].concat();
    let mut answer = [0; 4096];
    if socket.send(&packet).is_err() {
        return false;
    }
    loop {
        match socket.recv(&mut answer) {
            Ok(12..) if answer[..2] == packet[..2] => break,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    // The first label behind the header: "no-" is asked for its absence. A reflector says nothing.
    let is_absent = question.rest.get(11..14) == Some(b"no-");
    let is_echo = answer[6..8] == [0, 0] && answer[2] & 0x04 == 0 && answer[3] == 0;
    let has_data = answer[6..8] != [0, 0] || answer[2] & 0x02 != 0;
    is_absent || is_echo || question.rtype == AAAA && answer[3] == 0 || answer[3] & 0x0f == 0 && has_data
}
