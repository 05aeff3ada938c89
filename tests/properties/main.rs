//! What holds for any sequence of changed files, outcomes and time: properties of `engine::turn`
//! and of the answers made from what it publishes.
#![expect(clippy::unwrap_used, reason = "tests")]

mod files;
mod growth;
mod large;
mod registering;
mod scale;
mod slices;
mod world;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::files::{File, contents};
use crate::world::{Driver, names};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    /// A file is complete.
    Write(usize, File),
    /// A file is complete that cannot be read.
    Break(usize),
    /// A file vanishes.
    Remove(usize),
    /// So many of the runs in flight end, each with the finding that its number draws.
    End(Vec<u8>),
    /// Time passes, in milliseconds.
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let file = || 0..files::PATHS.len();
    let step = prop_oneof![
        3 => (file(), contents()).prop_map(|(at, file)| Step::Write(at, file)),
        1 => file().prop_map(Step::Break),
        1 => file().prop_map(Step::Remove),
        4 => vec(any::<u8>(), 1..6).prop_map(Step::End),
        3 => (1..4000u64).prop_map(Step::Pass),
    ];
    vec(step, 1..40)
}

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, cases: 96, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    /// After each turn the answers are those of what is registered and fit at that moment:
    /// `Driver::check` has the list.
    #[test]
    fn answers_follow_what_is_registered_and_fit(
        loaded in vec(contents(), 0..3), steps in steps(), most in 1usize..6, seed: u64,
    ) {
        let loaded: Vec<_> = loaded.into_iter().enumerate().collect();
        let mut driver = Driver::start(&loaded, most, seed)?;
        driver.check()?;
        for step in steps {
            match step {
                Step::Write(at, file) => driver.write(at, &file)?,
                Step::Break(at) => driver.break_file(at)?,
                Step::Remove(at) => driver.remove(at)?,
                Step::End(draws) => driver.end(&draws)?,
                Step::Pass(time) => driver.pass(time)?,
            }
            driver.check()?;
        }
    }

    /// Whatever the way was, the answers are those of a world that only ever saw the last files,
    /// once every check has passed for long enough. The order of arrival does not matter.
    #[test]
    fn a_long_way_ends_where_a_short_one_does(
        loaded in vec(contents(), 0..3), steps in steps(), most in 1usize..6, seed: u64,
    ) {
        let loaded: Vec<_> = loaded.into_iter().enumerate().collect();
        let mut long = Driver::start(&loaded, most, seed)?;
        for step in steps {
            match step {
                Step::Write(at, file) => long.write(at, &file)?,
                Step::Break(at) => long.break_file(at)?,
                Step::Remove(at) => long.remove(at)?,
                Step::End(draws) => long.end(&draws)?,
                Step::Pass(time) => long.pass(time)?,
            }
        }
        let mut last: Vec<_> = long.files().collect();
        last.reverse();
        let mut short = Driver::start(&last, 4, seed.wrapping_add(1))?;
        let mut late = Driver::start(&[], 4, seed.wrapping_add(2))?;
        for (at, file) in &last {
            late.write(*at, file)?;
        }
        for driver in [&mut long, &mut short, &mut late] {
            driver.settle()?;
        }
        for name in names() {
            let [long, short, late] = [&mut long, &mut short, &mut late].map(|d| d.everything(&name));
            prop_assert_eq!(&long, &short, "{}, against a world of the last files", name);
            prop_assert_eq!(&short, &late, "{}, against files that came one by one", name);
        }
    }
}
