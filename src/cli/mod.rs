//! The commands, one file each: arguments in, an exit code out.

mod check;
mod client;
mod completions;
mod demo;
mod deregister;
mod heartbeat;
mod log;
mod orders;
mod output;
mod panics;
mod register;
mod serve;
mod settings;
mod status;
mod zones;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::cli::output::complain;
use crate::log::{Lines, Writer, stream};
use crate::metrics::Metrics;
use crate::model::text::printable;
use crate::server;

/// An authoritative DNS server that answers with the service instances that are registered and
/// healthy, and with nothing else.
#[derive(Debug, Parser)]
#[command(name = "livezone", version, after_help = AFTER, subcommand_required = true)]
#[command(arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "\
Examples:
  livezone demo      a 30-second tour
  livezone serve     answer DNS for the zones in ./zones on 127.0.0.1:8600
  livezone check     find mistakes in livezone.toml and in ./zones
  livezone status    list the instances: healthy or not, served or not, and why
  livezone register --name web --address 10.0.1.50 --port 8080 --http /health
                     register a service at a running server
  livezone drain web web-1 --reason upgrade
                     take an instance out of the answers before it stops

Settings: a flag wins over its environment variable ([env: …] in the help of a command), the
variable wins over livezone.toml, and livezone.toml wins over the defaults.

Exit codes:
  0  success
  1  an error was found: a file has errors, a service does not exist, the server refused
  2  the command line or an environment variable is invalid
  3  livezone cannot listen on an address, or cannot reach the server";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the DNS server
    #[command(after_help = serve::EXAMPLES)]
    Serve(serve::Arguments),
    /// Take a 30-second tour: the server, and three backends that you make fail with curl
    #[command(after_help = demo::EXAMPLES)]
    Demo(demo::Arguments),
    /// Find mistakes in livezone.toml and in the zones, without serving them
    #[command(after_help = check::EXAMPLES)]
    Check(check::Arguments),
    /// Ask a running server for its instances: their health, and why each is served or not
    #[command(after_help = status::EXAMPLES)]
    Status(status::Arguments),
    /// Register services at a running server, over Consul's HTTP API
    #[command(after_help = register::EXAMPLES)]
    Register(Box<register::Arguments>),
    /// Take back what was registered over HTTP
    #[command(after_help = deregister::EXAMPLES)]
    Deregister(deregister::Arguments),
    /// Say that a TTL check passes: its heartbeat
    #[command(after_help = heartbeat::EXAMPLES)]
    Pass(heartbeat::Arguments),
    /// Say that a TTL check passes with a warning
    #[command(after_help = heartbeat::EXAMPLES)]
    Warn(heartbeat::Arguments),
    /// Say that a TTL check fails
    #[command(after_help = heartbeat::EXAMPLES)]
    Fail(heartbeat::Arguments),
    /// Take an instance out of the answers before it stops
    #[command(after_help = orders::DRAIN)]
    Drain(orders::Switch),
    /// Keep an instance out of the answers until further notice
    #[command(after_help = orders::MAINTENANCE)]
    Maintenance(orders::Switch),
    /// Decide for a while whether an instance is healthy, instead of its checks
    #[command(after_help = orders::FORCE)]
    Force(orders::Force),
    /// Print a script that completes livezone's commands in your shell
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::Arguments),
}

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Good,
    Bad,
    Usage,
    Unreachable,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Good => Self::SUCCESS,
            Verdict::Bad => Self::from(1),
            Verdict::Usage => Self::from(2),
            Verdict::Unreachable => Self::from(3),
        }
    }
}

/// Why a command did not come to its end.
#[derive(Debug)]
struct Failure {
    verdict: Verdict,
    /// Shown before the error.
    details: String,
    error: anyhow::Error,
}

impl Failure {
    fn new(verdict: Verdict, error: impl Into<anyhow::Error>) -> Self {
        Self { verdict, details: String::new(), error: error.into() }
    }
}

/// Reads the arguments, the program's name first, and does what they say.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let command = match Arguments::try_parse_from(&args) {
        Ok(arguments) => arguments.command,
        Err(told) => return tell(&in_print(told, &args)).into(),
    };
    let environment = |name: &str| std::env::var_os(name);
    let result = match command {
        Command::Serve(arguments) => {
            return unread(&args, |lines, metrics| {
                serve::run(arguments, &environment, lines, metrics)
            });
        }
        Command::Demo(arguments) => {
            return unread(&args, |lines, metrics| {
                demo::run(arguments, &environment, lines, metrics)
            });
        }
        Command::Check(arguments) => check::run(arguments, &environment),
        Command::Status(arguments) => status::run(&arguments, &environment),
        Command::Register(arguments) => register::run(*arguments, &environment),
        Command::Deregister(arguments) => deregister::run(&arguments, &environment),
        Command::Pass(arguments) => heartbeat::run("passing", &arguments, &environment),
        Command::Warn(arguments) => heartbeat::run("warning", &arguments, &environment),
        Command::Fail(arguments) => heartbeat::run("critical", &arguments, &environment),
        Command::Drain(arguments) => orders::switch("drain", &arguments, &environment),
        Command::Maintenance(arguments) => orders::switch("maintenance", &arguments, &environment),
        Command::Force(arguments) => orders::force(&arguments, &environment),
        Command::Completions(arguments) => Ok(completions::run(&arguments)),
    };
    conclude(result, complain)
}

/// Runs a command that goes on also when nobody reads standard error.
fn unread(
    args: &[OsString],
    run: impl FnOnce(&Lines, Metrics) -> Result<Verdict, Failure>,
) -> ExitCode {
    let _reserve = match server::memory::reserve(args) {
        Ok(reserve) => reserve,
        Err(error) => return conclude(Err(Failure::new(Verdict::Bad, error)), complain),
    };
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"));
    let lost = metrics.log_dropped();
    let started = stream(&io::stderr()).and_then(|to| Writer::start(to, lost, log::resumed));
    match started.context(server::threads::missing("the log")) {
        // Dropped at the end, it waits for its last lines a little while.
        Ok(writer) => {
            let lines = writer.lines();
            conclude(run(&lines, metrics), |text| lines.put(text.as_bytes()))
        }
        Err(error) => conclude(Err(Failure::new(Verdict::Bad, error)), complain),
    }
}

fn conclude(result: Result<Verdict, Failure>, complain: impl FnOnce(&str)) -> ExitCode {
    match result {
        Ok(verdict) => verdict.into(),
        Err(Failure { verdict, details, error }) => {
            complain(&(details + &chain(&error)));
            verdict.into()
        }
    }
}

/// Help and the version are wanted; anything else that clap says is a mistake.
fn tell(told: &clap::Error) -> Verdict {
    // A terminal that is gone needs no help.
    let _ = told.print();
    if told.use_stderr() { Verdict::Usage } else { Verdict::Good }
}

/// What clap says of the same arguments when they are printable: it repeats them.
fn in_print(told: clap::Error, args: &[OsString]) -> clap::Error {
    let args = args.iter().map(|arg| OsString::from(&*printable(&arg.to_string_lossy())));
    Arguments::try_parse_from(args).err().unwrap_or(told)
}

/// An error with all that caused it, a line each.
fn chain(error: &anyhow::Error) -> String {
    let shown = |error: &dyn std::fmt::Display| printable(&error.to_string()).into_owned();
    let causes = error.chain().skip(1).map(|cause| format!("\n  caused by: {}", shown(&cause)));
    format!("error: {}{}\n", shown(error), causes.collect::<String>())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_error_is_shown_with_its_whole_chain() {
        let error = anyhow::anyhow!("no such file").context("cannot read a").context("cannot go");
        assert_eq!(
            chain(&error),
            "error: cannot go\n  caused by: cannot read a\n  caused by: no such file\n"
        );
        let hostile = anyhow::anyhow!("\u{9b}2J\nerror: forged").context("a\u{202e}b");
        let wanted = "error: a\\u{202e}b\n  caused by: \\u{9b}2J\\nerror: forged\n";
        assert_eq!(chain(&hostile), wanted);
    }
}
