//! Keeps the first complaints about each file, and counts the others.
//!
//! A file may have a million mistakes, and there may be a million files. What is kept, shown and
//! logged stays small whatever they hold, and no complaint is lost from the count.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Severity};
use crate::model::origin::Origin;

/// Complaints of one severity about one file that are kept, and shown by `check`. Whoever has
/// mended so many has seen what the others are.
pub const MOST_OF_FILE: usize = 100;

/// The same in the log, in `/health/ready` and in `status`, where others wait for their turn.
pub const FEW_OF_FILE: usize = 20;

/// Complaints about all files together: a folder of broken files is one mistake, or a few.
const MOST_IN_ALL: usize = 1000;

/// Complaints, of each file and severity at most a number that is given.
#[derive(Debug)]
pub struct Complaints {
    most_of_file: usize,
    kept: Vec<Diagnostic>,
    files: BTreeMap<Arc<Path>, [Count; 2]>,
    /// Of files of which nothing is shown, by severity: how many complaints, and of how many files.
    elsewhere: [(usize, usize); 2],
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    kept: usize,
    more: usize,
}

impl Default for Complaints {
    fn default() -> Self {
        Self::new(MOST_OF_FILE)
    }
}

impl Complaints {
    pub fn new(most_of_file: usize) -> Self {
        Self { most_of_file, kept: Vec::new(), files: BTreeMap::new(), elsewhere: [(0, 0); 2] }
    }

    /// The complaints of `all`, as far as there is room for them.
    pub fn few<'d>(all: impl IntoIterator<Item = &'d Diagnostic>) -> Vec<Diagnostic> {
        let mut few = Self::new(FEW_OF_FILE);
        all.into_iter().for_each(|complaint| few.push(complaint));
        few.into_vec()
    }

    pub fn push(&mut self, complaint: &Diagnostic) {
        let Diagnostic { path, severity, more, elsewhere, .. } = complaint;
        match more {
            Some(more) if *elsewhere > 0 => {
                let (count, files) = &mut self.elsewhere[usize::from(*severity != Severity::Error)];
                *count += more;
                *files += elsewhere;
            }
            Some(more) => self.count(path, *severity).more += more,
            None => self.push_with(path, *severity, || complaint.clone()),
        }
    }

    /// Counts a complaint, and has it made only when there is room for it.
    pub fn push_with(
        &mut self,
        path: &Arc<Path>,
        severity: Severity,
        make: impl FnOnce() -> Diagnostic,
    ) {
        let room = self.kept.len() < MOST_IN_ALL;
        let most_of_file = self.most_of_file;
        let count = self.count(path, severity);
        if room && count.kept < most_of_file {
            count.kept += 1;
            self.kept.push(make());
        } else {
            count.more += 1;
        }
    }

    fn count(&mut self, path: &Arc<Path>, severity: Severity) -> &mut Count {
        if !self.files.contains_key(path) {
            self.files.insert(Arc::clone(path), Default::default());
        }
        let [errors, warnings] = self.files.entry(Arc::clone(path)).or_default();
        match severity {
            Severity::Error => errors,
            Severity::Warning => warnings,
        }
    }

    /// Those kept in the order of files and places; after those of each file how many more it has,
    /// and at the very end how many the files have of which there was no room for any.
    pub fn into_vec(self) -> Vec<Diagnostic> {
        let Self { mut kept, files, mut elsewhere, .. } = self;
        for (path, counts) in files {
            let shown = counts.iter().any(|count| count.kept > 0);
            let severities = [Severity::Error, Severity::Warning];
            for ((count, severity), (more, of)) in counts.iter().zip(severities).zip(&mut elsewhere)
            {
                match count.more {
                    0 => {}
                    count if shown => kept.push(Diagnostic::more(&path, severity, count)),
                    count => {
                        *more += count;
                        *of += 1;
                    }
                }
            }
        }
        kept.sort_by(|a, b| order(a).cmp(&order(b)));
        let [errors, warnings] = elsewhere;
        for ((more, files), severity) in [(errors, Severity::Error), (warnings, Severity::Warning)]
        {
            if more > 0 {
                kept.push(Diagnostic::more_elsewhere(files, severity, more));
            }
        }
        kept
    }
}

/// The complaints of each source, each with room of its own.
#[derive(Debug)]
pub struct ByOrigin {
    most_of_file: usize,
    origins: BTreeMap<Origin, Complaints>,
}

impl ByOrigin {
    pub fn new(most_of_file: usize) -> Self {
        Self { most_of_file, origins: BTreeMap::new() }
    }

    pub fn of(&mut self, origin: Origin) -> &mut Complaints {
        self.origins.entry(origin).or_insert_with(|| Complaints::new(self.most_of_file))
    }

    /// As [`Complaints::into_vec`], source by source.
    pub fn into_vec(self) -> Vec<Diagnostic> {
        let of_one = |(origin, complaints): (Origin, Complaints)| {
            let all = complaints.into_vec().into_iter();
            all.map(move |complaint| Diagnostic { origin, ..complaint })
        };
        self.origins.into_iter().flat_map(of_one).collect()
    }
}

impl Extend<Diagnostic> for Complaints {
    fn extend<T: IntoIterator<Item = Diagnostic>>(&mut self, all: T) {
        for complaint in all {
            self.push(&complaint);
        }
    }
}

fn order(complaint: &Diagnostic) -> (&Path, bool, usize) {
    let Diagnostic { path, more, span, .. } = complaint;
    (path, more.is_some(), span.as_ref().map_or(0, |span| span.start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(file: &str, place: usize, severity: Severity) -> Diagnostic {
        let path = Path::new(file).into();
        let error = Diagnostic::error(&path, &"x".repeat(20).into(), place..place, "wrong");
        Diagnostic { severity, ..error }
    }

    fn errors(file: &str, count: usize) -> impl Iterator<Item = Diagnostic> {
        (0..count).map(move |place| at(file, place % 20, Severity::Error))
    }

    #[test]
    fn what_there_is_no_room_for_is_counted_after_the_others_of_its_file() {
        let mut complaints = Complaints::new(2);
        complaints.extend(errors("b", 3));
        complaints.push(&at("b", 0, Severity::Warning));
        complaints.extend(errors("a", 2));
        let kept: Vec<_> = complaints.into_vec().iter().map(Diagnostic::short).collect();
        let wanted = [
            "a:1:1: wrong",
            "a:1:2: wrong",
            "b:1:1: wrong",
            "b:1:1: wrong",
            "b:1:2: wrong",
            "b: 1 more error in this file",
        ];
        assert_eq!(kept, wanted);
    }

    #[test]
    fn a_million_complaints_cost_no_more_than_a_hundred() {
        let mut complaints = Complaints::default();
        let (path, mut made) = (Path::new("a").into(), 0);
        for _ in 0..1_000_000 {
            complaints.push_with(&path, Severity::Error, || {
                made += 1;
                at("a", 0, Severity::Error)
            });
        }
        assert_eq!(made, MOST_OF_FILE);
        let kept = complaints.into_vec();
        assert_eq!(kept.len(), MOST_OF_FILE + 1);
        assert_eq!(kept[MOST_OF_FILE].message, "999,900 more errors in this file");
        assert_eq!(kept.iter().map(Diagnostic::count).sum::<usize>(), 1_000_000);
    }

    #[test]
    fn many_files_share_one_limit_and_the_last_line_counts_the_rest() {
        let mut complaints = Complaints::default();
        for file in 0..5000 {
            complaints.extend(errors(&format!("{file:04}"), 3));
        }
        complaints.push(&at("9999", 0, Severity::Warning));
        let kept = complaints.into_vec();
        let [.., errors, warnings] = &kept[..] else { panic!("{} are kept", kept.len()) };
        assert_eq!(errors.short(), "13,998 more errors in 4,666 other files");
        assert_eq!(warnings.short(), "1 more warning in 1 other file");
        assert!(kept.len() <= MOST_IN_ALL + 4, "{}", kept.len());
        assert_eq!(kept.iter().map(Diagnostic::count).sum::<usize>(), 15_001);
    }

    #[test]
    fn collected_again_with_less_room_the_count_stays_exact() {
        let mut first = Complaints::default();
        first.extend(errors("a", 1234));
        let few = Complaints::few(&first.into_vec());
        assert_eq!(few.len(), FEW_OF_FILE + 1);
        assert_eq!(few[FEW_OF_FILE].message, "1,214 more errors in this file");
        assert_eq!(Complaints::few(&few), few);
        let mut many = Complaints::default();
        (0..5000).for_each(|file| many.extend(errors(&format!("{file:04}"), 3)));
        let many = many.into_vec();
        assert_eq!(Complaints::few(&many).last(), many.last());
    }
}
