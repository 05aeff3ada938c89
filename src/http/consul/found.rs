//! The instances of the zone as they are discovered over HTTP: what their checks say agrees with
//! whether they are served.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::engine::registrations::view::AgentView;
use crate::http::consul::node::Node;
use crate::http::consul::shapes::CheckJson;
use crate::http::consul::standing::{Said, initial, said};
use crate::model::agent::{AgentCheck, AgentService, TaggedAddress};
use crate::model::health::{Condition, Verdict};
use crate::model::service::{Endpoint, Instance, Tag, Weights};
use crate::snapshot::service::ServiceView;
use crate::snapshot::shown::CheckShown;

/// An instance of any source.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    view: &'a ServiceView,
    place: usize,
    instance: &'a Instance,
    /// Its own words, if it was registered over HTTP.
    agent: Option<&'a AgentService>,
}

/// In the order registered.
pub(super) fn instances<'a>(
    view: &'a ServiceView,
    agent: &'a AgentView,
) -> impl Iterator<Item = Found<'a>> {
    let name = &view.service.key.name;
    view.service.instances.iter().enumerate().map(move |(place, instance)| Found {
        view,
        place,
        instance,
        agent: agent.instance(name, &instance.id),
    })
}

impl<'a> Found<'a> {
    pub(super) fn id(&self) -> &'a str {
        self.agent.map_or_else(|| self.instance.id.as_str(), |agent| &agent.id)
    }

    pub(super) fn service(&self) -> &'a str {
        self.agent.map_or_else(|| self.view.service.key.name.as_str(), |agent| &agent.name)
    }

    pub(super) fn tags(&self) -> Vec<&'a str> {
        match self.agent {
            Some(agent) => agent.tags.iter().map(|tag| &**tag).collect(),
            None => self.instance.tags.iter().map(Tag::as_str).collect(),
        }
    }

    /// In any case.
    pub(super) fn has_tag(&self, wanted: &str) -> bool {
        self.instance.tags.iter().any(|tag| tag.as_str().eq_ignore_ascii_case(wanted))
    }

    pub(super) fn meta(&self) -> BTreeMap<&'a str, &'a str> {
        let of_service = self.agent.is_none().then_some(&self.view.service.meta);
        let own = self.agent.map(|agent| &agent.meta).or(self.instance.meta.as_deref());
        let pairs = of_service.into_iter().chain(own).flatten();
        pairs.map(|(key, value)| (&**key, &**value)).collect()
    }

    pub(super) fn port(&self) -> u16 {
        self.agent.map_or_else(|| self.instance.port.unwrap_or(0), |agent| agent.port)
    }

    pub(super) fn weights(&self) -> Weights {
        self.agent.map_or(self.instance.weights, |agent| agent.weights)
    }

    pub(super) fn enable_tag_override(&self) -> bool {
        self.agent.is_some_and(|agent| agent.enable_tag_override)
    }

    /// As it was registered; of several addresses the first that is served.
    pub(super) fn address(&self) -> Cow<'a, str> {
        match self.agent {
            Some(agent) => Cow::Borrowed(&agent.address),
            None => Cow::Owned(self.best(|_| true).map(ToString::to_string).unwrap_or_default()),
        }
    }

    /// Those that were registered; of an instance with both families one of each.
    pub(super) fn tagged_addresses(&self) -> Cow<'a, BTreeMap<String, TaggedAddress>> {
        if let Some(agent) = self.agent {
            return Cow::Borrowed(&agent.tagged_addresses);
        }
        let families = [
            ("lan_ipv4", self.best(|endpoint| endpoint.address().is_some_and(|a| a.is_ipv4()))),
            ("lan_ipv6", self.best(|endpoint| endpoint.address().is_some_and(|a| a.is_ipv6()))),
        ];
        let [(_, Some(_)), (_, Some(_))] = families else { return Cow::default() };
        let port = self.port();
        let tagged = families.into_iter().filter_map(|(key, endpoint)| {
            let address = endpoint.and_then(Endpoint::address).as_ref().map(IpAddr::to_string)?;
            Some((key.to_owned(), TaggedAddress { address, port }))
        });
        Cow::Owned(tagged.collect())
    }

    fn best(&self, is_wanted: impl Fn(&Endpoint) -> bool) -> Option<&'a Endpoint> {
        let targets = || {
            let all = self.view.targets_of(self.place).iter();
            all.filter(|target| is_wanted(&target.endpoint))
        };
        let eligible = targets().find(|target| self.view.is_eligible(target));
        eligible.or_else(|| targets().next()).map(|target| &target.endpoint)
    }

    fn condition(&self) -> Condition {
        let state = self.view.shown.instances.get(self.place);
        state.map_or(Condition::Unknown, |state| state.condition)
    }

    /// How it stands as a whole.
    pub(super) fn verdict(&self) -> Verdict {
        self.condition().verdict()
    }

    /// Its checks and those of the node. The worst of them is how it stands: another check says what
    /// they do not, and none is worse than an instance that is served all the same.
    pub(super) fn checks(&self, agent: &'a AgentView, node: &'a Node) -> Vec<CheckJson<'a>> {
        let mut checks = match self.agent {
            Some(service) => {
                let own = service.checks.iter().map(|check| (Some(service), check));
                let of_node = agent.checks.iter().map(|(_, check)| (None, &**check));
                let all = own.chain(of_node);
                all.map(|(of, check)| CheckJson::new(check, of, node, self.said(check))).collect()
            }
            None => self.of_file(node),
        };
        let worst = checks.iter().map(CheckJson::status).max().unwrap_or(Verdict::Passing);
        let stands = self.verdict();
        if stands > worst {
            checks.push(self.beside(node));
        }
        checks.into_iter().map(|check| check.at_worst(stands)).collect()
    }

    /// How the node's check stands, if it counts for this instance.
    pub(super) fn of_node(&self, check: &AgentCheck) -> Option<Said> {
        self.agent?;
        self.shown(&check.id).map(said)
    }

    fn shown(&self, id: &str) -> Option<&'a CheckShown> {
        self.view.shown.checks_of(self.place).find(|shown| *shown.id == *id)
    }

    fn said(&self, check: &AgentCheck) -> Said {
        self.shown(&check.id).map_or_else(|| initial(check), said)
    }

    fn named(&self) -> (&'a str, &'a str, Vec<&'a str>) {
        (self.id(), self.service(), self.tags())
    }

    fn of_file(&self, node: &'a Node) -> Vec<CheckJson<'a>> {
        let checks = self.view.shown.checks_of(self.place);
        let one = |shown: &'a CheckShown| {
            let check = self.instance.checks.iter().find(|check| check.id == shown.id);
            CheckJson::of_file(shown, check, node, self.named())
        };
        checks.map(one).collect()
    }

    /// What an operator ordered, or another reason that no single check has.
    fn beside(&self, node: &'a Node) -> CheckJson<'a> {
        let targets = self.view.targets_of(self.place);
        let reason = targets.iter().find_map(|target| target.standing.reason.as_deref());
        CheckJson::beside(self.named(), node, (self.condition(), reason.unwrap_or_default()))
    }
}
