//! Asks name servers as fast as one core can, in the ways that `run` needs.
//!
//! - `load ready ADDRESS QUESTIONS SECONDS`: waits until names of the file have answers.
//! - `load slices QUESTIONS TARGET...`: goes round all targets in short slices; see `slices`.
//! - `load flood QUESTIONS TARGET`: sends at a rate whatever comes back; see `flood`.
//! - `load cpu PID`: nanoseconds on a core, until now.
//! - `load latency QUESTIONS TARGET`: few questions outstanding, each timed; see `latency`.
//!
//! QUESTIONS is a file of lines `NAME TYPE`, as dnsperf reads it; they are asked in order, over and
//! over. A TARGET is `NAME=ADDRESS=PID`: the CPU time is that of the process and of all its children.
//! Options are `--key value`. What is printed are lines of words and numbers, tabs between them.
#![expect(clippy::disallowed_methods, reason = "who measures reads the clock")]

mod flood;
mod latency;
mod process;
mod questions;
mod ready;
mod slices;
mod window;

use std::net::SocketAddr;

use process::Family;

/// A server to measure.
pub struct Target {
    pub name: String,
    pub address: SocketAddr,
    pub family: Family,
}

/// The words of the command line: those that stand alone, and `--key value`.
pub struct Words {
    alone: Vec<String>,
    keyed: Vec<(String, String)>,
}

impl Words {
    fn read(mut all: impl Iterator<Item = String>) -> Self {
        let mut words = Self { alone: Vec::new(), keyed: Vec::new() };
        while let Some(word) = all.next() {
            match word.strip_prefix("--") {
                Some(key) => {
                    let value = all.next().unwrap_or_else(|| panic!("--{key} wants a value"));
                    words.keyed.push((key.to_owned(), value));
                }
                None => words.alone.push(word),
            }
        }
        words
    }

    /// The option's text, or what is meant without it.
    pub fn text<'w>(&'w self, key: &str, without: &'w str) -> &'w str {
        self.keyed.iter().rfind(|(k, _)| k == key).map_or(without, |(_, value)| value)
    }

    /// The option's number, or what is meant without it.
    pub fn number(&self, key: &str, without: f64) -> f64 {
        let text = self.text(key, "");
        if text.is_empty() {
            return without;
        }
        text.parse().unwrap_or_else(|_| panic!("--{key} {text} is no number"))
    }

    fn targets(&self) -> Vec<Target> {
        self.alone.iter().skip(2).map(|word| target(word)).collect()
    }
}

fn target(word: &str) -> Target {
    let mut parts = word.split('=');
    let (Some(name), Some(address), Some(pid)) = (parts.next(), parts.next(), parts.next()) else {
        panic!("{word} is not NAME=ADDRESS=PID")
    };
    let address = address.parse().unwrap_or_else(|_| panic!("{address} is no address"));
    let pid = pid.parse().unwrap_or_else(|_| panic!("{pid} is no process id"));
    Target { name: name.to_owned(), address, family: Family::of(pid) }
}

fn main() {
    let words = Words::read(std::env::args().skip(1));
    let alone: Vec<&str> = words.alone.iter().map(String::as_str).collect();
    match alone.as_slice() {
        ["ready", address, questions, seconds] => ready::until(address, questions, seconds),
        ["cpu", pid] => println!("{}", Family::of(pid.parse().expect("an id")).nanoseconds()),
        ["slices", questions, _, ..] => slices::run(questions, words.targets(), &words),
        ["flood", questions, one] => flood::run(questions, &target(one), &words),
        ["latency", questions, one] => latency::run(questions, &target(one), &words),
        _ => panic!("load ready|cpu|slices|flood|latency …: see the head of its source"),
    }
}
