//! The CPU time of a process and of its children.

use std::fs;

/// A process and all that it had started when it was looked at.
pub struct Family(Vec<u32>);

/// What the scheduler's clock tick has found, in ticks.
#[derive(Clone, Copy, Default)]
pub struct Ticks {
    pub user: u64,
    pub system: u64,
}

impl Family {
    pub fn of(pid: u32) -> Self {
        let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
            .expect("/proc")
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(|child| Some((child, field(&stat(child)?, 1)?.try_into().ok()?)))
            .collect();
        let mut all = vec![pid];
        let mut next = 0;
        while let Some(&parent) = all.get(next) {
            all.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(child, _)| child));
            next += 1;
        }
        Self(all)
    }

    /// Nanoseconds on a core. They are exact while the process sleeps: one that runs is charged
    /// when it stops or at a tick.
    pub fn nanoseconds(&self) -> u64 {
        self.0.iter().map(|pid| of_tasks(*pid)).sum()
    }

    pub fn ticks(&self) -> Ticks {
        let mut all = Ticks::default();
        for stat in self.0.iter().filter_map(|pid| stat(*pid)) {
            all.user += field(&stat, 11).unwrap_or(0);
            all.system += field(&stat, 12).unwrap_or(0);
        }
        all
    }
}

fn of_tasks(pid: u32) -> u64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return 0 };
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// What stands behind the name in `/proc/PID/stat`.
fn stat(pid: u32) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(") ")?.1.to_owned())
}

fn field(stat: &str, place: usize) -> Option<u64> {
    stat.split(' ').nth(place)?.parse().ok()
}
