//! The commands, one file each: arguments in, an exit code out.

mod check;
mod completions;
mod demo;
mod log;
mod output;
mod panics;
mod serve;
mod settings;
mod status;
mod zones;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::cli::output::complain;

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
  livezone status    list the instances: healthy or not, in the answers or not, and why

Settings: a flag wins over its environment variable ([env: …] in the help of a command), the
variable wins over livezone.toml, and livezone.toml wins over the defaults.

Exit codes:
  0  success
  1  something is wrong with what was asked about: a file has an error, a service is unknown
  2  the command line or an environment variable is wrong
  3  an address cannot be used, or the server cannot be reached";

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
    error: anyhow::Error,
}

impl Failure {
    fn new(verdict: Verdict, error: impl Into<anyhow::Error>) -> Self {
        Self { verdict, error: error.into() }
    }
}

/// Reads the arguments, the program's name first, and does what they say.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments.command,
        Err(told) => return tell(&told).into(),
    };
    let environment = |name: &str| std::env::var_os(name);
    let result = match command {
        Command::Serve(arguments) => serve::run(arguments, &environment),
        Command::Demo(arguments) => demo::run(arguments, &environment),
        Command::Check(arguments) => check::run(arguments, &environment),
        Command::Status(arguments) => status::run(&arguments, &environment),
        Command::Completions(arguments) => Ok(completions::run(&arguments)),
    };
    match result {
        Ok(verdict) => verdict.into(),
        Err(failure) => {
            complain(&chain(&failure.error));
            failure.verdict.into()
        }
    }
}

/// Help and the version are wanted; anything else that clap says is a mistake.
fn tell(told: &clap::Error) -> Verdict {
    // A terminal that is gone needs no help.
    let _ = told.print();
    if told.use_stderr() { Verdict::Usage } else { Verdict::Good }
}

/// An error with all that caused it, a line each.
fn chain(error: &anyhow::Error) -> String {
    let causes = error.chain().skip(1).map(|cause| format!("\n  caused by: {cause}"));
    format!("error: {error}{}\n", causes.collect::<String>())
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
    }
}
