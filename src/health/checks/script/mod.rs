//! A script check: one command in a process group of its own, and nothing of it afterwards.
//!
//! A plain thread waits for the end of each command, kills what is left of its group and reaps
//! it; the run itself reads the output, and by being dropped has the thread do so at once. What a
//! command moves into another group or session is out of our reach.

mod output;
#[cfg(test)]
mod tests;

use std::io::{self, PipeWriter};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::unistd::Pid;
use tokio::net::unix::pipe;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task;

use crate::health::checks::fault;
use crate::health::checks::script::output::Output;
use crate::model::check::{ScriptCheck, Subject};
use crate::model::health::{Finding, Outcome};

/// The scheduler starts far fewer at a time. The rest are scripts that were killed and cannot die,
/// because a file system beneath them hangs: they must not add up for ever.
const MOST_UNENDED: usize = 64;

/// What a script has of our environment; nothing else of it is its business.
const PASSED_ON: [&str; 3] = ["PATH", "HOME", "LANG"];

/// How many scripts there may be that have not ended.
#[derive(Clone, Debug)]
pub(super) struct Slots(Arc<Semaphore>);

impl Default for Slots {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_UNENDED)))
    }
}

impl Slots {
    /// Starts a script. It is killed when what is returned is dropped, or the future before.
    pub(super) async fn start(
        &self,
        check: &ScriptCheck,
        subject: &Subject,
    ) -> Result<Process, Outcome> {
        let Ok(place) = Arc::clone(&self.0).try_acquire_owned() else {
            let reason = format!("{MOST_UNENDED} scripts have not exited yet");
            return Err(fault::ours(reason));
        };
        let (reader, writer) = io::pipe().map_err(|error| fault::of_our_call(&error))?;
        let command = command(check, subject, writer).map_err(|e| fault::of_our_call(&e))?;
        let output =
            pipe::Receiver::from_owned_fd(reader.into()).map_err(|e| fault::of_our_call(&e))?;
        let (sender, started) = oneshot::channel();
        // Until the program is loaded the call blocks, and so does the wait for the end.
        task::spawn_blocking(move || accompany(command, sender, place));
        match started.await {
            Ok(Ok(Started { group, ended })) => {
                Ok(Process { _group: group, ended, output: Output::new(output) })
            }
            Ok(Err(error)) => Err(not_started(check, &error)),
            Err(_) => Err(fault::ours("cannot start the script (internal error)")),
        }
    }
}

/// No shell, no input, nothing of our environment but what is listed, and the root as the folder:
/// a script's own folder would be held busy by it.
fn command(check: &ScriptCheck, subject: &Subject, output: PipeWriter) -> io::Result<Command> {
    let mut command = Command::new(&*check.program);
    command.args(check.arguments.iter()).current_dir("/").process_group(0).env_clear();
    for name in PASSED_ON {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
        .env("LIVEZONE_SERVICE", &*subject.service)
        .env("LIVEZONE_INSTANCE", &*subject.instance)
        .env("LIVEZONE_ADDRESS", &*subject.address);
    if let Some(port) = subject.port {
        command.env("LIVEZONE_PORT", port.to_string());
    }
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    Ok(command)
}

/// A process that could not be made is our machine's lack. A program that cannot be run is what
/// the operator wrote: as no evidence it would hide for ever behind a verdict long past.
fn not_started(check: &ScriptCheck, error: &io::Error) -> Outcome {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(
            Errno::EAGAIN
            | Errno::ENOMEM
            | Errno::EMFILE
            | Errno::ENFILE
            | Errno::ENOBUFS
            | Errno::ETXTBSY,
        ) => fault::of_our_call(error),
        Some(_) | None => {
            fault::theirs(format!("cannot run {}: {}", check.program, fault::words(error)))
        }
    }
}

struct Started {
    group: Group,
    ended: oneshot::Receiver<io::Result<ExitStatus>>,
}

/// A process group that is killed when this is dropped. `None` once its leader was reaped: from
/// then on the number may be another's.
#[derive(Debug)]
struct Group(Arc<Mutex<Option<Pid>>>);

impl Drop for Group {
    fn drop(&mut self) {
        kill(*self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn kill(group: Option<Pid>) {
    if let Some(group) = group {
        // It may have ended already; that is as good.
        let _ = killpg(group, Signal::SIGKILL);
    }
}

/// Runs the command, and is there until it has ended.
fn accompany(
    mut command: Command,
    started: oneshot::Sender<io::Result<Started>>,
    place: OwnedSemaphorePermit,
) {
    let spawned = command.spawn();
    // It holds our ends of the pipe.
    drop(command);
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            // A run that is gone needs no reason.
            let _ = started.send(Err(error));
            return;
        }
    };
    let pid = i32::try_from(child.id()).map(Pid::from_raw).ok();
    let group = Arc::new(Mutex::new(pid));
    let (sender, ended) = oneshot::channel();
    // A run that is gone drops the group with the message, which kills it.
    let _ = started.send(Ok(Started { group: Group(Arc::clone(&group)), ended }));
    if let Some(pid) = pid {
        wait_for_end(pid);
    }
    let status = reap(&mut child, &group);
    // A run that is gone needs no status either.
    let _ = sender.send(status);
    if let Some(pid) = pid {
        reap_members(pid);
    }
    drop(place);
}

/// Waits without reaping: the number stays the group's.
fn wait_for_end(pid: Pid) {
    let how = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    while waitid(Id::Pid(pid), how) == Err(Errno::EINTR) {}
}

/// Kills what a script has left behind, and takes its status.
fn reap(child: &mut Child, group: &Mutex<Option<Pid>>) -> io::Result<ExitStatus> {
    let mut alive = group.lock().unwrap_or_else(PoisonError::into_inner);
    kill(alive.take());
    child.wait()
}

/// Where we are the first process, as in a container, what a script left is ours to reap. Elsewhere
/// there is nothing to wait for.
fn reap_members(group: Pid) {
    let members = Pid::from_raw(-group.as_raw());
    while waitpid(members, None).is_ok_and(|status| status.pid().is_some()) {}
}

#[derive(Debug)]
pub(super) struct Process {
    _group: Group,
    ended: oneshot::Receiver<io::Result<ExitStatus>>,
    output: Output,
}

impl Process {
    /// Reads until the script itself has ended; who else holds the pipe is not waited for.
    pub(super) async fn outcome(mut self) -> Result<Outcome, Outcome> {
        let status = tokio::select! {
            biased;
            status = &mut self.ended => status,
            never = self.output.gather() => match never {},
        };
        let line = self.output.last_line();
        match status {
            Ok(Ok(status)) => Ok(judge(status, line)),
            Ok(Err(error)) => Err(fault::of_our_call(&error)),
            Err(_) => Err(fault::ours("cannot get the exit status of the script (internal error)")),
        }
    }
}

/// The exit codes of Nagios and Consul: 0 passes, 1 warns, all else fails.
fn judge(status: ExitStatus, line: String) -> Outcome {
    let finding = match status.code() {
        Some(0) => Finding::Pass,
        Some(1) => Finding::Warn,
        Some(_) | None => Finding::Fail,
    };
    let end = match (status.code(), status.signal().and_then(|n| Signal::try_from(n).ok())) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("killed by {signal}"),
        (None, None) => "killed".to_owned(),
    };
    let reason = match (finding, line.is_empty()) {
        (_, true) => end,
        (Finding::Pass, false) => line,
        (Finding::Warn | Finding::Fail | Finding::FailAtOnce | Finding::Nothing, false) => {
            format!("{end}: {line}")
        }
    };
    Outcome::new(finding, reason)
}
