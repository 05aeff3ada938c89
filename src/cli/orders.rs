//! `livezone drain`, `maintenance` and `force`: an operator's word on one instance.

use anyhow::anyhow;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};

use crate::cli::client::{At, Client, Request};
use crate::cli::output::say;
use crate::cli::settings::Environment;
use crate::cli::{Failure, Verdict, status};
use crate::syntax::duration;

pub(super) const DRAIN: &str = "\
Examples:
  livezone drain web web-1 --reason \"upgrade to 2.0\"
  livezone drain web.service.internal web-1 --reason move    the service of this zone
  livezone drain web web-1 --off                             answer with it again

The instance leaves the answers at once. When no cache can hold it any more, an instance that was
registered over HTTP is deregistered; one of a file stays out until its file no longer names it.";

pub(super) const MAINTENANCE: &str = "\
Examples:
  livezone maintenance web web-1 --reason \"new disk\"
  livezone maintenance web web-1 --off

While it is on, no answer holds the instance, whatever its checks and when_unhealthy say. It
survives restarts and ends only with --off.";

pub(super) const FORCE: &str = "\
Examples:
  livezone force down web web-1 --reason \"answers slowly\" --for 30m
  livezone force up   web web-1 --reason \"its check is wrong\"
  livezone force auto web web-1                   its checks decide again

A forced state beats the checks for --for, else for 4h; with --for 0 it lasts until auto.";

/// Which instance.
#[derive(Args, Debug)]
pub(super) struct Instance {
    /// The service: web, or web.service.internal where several zones have it
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    service: String,
    /// The instance's id, as `livezone status` shows it
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    id: String,
}

/// An order that is given or ended.
#[derive(Args, Debug)]
pub(super) struct Switch {
    #[command(flatten)]
    instance: Instance,
    /// Why, for those who look at it later
    #[arg(long, value_name = "TEXT", required_unless_present = "off")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    reason: Option<String>,
    /// End it
    #[arg(long, conflicts_with = "reason")]
    off: bool,
    #[command(flatten)]
    at: At,
}

#[derive(Args, Debug)]
pub(super) struct Force {
    #[arg(value_enum)]
    state: State,
    #[command(flatten)]
    instance: Instance,
    /// Why, for those who look at it later
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// How long, such as 30m; 0 is until auto [default: 4h]
    #[arg(long = "for", value_name = "DURATION", value_parser = lasting)]
    lasting: Option<String>,
    #[command(flatten)]
    at: At,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    /// Not answered, whatever its checks say
    Down,
    /// Answered, whatever its checks say
    Up,
    /// As its checks say
    Auto,
}

fn lasting(text: &str) -> Result<String, String> {
    match duration::parse(text) {
        None if text != "0" => Err("write a duration, like 30m or 4h, or 0 for no end".to_owned()),
        Some(_) | None => Ok(text.to_owned()),
    }
}

pub(super) fn switch(
    order: &str,
    arguments: &Switch,
    environment: &Environment,
) -> Result<Verdict, Failure> {
    let enable = if arguments.off { "false" } else { "true" };
    let reason = arguments.reason.as_deref().unwrap_or_default();
    let query = [("enable", enable), ("reason", reason)];
    give((order, &arguments.instance), &query, (&arguments.at, environment))
}

pub(super) fn force(arguments: &Force, environment: &Environment) -> Result<Verdict, Failure> {
    let state = match arguments.state {
        State::Down => "down",
        State::Up => "up",
        State::Auto => "auto",
    };
    let reason = arguments.reason.as_deref().unwrap_or_default();
    if let (State::Auto, Some(_)) = (arguments.state, &arguments.lasting) {
        let error = anyhow!("--for says how long down or up lasts: auto has no end");
        return Err(Failure::new(Verdict::Usage, error));
    }
    let lasting = arguments.lasting.as_deref().unwrap_or_default();
    let query = [("state", state), ("reason", reason), ("for", lasting)];
    give(("force", &arguments.instance), &query, (&arguments.at, environment))
}

/// Gives the order, and shows how the instance stands then.
fn give(
    (order, Instance { service, id }): (&str, &Instance),
    query: &[(&str, &str)],
    (at, environment): (&At, &Environment),
) -> Result<Verdict, Failure> {
    let client = Client::find(at, environment)?;
    let path = ["livezone", order, service, id];
    let if_unknown = "`livezone status` lists services and the ids of their instances";
    client.put(&Request { path: &path, query, if_unknown, ..Request::default() })?;
    // The order holds, also when this cannot be shown.
    say(&status::of_instance(&client, service, id).unwrap_or_default());
    Ok(Verdict::Good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forced_state_lasts_for_a_duration_or_without_end() {
        for (written, valid) in
            [("30m", true), ("1h30m", true), ("0", true), ("30", false), ("soon", false)]
        {
            assert_eq!(lasting(written).is_ok(), valid, "{written}");
        }
    }
}
