//! `livezone completions SHELL`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::{Verdict, output};

pub(super) const EXAMPLES: &str = "\
Examples:
  livezone completions bash > /etc/bash_completion.d/livezone
  livezone completions zsh  > ~/.zfunc/_livezone
  livezone completions fish > ~/.config/fish/completions/livezone.fish";

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The shell to print it for
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> Verdict {
    output::say(&script(arguments.shell));
    Verdict::Good
}

fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::Arguments::command(), "livezone", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_is_told_of_every_command() {
        for shell in Shell::value_variants() {
            let script = script(*shell);
            let commands = super::super::Arguments::command();
            for command in commands.get_subcommands().map(clap::Command::get_name) {
                assert!(script.contains(command), "{shell}: {command}");
            }
        }
    }
}
