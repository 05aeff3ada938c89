//! Reads a scenario into steps.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use livezone::model::check::CheckTarget;
use livezone::model::dns::Rtype;
use livezone::model::name::Name;

/// One step and the line that it begins in.
pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) action: Action,
}

/// What a step does or expects.
pub(crate) enum Action {
    Config(String),
    Zone(String),
    RemoveZone(String),
    File { path: String, text: String },
    Remove(String),
    Together(usize),
    Start,
    Finds { place: RunFilter, finding: Found },
    Pass(Duration),
    PassTo(Duration),
    Ask { asked: ScriptedQuery, expected: Vec<String> },
    AskOften { times: usize, asked: ScriptedQuery, expected: Vec<Share> },
    Complaint(String),
    Log(Vec<String>),
    Runs(Vec<String>),
    Started(RangeInclusive<usize>),
    Stopped(usize),
    Running(usize),
    Ready(bool),
    Serial(u32),
    State { service: String, instance: String, expected: String },
}

/// Which runs are meant.
#[derive(Clone, PartialEq)]
pub(crate) enum RunFilter {
    Everywhere,
    Target(CheckTarget),
    Path(CheckTarget, String),
}

/// What a run finds, and how long it takes.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) what: What,
    pub(crate) reason: Option<String>,
    pub(crate) takes: Duration,
}

#[derive(Clone)]
pub(crate) enum What {
    Passes,
    Warns,
    Fails,
    Answers(u16),
    Hangs,
    CannotBeAsked,
}

/// A question.
pub(crate) struct ScriptedQuery {
    pub(crate) name: String,
    pub(crate) rtype: Rtype,
    pub(crate) from: IpAddr,
    pub(crate) in_order: bool,
    pub(crate) within: Option<u16>,
    pub(crate) edns: bool,
}

/// What many answers have in common.
pub(crate) enum Share {
    /// How often the first record's data ends in this word.
    First(String, RangeInclusive<usize>),
    /// How often any record's does.
    Holds(String, RangeInclusive<usize>),
    /// How many records each has.
    Records(usize),
}

/// The steps of a scenario, or `line: what is wrong`.
pub(crate) fn read(text: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let mut block: Vec<&str> = Vec::new();
        while let Some((_, next)) = lines.next_if(|(_, l)| l.is_empty() || l.starts_with(' ')) {
            block.push(next);
        }
        let block: Vec<String> = unindent(&block);
        let action = action(line.trim_end(), block).map_err(|e| format!("{}: {e}", number + 1))?;
        steps.push(Step { line: number + 1, action });
    }
    Ok(steps)
}

fn unindent(block: &[&str]) -> Vec<String> {
    let filled = block.iter().filter(|line| !line.trim().is_empty());
    let indent = filled.map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    let mut lines: Vec<String> =
        block.iter().map(|line| line.get(indent..).unwrap_or("").trim_end().to_owned()).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

fn action(line: &str, block: Vec<String>) -> Result<Action, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let file = || block.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>();
    Ok(match &words[..] {
        ["config"] => Action::Config(file()),
        ["zone", apex] => Action::Zone((*apex).to_owned()),
        ["remove", "zone", apex] => Action::RemoveZone((*apex).to_owned()),
        ["file", path] => Action::File { path: (*path).to_owned(), text: file() },
        ["remove", path] => Action::Remove((*path).to_owned()),
        ["together"] => Action::Together(block.len()),
        ["start"] => Action::Start,
        ["after", time] => Action::Pass(duration(time)?),
        ["at", time] => Action::PassTo(duration(time)?),
        ["ask", times, "times", rest @ ..] => Action::AskOften {
            times: number(times)?,
            asked: asked(rest)?,
            expected: block.iter().map(|line| share(line)).collect::<Result<_, _>>()?,
        },
        ["ask", rest @ ..] => Action::Ask { asked: asked(rest)?, expected: block },
        ["complaint", ..] => Action::Complaint(line["complaint".len()..].trim().to_owned()),
        ["log"] => Action::Log(block),
        ["runs"] => Action::Runs(block),
        ["started", count] => Action::Started(range(count)?),
        ["stopped", count] => Action::Stopped(number(count)?),
        ["running", count] => Action::Running(number(count)?),
        ["ready"] => Action::Ready(true),
        ["not", "ready"] => Action::Ready(false),
        ["serial", steps] => Action::Serial(number(steps.trim_start_matches('+'))?),
        ["state", service, instance, rest @ ..] => Action::State {
            service: (*service).to_owned(),
            instance: (*instance).to_owned(),
            expected: rest.join(" "),
        },
        [place, ..] => {
            let finding = found(line[place.len()..].trim())?;
            Action::Finds { place: self::place(place)?, finding }
        }
        [] => return Err("no step".to_owned()),
    })
}

fn place(word: &str) -> Result<RunFilter, String> {
    if word == "everything" {
        return Ok(RunFilter::Everywhere);
    }
    let (address, path) = word.split_once('/').map_or((word, None), |(a, p)| (a, Some(p)));
    let target = target(address).ok_or_else(|| format!("{word:?} is no step"))?;
    Ok(match path {
        Some(path) => RunFilter::Path(target, format!("/{path}")),
        None => RunFilter::Target(target),
    })
}

/// `10.0.0.1:80` or `db.example.com:5432`.
fn target(text: &str) -> Option<CheckTarget> {
    if let Ok(address) = text.parse() {
        return Some(CheckTarget::Address(address));
    }
    let (host, port) = text.rsplit_once(':')?;
    Some(CheckTarget::Host { name: Name::parse_host(host).ok()?, port: port.parse().ok()? })
}

fn found(text: &str) -> Result<Found, String> {
    let (what, reason) = text.split_once(": ").map_or((text, None), |(w, r)| (w, Some(r)));
    let (what, takes) = match what.split_once(" after ") {
        Some((what, time)) => (what, duration(time)?),
        None => (what, Duration::ZERO),
    };
    let (what, usual) = match what.split_whitespace().collect::<Vec<_>>()[..] {
        ["passes"] => (What::Passes, "connected".to_owned()),
        ["warns"] => (What::Warns, "HTTP 429".to_owned()),
        ["fails"] => (What::Fails, "failed".to_owned()),
        ["refuses"] => (What::Fails, "connection refused".to_owned()),
        ["answers", status] => (What::Answers(number(status)?), format!("HTTP {status}")),
        ["hangs"] => (What::Hangs, "no answer in time".to_owned()),
        ["cannot", "be", "asked"] => (What::CannotBeAsked, "too many open files".to_owned()),
        _ => return Err(format!("{text:?} is nothing that a run finds")),
    };
    Ok(Found { what, reason: Some(reason.map_or(usual, str::to_owned)), takes })
}

fn asked(words: &[&str]) -> Result<ScriptedQuery, String> {
    let [name, rtype, options @ ..] = words else { return Err("ask NAME TYPE".to_owned()) };
    let rtype = match rtype.strip_prefix("TYPE") {
        Some(code) => Rtype(number(code)?),
        None => Rtype::from_mnemonic(rtype).ok_or_else(|| format!("{rtype:?} is no type"))?,
    };
    let mut asked = ScriptedQuery {
        name: (*name).to_owned(),
        rtype,
        from: IpAddr::from([127, 0, 0, 1]),
        in_order: false,
        within: None,
        edns: true,
    };
    for option in options.chunks(2) {
        match option {
            ["from", address] => {
                asked.from = address.parse().map_err(|_| format!("{address:?} is no address"))?;
            }
            ["in", "order"] => asked.in_order = true,
            ["within", octets] => asked.within = Some(number(octets)?),
            ["without", "EDNS"] => asked.edns = false,
            other => return Err(format!("{other:?} is no option of `ask`")),
        }
    }
    Ok(asked)
}

fn share(line: &str) -> Result<Share, String> {
    match line.split_whitespace().collect::<Vec<_>>()[..] {
        ["first", word, count] => Ok(Share::First(word.to_owned(), range(count)?)),
        ["holds", word, count] => Ok(Share::Holds(word.to_owned(), range(count)?)),
        ["records", count] => Ok(Share::Records(number(count)?)),
        _ => Err(format!("{line:?} is no statistic")),
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

fn range(text: &str) -> Result<RangeInclusive<usize>, String> {
    let (low, high) = text.split_once("..").unwrap_or((text, text));
    Ok(number(low)?..=number(high)?)
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| format!("{text:?} is no time"))
}
