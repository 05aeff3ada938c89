//! What people are shown of a service beside what is answered: how long an instance has stood as it
//! does, and what its checks said last. It is published with the service, so that whoever looks
//! needs nothing of the world.

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;

use crate::model::check::Kind;
use crate::model::health::Condition;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// One an instance, in the same order.
    pub instances: Arc<[InstanceState]>,
    /// With the place of the instance, in the order of these places.
    pub checks: Arc<[(usize, Arc<CheckShown>)]>,
}

impl Shown {
    /// The checks of the instance at `place`.
    pub fn checks_of(&self, place: usize) -> impl Iterator<Item = &CheckShown> {
        let start = self.checks.partition_point(|(instance, _)| *instance < place);
        let from_there = self.checks.get(start..).unwrap_or(&[]).iter();
        from_there.take_while(move |(instance, _)| *instance == place).map(|(_, check)| &**check)
    }
}

/// How an instance stands, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceState {
    pub condition: Condition,
    pub since: SystemTime,
}

/// One check. What it said last is replaced while it is shown: the one thing in a snapshot that does
/// not stay as it was, for no answer depends on it.
#[derive(Debug)]
pub struct CheckShown {
    pub id: Arc<str>,
    pub kind: Arc<Kind>,
    said: ArcSwap<LastOutput>,
}

/// What a check said last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastOutput {
    pub condition: Condition,
    /// `None` before the first outcome.
    pub output: Option<Arc<str>>,
}

impl CheckShown {
    pub fn new(id: Arc<str>, kind: Arc<Kind>, condition: Condition) -> Self {
        Self { id, kind, said: ArcSwap::from_pointee(LastOutput { condition, output: None }) }
    }

    pub fn said(&self) -> Arc<LastOutput> {
        self.said.load_full()
    }

    /// Shows this from now on; false when it is what was shown before, which costs a comparison.
    pub fn say(&self, condition: Condition, output: Option<&Arc<str>>) -> bool {
        let before = self.said.load();
        if before.condition == condition && before.output.as_ref() == output {
            return false;
        }
        self.said.store(Arc::new(LastOutput { condition, output: output.cloned() }));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::check::TcpCheck;

    fn check(id: &str) -> Arc<CheckShown> {
        let kind = Kind::Tcp(TcpCheck { port: None, tls: None });
        Arc::new(CheckShown::new(id.into(), Arc::new(kind), Condition::Unknown))
    }

    #[test]
    fn what_is_said_again_is_not_stored_again() {
        let check = check("a");
        let (well, same): (Arc<str>, Arc<str>) = ("well".into(), "well".into());
        assert!(check.say(Condition::Passing, Some(&well)));
        let before = check.said();
        assert!(!check.say(Condition::Passing, Some(&same)));
        assert!(Arc::ptr_eq(&before, &check.said()));
        assert!(check.say(Condition::Suspect, Some(&same)));
        assert!(check.say(Condition::Suspect, Some(&"ill".into())));
        let said = LastOutput { condition: Condition::Suspect, output: Some("ill".into()) };
        assert_eq!((&*check.said(), before.condition), (&said, Condition::Passing));
    }

    #[test]
    fn each_instance_has_its_own_checks() {
        let checks = [(0, "a"), (0, "b"), (2, "c")].map(|(place, id)| (place, check(id)));
        let shown = Shown { checks: checks.into(), ..Shown::default() };
        let ids = |place| shown.checks_of(place).map(|c| &*c.id).collect::<Vec<_>>();
        assert_eq!([ids(0), ids(1), ids(2), ids(3)], [vec!["a", "b"], vec![], vec!["c"], vec![]]);
    }
}
