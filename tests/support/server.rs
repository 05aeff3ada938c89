//! A livezone in a folder of its own.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use hickory_proto::op::Message;
use hickory_proto::rr::{RData, RecordType};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::support::dns;
use crate::support::http::{self, Response};
use crate::support::time::{SOON, becomes, eventually};

/// The zone of tests that need one zone.
pub(crate) const ZONE: &str = "service.internal";

/// The program, without what the user's environment says to it. `LIVEZONE_TEST_PROGRAM` is another
/// build to measure.
pub(crate) fn livezone() -> Command {
    let other = std::env::var_os("LIVEZONE_TEST_PROGRAM");
    let mut command = Command::new(other.unwrap_or(env!("CARGO_BIN_EXE_livezone").into()));
    for (key, _) in std::env::vars_os() {
        if key.to_string_lossy().starts_with("LIVEZONE_") {
            command.env_remove(key);
        }
    }
    command
}

/// Puts a file in place at once and whole.
pub(crate) fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut new = path.as_os_str().to_owned();
    new.push("~");
    fs::write(&new, text).unwrap();
    fs::rename(&new, path).unwrap();
}

/// A folder with zones and a configuration, in which servers are started.
#[derive(Debug)]
pub(crate) struct TestServer {
    folder: TempDir,
    /// Flags beside those for the folder.
    pub(crate) arguments: Vec<String>,
}

impl TestServer {
    /// One empty zone.
    pub(crate) fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    /// The same in a new folder below this one.
    pub(crate) fn below(parent: &Path) -> Self {
        let folder = tempfile::tempdir_in(parent).unwrap();
        fs::create_dir_all(folder.path().join("zones").join(ZONE)).unwrap();
        let arguments = ["--dns", "127.0.0.1:0", "--http", "127.0.0.1:0"];
        let server = Self { folder, arguments: arguments.map(str::to_owned).to_vec() };
        server.configure("");
        server
    }

    /// The zone with one file.
    pub(crate) fn with(file: &str, text: &str) -> Self {
        let server = Self::new();
        server.put(file, text);
        server
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of the zone.
    pub(crate) fn zone(&self) -> PathBuf {
        self.path().join("zones").join(ZONE)
    }

    /// Writes a file of the zone.
    pub(crate) fn put(&self, file: &str, text: &str) {
        self.put_in(ZONE, file, text);
    }

    /// Writes a file of any zone.
    pub(crate) fn put_in(&self, zone: &str, file: &str, text: &str) {
        put(&self.path().join("zones").join(zone).join(file), text);
    }

    /// Writes livezone.toml.
    pub(crate) fn configure(&self, text: &str) {
        put(&self.path().join("livezone.toml"), text);
    }

    /// The command that serves this folder.
    pub(crate) fn serve(&self) -> Command {
        let mut command = livezone();
        command.current_dir(self.path()).arg("serve").args(&self.arguments);
        command.args(["--config", "livezone.toml", "--zones", "zones", "--state", "state"]);
        command.args(["--ready-file", "ready"]);
        command
    }

    /// The same for a process that may have so many files open.
    pub(crate) fn serve_with_files(&self, open_files: u32) -> Command {
        let serve = self.serve();
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {open_files} && exec \"$@\""), "sh"]);
        command.arg(serve.get_program()).args(serve.get_args()).current_dir(self.path());
        for (key, value) in serve.get_envs() {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        command
    }

    /// Starts a server that may have so many files open, and waits until it is ready.
    pub(crate) fn start_with_files(self, open_files: u32) -> Server {
        let process = Process::start(self.serve_with_files(open_files));
        self.started(process)
    }

    /// Starts a server that has bound its addresses, ready or not.
    pub(crate) fn launch(&self) -> Process {
        // The file of a server before this one says nothing of this one.
        let _ = fs::remove_file(self.path().join("ready"));
        Process::start(self.serve())
    }

    /// Starts a server and waits until it is ready.
    pub(crate) fn start(self) -> Server {
        let process = self.launch();
        self.started(process)
    }

    /// The same with its log in a file, which is in no folder that the server watches: a line there
    /// would wake the watcher.
    pub(crate) fn start_logging_to_file(self) -> Server {
        self.start_logging_to(tempfile::tempfile().unwrap())
    }

    /// The same with its log in what the caller may read, or not.
    pub(crate) fn start_logging_to(self, log: File) -> Server {
        let process = Process::logging_to(log, self.serve());
        self.started(process)
    }

    fn started(self, process: Process) -> Server {
        let dns = self.await_ready(&process, "dns").expect("a DNS address");
        let http = self.await_ready(&process, "http");
        Server { process, setup: self, dns, http }
    }

    /// The first address of that kind in the ready file, once that is there.
    fn await_ready(&self, process: &Process, key: &str) -> Option<SocketAddr> {
        let text = eventually("the ready file", SOON, || {
            let text = fs::read_to_string(self.path().join("ready"));
            text.map_err(|_| process.log())
        });
        addresses(&text, key).first().copied()
    }
}

/// The addresses of that kind in a ready file's text.
pub(crate) fn addresses(ready: &str, key: &str) -> Vec<SocketAddr> {
    let pairs = ready.lines().filter_map(|line| line.split_once('='));
    pairs.filter(|(of, _)| *of == key).map(|(_, address)| address.parse().unwrap()).collect()
}

/// A running program and what it has logged.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: Arc<Log>,
}

#[derive(Debug, Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Self {
        let command = command.stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = Arc::new(Log::default());
        let (errors, sink) = (child.stderr.take().unwrap(), Arc::clone(&log));
        // Ends with the program, which closes its end of the pipe.
        thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                sink.lines.lock().unwrap().push(line);
                sink.more.notify_all();
            }
        });
        Self { child, log }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// The same with its log in a file: nobody is woken by a line.
    pub(crate) fn logging_to(file: File, mut command: Command) -> Self {
        let child = command.stdin(Stdio::null()).stderr(file).spawn().unwrap();
        Self { child, log: Arc::default() }
    }

    /// Every line so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lines.lock().unwrap().clone()
    }

    /// Lines so far that hold all of the words.
    pub(crate) fn lines_with(&self, words: &[&str]) -> Vec<String> {
        self.log().into_iter().filter(|line| words.iter().all(|word| line.contains(word))).collect()
    }

    /// Waits for a line that holds all of the words.
    pub(crate) fn wait_for_log(&self, words: &[&str]) -> String {
        let holds = |line: &&String| words.iter().all(|word| line.contains(word));
        let lines = self.log.lines.lock().unwrap();
        let missing = |lines: &mut Vec<String>| !lines.iter().any(|line| holds(&line));
        let (lines, wait) = self.log.more.wait_timeout_while(lines, SOON, missing).unwrap();
        assert!(!wait.timed_out(), "no line with {words:?} in {lines:#?}");
        lines.iter().find(holds).unwrap().clone()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// Waits for the end, and gives the exit code; `None` after a signal.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let log = Arc::clone(&self.log);
        let ended = eventually("the program's end", SOON, || {
            self.child.try_wait().unwrap().ok_or_else(|| log.lines.lock().unwrap().clone())
        });
        ended.code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGTERM would drain for seconds; one that has just ended is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that is, or was, ready.
#[derive(Debug)]
pub(crate) struct Server {
    /// Dropped first: the program ends before its folder does.
    pub(crate) process: Process,
    pub(crate) setup: TestServer,
    pub(crate) dns: SocketAddr,
    http: Option<SocketAddr>,
}

impl Server {
    /// Serves one file.
    pub(crate) fn with(file: &str, text: &str) -> Self {
        TestServer::with(file, text).start()
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.http.expect("HTTP is on")
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        http::get(self.http(), path).expect("HTTP answers")
    }

    /// Asks with `PUT` and a body.
    pub(crate) fn put(&self, path: &str, body: &str) -> Response {
        http::send(self.http(), "PUT", path, body).expect("HTTP answers")
    }

    /// The sum of a metric's samples with these labels; 0 when there is none.
    pub(crate) fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        http::metric(self.http(), name, labels).unwrap_or_default()
    }

    /// Asks over UDP; the name is relative to the zone unless it ends in a dot.
    pub(crate) fn ask(&self, name: &str, rtype: RecordType) -> Message {
        dns::udp(self.dns, &absolute(name), rtype)
    }

    /// The A records of a name.
    pub(crate) fn addresses(&self, name: &str) -> BTreeSet<IpAddr> {
        dns::addresses(&self.ask(name, RecordType::A))
    }

    /// Waits until a name's A records are these.
    pub(crate) fn answers(&self, name: &str, wanted: &[&str]) {
        self.answers_within(name, wanted, SOON);
    }

    pub(crate) fn answers_within(&self, name: &str, wanted: &[&str], limit: Duration) {
        let what = format!("{name} A {wanted:?}");
        becomes(&what, limit, &dns::ips(wanted), || self.addresses(name));
    }

    /// The zone's serial.
    pub(crate) fn serial(&self) -> u32 {
        let reply = self.ask(&format!("{ZONE}."), RecordType::SOA);
        match reply.answers.first().map(|record| &record.data) {
            Some(RData::SOA(soa)) => soa.serial,
            other => panic!("no SOA but {other:?}"),
        }
    }

    /// `livezone` with arguments, told where this server is.
    pub(crate) fn command(&self, arguments: &[&str]) -> Output {
        let mut command = livezone();
        command.current_dir(self.setup.path()).args(arguments);
        command.args(["--http", &self.http().to_string()]).output().unwrap()
    }

    /// Ends this server by `signal` and starts another in the same folder.
    pub(crate) fn restart(self, signal: Signal) -> Self {
        let Self { mut process, setup, .. } = self;
        process.signal(signal);
        process.exit_code();
        setup.start()
    }
}

fn absolute(name: &str) -> String {
    if name.ends_with('.') { name.to_owned() } else { format!("{name}.{ZONE}.") }
}
