//! `livezone pass`, `warn` and `fail`: a service's own word on its TTL check.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::json;

use crate::cli::client::{At, Client, Request};
use crate::cli::settings::Environment;
use crate::cli::{Failure, Verdict};

pub(super) const EXAMPLES: &str = "\
Examples:
  livezone pass service:job-1
  livezone warn service:job-1 --output \"queue is at 90 %\"
  livezone fail service:job-1 --output \"no database\"

A check without an id of its own is called service:ID after its service's id, or service:ID:1,
service:ID:2 and so on where there are several. Nothing is printed when the server took it.";

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The check's id
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    check: String,
    /// What `livezone status` shows of it
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    output: String,
    #[command(flatten)]
    at: At,
}

pub(super) fn run(
    status: &str,
    arguments: &Arguments,
    environment: &Environment,
) -> Result<Verdict, Failure> {
    let request = Request {
        path: &["agent", "check", "update", &arguments.check],
        body: json!({ "Status": status, "Output": arguments.output }).to_string(),
        if_unknown: "`livezone status --json` lists the ids of checks; their kind must be \"ttl\"",
        ..Request::default()
    };
    Client::find(&arguments.at, environment)?.put(&request)?;
    Ok(Verdict::Good)
}
