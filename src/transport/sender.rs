//! What the rules say of a sender. The next message is often from the same one, and then that is known.

use std::net::IpAddr;
use std::sync::Arc;

use crate::snapshot::Rules;

/// What was found of the last sender.
#[derive(Debug, Default)]
pub struct LastSender(Option<(Arc<Rules>, Sender)>);

/// A sender's address, and what holds for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sender {
    client: IpAddr,
    /// It may ask.
    pub(super) may_ask: bool,
    /// Its answers are not limited.
    pub(super) is_exempt: bool,
}

impl LastSender {
    /// What `rules` say of `client`.
    #[inline]
    pub(super) fn of(&mut self, client: IpAddr, rules: &Arc<Rules>) -> Sender {
        match &self.0 {
            Some((known, last)) if last.client == client && Arc::ptr_eq(known, rules) => *last,
            _ => self.find(client, rules),
        }
    }

    #[inline(never)]
    fn find(&mut self, client: IpAddr, rules: &Arc<Rules>) -> Sender {
        let may_ask = rules.access.permits(client);
        let sender = Sender { client, may_ask, is_exempt: rules.rrl.exempt.contains(client) };
        match &mut self.0 {
            Some((known, last)) if Arc::ptr_eq(known, rules) => *last = sender,
            none => *none = Some((Arc::clone(rules), sender)),
        }
        sender
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Access;
    use crate::config::rrl::Rrl;

    #[test]
    fn what_is_known_is_of_this_sender_and_of_these_rules() {
        let networks = |text: &str| [text.parse().unwrap()].into_iter().collect();
        let rules = |allow, exempt| {
            let access = Access { allow: networks(allow), ..Access::default() };
            let rrl = Rrl { exempt: networks(exempt), ..Rrl::default() };
            Arc::new(Rules { access, rrl, ..Rules::default() })
        };
        let [first, second] =
            [rules("10.0.0.0/8", "10.1.0.0/16"), rules("11.0.0.0/8", "0.0.0.0/0")];
        let mut last = LastSender::default();
        for (client, rules, expected) in [
            ("10.0.0.1", &first, (true, false)),
            ("10.0.0.1", &first, (true, false)),
            ("10.1.0.1", &first, (true, true)),
            ("11.0.0.1", &first, (false, false)),
            ("11.0.0.1", &second, (true, true)),
            ("11.0.0.1", &first, (false, false)),
            ("::1", &first, (false, false)),
            ("10.0.0.1", &first, (true, false)),
        ] {
            let sender = last.of(client.parse().unwrap(), rules);
            assert_eq!((sender.may_ask, sender.is_exempt), expected, "{client}");
        }
    }
}
