use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;

const SOON: Duration = Duration::from_secs(20);

/// A stream whose reader says of each write how much it takes, and is shown it then.
struct Pipe {
    verdicts: Receiver<io::Result<usize>>,
    written: Sender<Vec<u8>>,
}

impl Write for Pipe {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        // A reader that has gone away reads nothing, and says nothing.
        let taken = self.verdicts.recv().unwrap_or(Ok(usize::MAX))?.min(octets.len());
        let _ = self.written.send(octets[..taken].to_vec());
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The reader's end.
struct Reader {
    verdicts: Sender<io::Result<usize>>,
    written: Receiver<Vec<u8>>,
}

impl Reader {
    fn takes(&self, octets: usize) {
        self.verdicts.send(Ok(octets)).unwrap();
    }

    fn reads(&self) -> String {
        self.takes(usize::MAX);
        String::from_utf8(self.written.recv_timeout(SOON).unwrap()).unwrap()
    }

    fn fails(&self) {
        self.verdicts.send(Err(ErrorKind::BrokenPipe.into())).unwrap();
    }
}

/// A writer that has room for so many octets, and says itself what was lost.
fn writer(most: usize) -> (Writer, Reader, Counter) {
    let (lost, (verdicts, said), (written, seen)) = (Counter::default(), channel(), channel());
    let lines = Arc::new(OnceLock::<Lines>::new());
    let way = Arc::clone(&lines);
    let resumed = move |lost| way.wait().put(format!("{lost} were lost\n").as_bytes());
    let pipe = Pipe { verdicts: said, written };
    let writer = Writer::bounded(most, pipe, lost.clone(), resumed).unwrap();
    lines.set(writer.lines()).unwrap();
    (writer, Reader { verdicts, written: seen }, lost)
}

/// Waits until the thread is in its write, with an empty queue behind it.
fn stuck(lines: &Lines) {
    while !lines.0.queue().octets.is_empty() {
        thread::yield_now();
    }
}

fn counts(lost: &Counter, count: u64) {
    while lost.get() < count {
        thread::yield_now();
    }
}

#[test]
fn nobody_waits_for_a_stream_that_nobody_reads_and_one_line_tells_of_the_loss() {
    let (writer, reader, lost) = writer(16);
    let lines = writer.lines();
    lines.put(b"one\n");
    stuck(&lines);
    for _ in 0..1000 {
        lines.put(b"two\n");
    }
    assert_eq!(lines.0.queue().octets.len(), 16, "the queue is bounded in octets");
    assert_eq!(lost.get(), 996);
    assert_eq!(reader.reads(), "one\n");
    assert_eq!(reader.reads(), "two\ntwo\ntwo\ntwo\n", "lines are written together, and whole");
    assert_eq!(reader.reads(), "996 were lost\n");
    lines.put(b"three\n");
    assert_eq!(reader.reads(), "three\n");
    assert_eq!(lost.get(), 996);
}

#[test]
fn what_is_taken_in_part_is_written_on() {
    let (writer, reader, lost) = writer(100);
    writer.lines().put(b"one\ntwo\n");
    reader.takes(2);
    assert_eq!(reader.written.recv_timeout(SOON).unwrap(), b"on");
    reader.verdicts.send(Err(ErrorKind::Interrupted.into())).unwrap();
    reader.verdicts.send(Err(ErrorKind::WouldBlock.into())).unwrap();
    assert_eq!(reader.reads(), "e\ntwo\n");
    assert_eq!(lost.get(), 0);
}

#[test]
fn a_stream_that_fails_is_tried_with_each_new_line_and_told_of_when_it_works() {
    let (writer, reader, lost) = writer(100);
    let lines = writer.lines();
    lines.put(b"one\ntwo\n");
    reader.takes(5);
    assert_eq!(reader.written.recv_timeout(SOON).unwrap(), b"one\nt");
    reader.fails();
    counts(&lost, 1);
    lines.put(b"three\n");
    reader.fails();
    counts(&lost, 2);
    // Were it tried without a line, this would be what it writes.
    lines.put(b"four\n");
    assert_eq!(reader.reads(), "four\n");
    assert_eq!(reader.reads(), "2 were lost\n");
}

#[test]
fn the_end_waits_for_what_is_read() {
    let (writer, reader, _) = writer(100);
    writer.lines().put(b"the last\n");
    reader.takes(usize::MAX);
    let late = writer.lines();
    drop(writer);
    assert_eq!(reader.written.try_recv().unwrap(), b"the last\n", "it is there already");
    late.put(b"too late\n");
    assert_eq!(late.0.lost.get(), 1);
}

#[test]
fn the_end_does_not_wait_for_what_nobody_reads() {
    let (writer, reader, _) = writer(100);
    writer.lines().put(b"the last\n");
    stuck(&writer.lines());
    let (sender, ended) = channel();
    thread::spawn(move || {
        drop(writer);
        sender.send(()).unwrap();
    });
    ended.recv_timeout(SOON).expect("it has an end");
    assert!(reader.written.try_recv().is_err());
}

#[test]
fn a_line_longer_than_the_queue_is_lost_and_the_next_is_not() {
    let (writer, reader, lost) = writer(15);
    writer.lines().put(b"longer than that\n");
    assert_eq!(lost.get(), 1);
    writer.lines().put(b"short\n");
    let mut said = reader.reads();
    while !(said.contains("short\n") && said.contains("1 were lost\n")) {
        said += &reader.reads();
    }
}
