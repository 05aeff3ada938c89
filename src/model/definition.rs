//! Registrations as written: what a file says of services, checked key by key, with the place of
//! each thing that another file may yet contradict. Defaults are applied by `registry`.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::model::check::Kind;
use crate::model::health::Verdict;
use crate::model::name::Label;
use crate::model::service::{InstanceId, Location, Tag, Weights};
use crate::model::zone::{TtlSetting, WhenUnhealthy};

#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    pub path: Arc<Path>,
    /// Its text, for the carets of complaints that other files cause.
    pub text: Arc<str>,
    pub services: Vec<Arc<ServiceDefinition>>,
}

impl Document {
    /// What a file says. Tags come in the same few lists again and again: each is kept once.
    pub fn new(path: Arc<Path>, text: Arc<str>, mut services: Vec<ServiceDefinition>) -> Self {
        let mut lists = TagLists::default();
        for instance in services.iter_mut().flat_map(|service| &mut service.instances) {
            sort(&mut instance.tags);
            instance.tags = lists.share(&instance.tags);
        }
        let mut services: Vec<_> = services.into_iter().map(Arc::new).collect();
        services.sort_by(|a, b| a.name.value.cmp(&b.name.value));
        // The list of pointers stands where the services stood, in a fraction of the room.
        services.shrink_to_fit();
        Self { path, text, services }
    }

    pub fn of(&self, name: &Label) -> &[Arc<ServiceDefinition>] {
        let start = self.services.partition_point(|service| service.name.value < *name);
        let from_there = self.services.get(start..).unwrap_or(&[]);
        let many = from_there.iter().take_while(|service| service.name.value == *name).count();
        from_there.get(..many).unwrap_or(&[])
    }
}

/// In the order of the catalogue, so that a list can be taken from here as it is.
fn sort(tags: &mut Arc<[Tag]>) {
    if tags.is_sorted() {
        return;
    }
    let mut sorted = tags.to_vec();
    sorted.sort_unstable();
    *tags = sorted.into();
}

/// Lists of tags, those that are equal once.
#[derive(Debug, Default)]
pub struct TagLists(HashSet<Arc<[Tag]>>);

impl TagLists {
    /// The list that equals `list`; this one where there was none.
    pub fn share(&mut self, list: &Arc<[Tag]>) -> Arc<[Tag]> {
        if let Some(same) = self.0.get(list) {
            return Arc::clone(same);
        }
        self.0.insert(Arc::clone(list));
        Arc::clone(list)
    }
}

/// A value and the octets of the text that say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed<T> {
    pub value: T,
    pub span: Range<usize>,
}

impl<T> Placed<T> {
    /// `value`, said at `span`.
    pub fn new(value: T, span: Range<usize>) -> Self {
        Self { value, span }
    }
}

/// Octets of a text in half the room of a range, for what there are very many of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    pub fn octets(self) -> Range<usize> {
        let place = |at| usize::try_from(at).unwrap_or(usize::MAX);
        place(self.start)..place(self.end)
    }
}

/// What stands beyond 4 GB is pointed at from there: nobody writes such a file.
impl From<Range<usize>> for Span {
    fn from(octets: Range<usize>) -> Self {
        let place = |at| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: place(octets.start), end: place(octets.end) }
    }
}

/// A service as one file writes it; what is left out is `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceDefinition {
    pub name: Placed<Label>,
    /// Keys that the service has once, whichever file says them first.
    pub port: Option<Placed<u16>>,
    /// Carried by every instance of the service, like every key above and below: the first file
    /// that writes one says it for all.
    pub tags: Vec<Tag>,
    pub meta: Option<Placed<BTreeMap<String, String>>>,
    /// While all is settled.
    pub ttl: Option<Placed<TtlSetting>>,
    /// While suspect.
    pub min_ttl: Option<Placed<Duration>>,
    /// When nothing is eligible.
    pub when_unhealthy: Option<Placed<WhenUnhealthy>>,
    /// 0 is no limit.
    pub max_answers: Option<Placed<usize>>,
    pub checks: Vec<CheckDefinition>,
    pub instances: Box<[InstanceDefinition]>,
    /// Where the first of its script checks stands, if it has any: `[health] script_checks` decides
    /// whether such a definition is taken.
    pub script: Option<Range<usize>>,
    /// The ids that its alias checks name, as written.
    pub aliases: Box<[Placed<Box<str>>]>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct InstanceDefinition {
    /// Given or derived (`<service>-<address with dashes>[-<port>]`).
    pub id: InstanceId,
    /// Where the id stands; of one that is derived, the instance.
    pub id_span: Span,
    /// Its addresses, or the host of an external instance.
    pub location: Location,
    pub port: Option<u16>,
    /// Added to the service's; sorted.
    pub tags: Arc<[Tag]>,
    /// Left out: 1 and 1.
    pub weights: Weights,
    /// Left out: 0.
    pub priority: u16,
    /// Its own TXT, where it has any.
    pub meta: Option<Arc<BTreeMap<String, String>>>,
    pub checks: Box<[CheckDefinition]>,
}

/// There are very many of them: what grows here grows by megabytes.
const _: () = assert!(size_of::<InstanceDefinition>() <= 112);

#[derive(Clone, Debug, PartialEq)]
pub struct CheckDefinition {
    /// Given or derived from what it asks; unique in its list.
    pub id: Arc<str>,
    /// How it asks.
    pub kind: Arc<Kind>,
    pub policy: PolicyDefinition,
    /// `status`.
    pub initial: Option<Verdict>,
}

/// Times and thresholds where they are written; the rest is inherited from `[health]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyDefinition {
    pub interval: Option<Duration>,
    pub timeout: Option<Duration>,
    pub fast_interval: Option<Duration>,
    pub failures_before_critical: Option<u32>,
    pub failures_before_warning: Option<u32>,
    pub success_before_passing: Option<u32>,
    pub immediate_status: Option<Vec<u16>>,
    pub deregister_after: Option<Duration>,
}
