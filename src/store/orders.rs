//! The operators' orders, kept twice: each line has a checksum, and either copy suffices.
//!
//! A line is its checksum, the generation of the list, the line's place, the last place, and the
//! text. Place 0 has no text: so an empty list is a line too.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::io::{self, Write};
use std::iter;
use std::path::{Path, PathBuf};

use siphasher::sip::SipHasher24;

use crate::store::file;
use crate::store::registrations::Problem;

const COPIES: [&str; 2] = ["orders.1", "orders.2"];
/// A line is a few hundred octets, and an order is given by hand.
const MOST: u64 = 16 << 20;

#[derive(Debug, Default, PartialEq, Eq)]
struct List {
    last: usize,
    lines: BTreeMap<usize, String>,
}

#[derive(Debug)]
pub(super) struct Orders {
    copies: [PathBuf; 2],
    generation: u64,
}

impl Orders {
    /// The lists of the highest generation that is whole, taken together from both copies. A copy
    /// with damage is renamed, and both are written anew.
    pub(super) fn open(directory: &Path, problems: &mut Vec<Problem>) -> (Self, Vec<String>) {
        let copies = COPIES.map(|name| directory.join(name));
        let mut lists = BTreeMap::<u64, List>::new();
        let mut whole = [false, false];
        for (path, whole) in copies.iter().zip(&mut whole) {
            match read(path, &mut lists) {
                Ok(is_whole) => *whole = is_whole,
                Err(error) => problems.push(error),
            }
        }
        let mut orders = Self { copies, generation: lists.keys().last().copied().unwrap_or(0) };
        let several = lists.len() > 1;
        let Some(list) = best(lists) else { return (orders, Vec::new()) };
        let lost = (list.last + 1).saturating_sub(list.lines.len());
        let lines: Vec<_> = list.lines.into_iter().filter(|(at, _)| *at > 0).map(|l| l.1).collect();
        if lost > 0 {
            problems.push(Problem::OrdersLost { lost });
        }
        if (several || whole != [true, true])
            && let Err((path, error)) = orders.replace(&lines)
        {
            problems.push(Problem::Write { path, why: error.to_string() });
        }
        (orders, lines)
    }

    /// Both copies, one after the other. After a failure the old list is what the next start reads.
    pub(super) fn replace(&mut self, lines: &[String]) -> Result<(), (PathBuf, io::Error)> {
        let failed = |path: &Path, error| Err((path.to_owned(), error));
        let [first, second] = &self.copies;
        if lines.iter().any(|line| line.contains('\n')) {
            return failed(first, io::Error::other("an order is a single line"));
        }
        self.generation += 1;
        let text = text(self.generation, lines);
        for path in [first, second] {
            if let Err(error) = file::replace(path, |file| file.write_all(text.as_bytes())) {
                // The second copy still holds what was acknowledged.
                let _ = std::fs::remove_file(first);
                return failed(path, error);
            }
        }
        Ok(())
    }
}

fn text(generation: u64, lines: &[String]) -> String {
    let last = lines.len();
    let with_place = iter::once("").chain(lines.iter().map(String::as_str)).enumerate();
    let line = |(at, line)| {
        let line = format!("{generation} {at} {last} {line}");
        format!("{:016x} {line}\n", checksum(&line))
    };
    with_place.map(line).collect()
}

/// `SipHash`, because cookies need it anyway; its key is zero, because damage has no intentions.
fn checksum(line: &str) -> u64 {
    let mut hasher = SipHasher24::new();
    hasher.write(line.as_bytes());
    hasher.finish()
}

/// Adds the lines of a copy to the lists; whether the copy is there and every line of it is good.
fn read(path: &Path, lists: &mut BTreeMap<u64, List>) -> Result<bool, Problem> {
    let octets = match file::read(path, MOST) {
        Ok(octets) => octets,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(Problem::Read { path: path.to_owned(), why: error.to_string() }),
    };
    let is_file = octets.is_some();
    let text = String::from_utf8_lossy(&octets.unwrap_or_default()).into_owned();
    let (mut damaged, mut any) = (0, false);
    for line in text.lines() {
        match parse(line) {
            Some((generation, at, last, line)) => {
                let list = lists.entry(generation).or_default();
                list.last = last;
                list.lines.insert(at, line.to_owned());
                any = true;
            }
            None => damaged += 1,
        }
    }
    if is_file && any && damaged == 0 {
        return Ok(true);
    }
    let aside = file::with_suffix(path, "damaged");
    match file::rename(path, &aside) {
        Ok(()) => Err(Problem::OrdersDamaged { path: path.to_owned(), aside, damaged }),
        Err(error) => Err(Problem::Read { path: path.to_owned(), why: error.to_string() }),
    }
}

fn parse(line: &str) -> Option<(u64, usize, usize, &str)> {
    let (sum, line) = line.split_once(' ')?;
    if u64::from_str_radix(sum, 16).ok()? != checksum(line) {
        return None;
    }
    let mut parts = line.splitn(4, ' ');
    let generation = parts.next()?.parse().ok()?;
    let (at, last) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some((generation, at, last, parts.next()?))
}

/// The newest list that is whole, else what there is of the newest.
fn best(mut lists: BTreeMap<u64, List>) -> Option<List> {
    let is_whole = |list: &List| list.lines.len() == list.last + 1;
    let whole = lists.iter().rev().find(|(_, list)| is_whole(list)).map(|(of, _)| *of);
    let generation = whole.or_else(|| lists.keys().last().copied())?;
    lists.remove(&generation)
}
