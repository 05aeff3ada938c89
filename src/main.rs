//! Arguments in, exit code out; all else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    livezone::cli::run(std::env::args_os())
}
