//! Keys as Consul spells them: `enable_tag_override`, `EnableTagOverride`, `enabletagoverride`.

use crate::diagnostic::nearest;
use crate::syntax::json::duplicate;
use crate::syntax::report::Report;
use crate::syntax::tree::{Key, NULL, Tree, Value};

#[derive(Debug)]
pub(super) struct Keys {
    /// What the table describes: "a service".
    pub(super) what: &'static str,
    pub(super) read: &'static [&'static str],
    /// Those that Consul has and livezone does not use.
    pub(super) unused: &'static [&'static str],
    pub(super) aliases: &'static [(&'static str, &'static str)],
}

pub(super) const PLURALS: [(&str, &str); 2] = [("service", "services"), ("check", "checks")];

/// The top of a file. What is not about services configures an agent.
pub(super) const FILE: Keys = Keys {
    what: "a service definition file",
    read: &["service", "services", "check", "checks"],
    unused: &[
        "acl",
        "acl_agent_master_token",
        "acl_agent_token",
        "acl_datacenter",
        "acl_default_policy",
        "acl_down_policy",
        "acl_enforce_version_8",
        "acl_master_token",
        "acl_replication_token",
        "acl_token",
        "acl_ttl",
        "addresses",
        "advertise_addr",
        "advertise_addr_ipv4",
        "advertise_addr_ipv6",
        "advertise_addr_wan",
        "advertise_addr_wan_ipv4",
        "advertise_addr_wan_ipv6",
        "advertise_reconnect_timeout",
        "alt_domain",
        "audit",
        "auto_config",
        "auto_encrypt",
        "auto_reload_config",
        "autopilot",
        "bind_addr",
        "bootstrap",
        "bootstrap_expect",
        "ca_file",
        "ca_path",
        "cache",
        "cert_file",
        "check_output_max_size",
        "check_update_interval",
        "client_addr",
        "cloud",
        "config_entries",
        "connect",
        "data_dir",
        "datacenter",
        "default_intention_policy",
        "default_query_time",
        "disable_anonymous_signature",
        "disable_coordinates",
        "disable_host_node_id",
        "disable_http_unprintable_char_filter",
        "disable_keyring_file",
        "disable_remote_exec",
        "disable_update_check",
        "discard_check_output",
        "discovery_max_stale",
        "dns_config",
        "domain",
        "enable_acl_replication",
        "enable_agent_tls_for_checks",
        "enable_central_service_config",
        "enable_debug",
        "enable_local_script_checks",
        "enable_script_checks",
        "enable_syslog",
        "encrypt",
        "encrypt_verify_incoming",
        "encrypt_verify_outgoing",
        "experiments",
        "gossip_lan",
        "gossip_wan",
        "http_config",
        "key_file",
        "leave_on_terminate",
        "license_path",
        "limits",
        "locality",
        "log_file",
        "log_json",
        "log_level",
        "log_rotate_bytes",
        "log_rotate_duration",
        "log_rotate_max_files",
        "max_query_time",
        "node_id",
        "node_meta",
        "node_name",
        "partition",
        "peering",
        "performance",
        "pid_file",
        "ports",
        "primary_datacenter",
        "primary_gateways",
        "primary_gateways_interval",
        "protocol",
        "raft_boltdb",
        "raft_logstore",
        "raft_protocol",
        "raft_snapshot_interval",
        "raft_snapshot_threshold",
        "raft_trailing_logs",
        "read_replica",
        "reconnect_timeout",
        "reconnect_timeout_wan",
        "recursors",
        "rejoin_after_leave",
        "reporting",
        "retry_interval",
        "retry_interval_wan",
        "retry_join",
        "retry_join_wan",
        "retry_max",
        "retry_max_wan",
        "rpc",
        "segment",
        "segments",
        "serf_lan",
        "serf_wan",
        "server",
        "server_name",
        "server_rejoin_age_max",
        "session_ttl_min",
        "skip_leave_on_interrupt",
        "start_join",
        "start_join_wan",
        "static_runtimes",
        "syslog_facility",
        "tagged_addresses",
        "telemetry",
        "tls",
        "tls_cipher_suites",
        "tls_min_version",
        "tls_prefer_server_cipher_suites",
        "translate_wan_addrs",
        "ui",
        "ui_config",
        "ui_content_path",
        "ui_dir",
        "unix_sockets",
        "use_streaming_backend",
        "verify_incoming",
        "verify_incoming_https",
        "verify_incoming_rpc",
        "verify_outgoing",
        "verify_server_hostname",
        "version",
        "watches",
        "xds",
    ],
    aliases: &[],
};

pub(super) const SERVICE: Keys = Keys {
    what: "a service",
    read: &["id", "name", "address", "port", "tags", "meta", "weights", "check", "checks"],
    unused: &[
        "connect",
        "enable_tag_override",
        "kind",
        "locality",
        "namespace",
        "partition",
        "peer_name",
        "ports",
        "proxy",
        "socket_path",
        "tagged_addresses",
        "token",
    ],
    aliases: &[],
};

pub(super) const WEIGHTS: Keys =
    Keys { what: "\"weights\"", read: &["passing", "warning"], unused: &[], aliases: &[] };

pub(super) const CHECK: Keys = Keys {
    what: "a check",
    read: &[
        "id",
        "name",
        "notes",
        "service_id",
        "status",
        "interval",
        "timeout",
        "http",
        "method",
        "header",
        "body",
        "disable_redirects",
        "tcp",
        "tcp_use_tls",
        "tls_skip_verify",
        "tls_server_name",
        "success_before_passing",
        "failures_before_warning",
        "failures_before_critical",
        "alias_node",
        "alias_service",
        "args",
        "docker_container_id",
        "grpc",
        "grpc_use_tls",
        "h2ping",
        "h2ping_use_tls",
        "os_service",
        "shell",
        "ttl",
        "udp",
        "deregister_critical_service_after",
    ],
    unused: &["namespace", "output_max_size", "partition", "token"],
    aliases: &[("check_id", "id"), ("script_args", "args")],
};

/// Keys of checks that native files have and Consul has not.
const OF_OUR_CHECKS: [&str; 7] = [
    "expect_body",
    "expect_status",
    "fast_interval",
    "immediate_status",
    "tls_ca_file",
    "tls_cert_file",
    "tls_key_file",
];

impl Keys {
    /// The key that `written` is a spelling of.
    pub(super) fn canonical(&self, written: &str) -> Option<&'static str> {
        let spells = |key: &str| {
            let squashed = || key.bytes().filter(|octet| *octet != b'_');
            let lower = || written.bytes().map(|octet| octet.to_ascii_lowercase());
            written.len() <= key.len() && (lower().eq(key.bytes()) || lower().eq(squashed()))
        };
        let own = self.read.iter().chain(self.unused).copied().find(|key| spells(key));
        own.or_else(|| self.aliases.iter().find(|(alias, _)| spells(alias)).map(|&(_, key)| key))
    }

    /// The table with its keys as they are called here; complains of keys that Consul has not,
    /// which stay as they are, and of keys written twice. A key whose value is null is left out, as Consul does.
    pub(super) fn read(&self, report: &Report, tree: &Tree) -> Option<Tree> {
        let Value::Table(written) = &tree.value else {
            let message = format!("{} must be a table, not {}", self.what, tree.value.kind());
            let label = match &tree.value {
                Value::String(name) if self.what == SERVICE.what => {
                    format!("write {{ \"name\": {name:?} }}")
                }
                _ => "write { … }".to_owned(),
            };
            report.error(tree.span.clone(), message, label);
            return None;
        };
        let mut entries: Vec<(Key, Tree)> = Vec::with_capacity(written.len());
        for (key, value) in written {
            let Some(text) = self.canonical(&key.text) else {
                self.complain(report, key);
                entries.push((key.clone(), value.clone()));
                continue;
            };
            if let Some((first, _)) = entries.iter().find(|(first, _)| first.text == text) {
                let line = report.line_number(first.span.start);
                let plural = PLURALS.iter().find(|(one, _)| text == *one);
                let label = duplicate(line, plural.map(|(_, several)| *several));
                report.error(key.span.clone(), format!("duplicate key {text:?}"), label);
            } else {
                let key = Key { text: text.to_owned(), span: key.span.clone() };
                entries.push((key, value.clone()));
            }
        }
        entries.retain(|(_, value)| value.value != NULL);
        Some(Tree { span: tree.span.clone(), value: Value::Table(entries) })
    }

    fn complain(&self, report: &Report, key: &Key) {
        report.error_with(key.span.clone(), || {
            let label = elsewhere(self, &key.text).unwrap_or_else(|| {
                match nearest(&key.text, self.read.iter().chain(self.unused).copied()) {
                    Some(word) => format!("did you mean {word:?}?"),
                    None => format!("Consul has no such key in {}", self.what),
                }
            });
            (format!("unknown key {:?}", key.text), label)
        });
    }

    /// Whether a key has been complained of: what seems to be missing may be that one.
    pub(super) fn has_unknown(&self, table: &Tree) -> bool {
        let Value::Table(entries) = &table.value else { return false };
        entries.iter().any(|(key, _)| !self.knows(&key.text))
    }

    pub(super) fn knows(&self, key: &str) -> bool {
        self.read.contains(&key) || self.unused.contains(&key)
    }

    /// Those of the table's keys that say something which livezone does not use.
    pub(super) fn unused_in<'a>(&self, table: &'a Tree) -> impl Iterator<Item = &'a Key> {
        let entries: &[(Key, Tree)] = match &table.value {
            Value::Table(entries) => entries,
            _ => &[],
        };
        let unused = self.unused;
        entries
            .iter()
            .filter(move |(key, value)| unused.contains(&&*key.text) && says(&value.value))
            .map(|(key, _)| key)
    }
}

/// Where a key belongs that tables of this kind do not have, and others do.
fn elsewhere(keys: &Keys, key: &str) -> Option<String> {
    let has = |others: &Keys| others.canonical(key).is_some();
    let advice = match keys.what {
        what if what == CHECK.what && OF_OUR_CHECKS.contains(&key) => {
            "Consul has no such key: to use it, write the service in a .toml file"
        }
        what if what == CHECK.what && has(&SERVICE) => {
            "it is a key of the service: write it outside the check"
        }
        what if what == FILE.what && has(&SERVICE) => {
            "it is a key of a service: write it inside \"service\""
        }
        what if what != CHECK.what && has(&CHECK) => {
            "it is a key of a check: write it inside \"check\""
        }
        _ => return None,
    };
    Some(advice.to_owned())
}

/// Whether a value differs from what Consul takes for a key left out.
pub(super) fn says(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Integer(number) => *number != 0,
        Value::Float(number) => *number != 0.0,
        Value::Boolean(yes) => *yes,
        Value::List(items) => !items.is_empty(),
        Value::Table(entries) => !entries.is_empty(),
        Value::Other(_) => *value != NULL,
    }
}

/// The value of a key that Consul takes one table or a list of tables for.
pub(super) fn one_or_many(tree: &Tree) -> &[Tree] {
    match &tree.value {
        Value::List(items) => items,
        _ => std::slice::from_ref(tree),
    }
}

/// The value of `key` in a table.
pub(super) fn value<'a>(table: &'a Tree, key: &str) -> Option<&'a Tree> {
    let Value::Table(entries) = &table.value else { return None };
    entries.iter().find(|(k, _)| k.text == key).map(|(_, value)| value)
}
