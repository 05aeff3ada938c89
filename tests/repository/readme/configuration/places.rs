//! Where the keys below each heading of the page are written: a file that is whole but for a key.

use crate::readme::configuration::page::sets;
use crate::readme::configuration::program::File;

/// Where a key is written.
pub(super) struct KeyPlace {
    pub(super) file: File,
    /// Several headings may be about one table of the file.
    pub(super) table: String,
    before: &'static str,
    /// The lines of the table that the other keys need.
    lines: &'static str,
    after: &'static str,
}

impl KeyPlace {
    /// The file with this line, which takes the place of one that sets the same key.
    pub(super) fn with(&self, line: &str) -> String {
        let key = line.split(" = ").next().unwrap();
        format!("{}{line}\n{}", self.without_rest(key), self.after)
    }

    pub(super) fn without(&self, key: &str) -> String {
        self.without_rest(key) + self.after
    }

    fn without_rest(&self, key: &str) -> String {
        let header = if self.table.starts_with('[') { &self.table } else { "" };
        let lines: String = self
            .lines
            .lines()
            .filter(|line| !sets(line, key))
            .map(|l| l.to_owned() + "\n")
            .collect();
        format!("{}{header}\n{lines}", self.before)
    }
}

/// The headings about registrations: the table, what stands before it, its lines, what follows.
const REGISTRATIONS: [(&str, &str, [&str; 3]); 10] = [
    ("Registrations", REGISTRATION, ["", "", ""]),
    ("[[service]]", "[[service]]", ["", "name = \"web\"", INSTANCE]),
    ("[[service.instance]]", "[[service.instance]]", [SERVICE, "address = \"10.0.1.50\"", ""]),
    (CHECKS, CHECK, [SERVICE, "tcp = true", INSTANCE]),
    ("HTTP checks", CHECK, [SERVICE, TO_URL, INSTANCE]),
    ("TCP checks", CHECK, [SERVICE, "tcp = true", INSTANCE]),
    ("gRPC checks", CHECK, [SERVICE, "grpc = true", INSTANCE]),
    ("Script checks", CHECK, [SERVICE, "args = [\"/bin/true\"]", INSTANCE]),
    ("TTL checks", CHECK, [SERVICE, "ttl = \"30s\"", INSTANCE]),
    ("Checks over TLS", CHECK, [SERVICE, OVER_TLS, INSTANCE]),
];

const REGISTRATION: &str = "a registration file";
const CHECKS: &str = "[[service.check]] and [[service.instance.check]]";
const CHECK: &str = "[[service.check]]";
const OVER_TLS: &str = "http = \"https://localhost:8443/\"\ntls_cert_file = \"client.pem\"\n\
                        tls_key_file = \"client-key.pem\"";

const SERVICE: &str = "[[service]]\nname = \"web\"\nport = 8080\n";
const INSTANCE: &str = "[[service.instance]]\naddress = \"10.0.1.50\"\n";
const TO_URL: &str = "http = \"http://10.0.1.9:9000/\"\nconnect = \"url\"";

/// `None` for a heading that has no keys.
pub(super) fn place(heading: &str) -> Option<KeyPlace> {
    let known = REGISTRATIONS.iter().find(|(of, ..)| *of == heading);
    let (file, table, [before, lines, after]) = match (known, heading) {
        (Some((_, table, parts)), _) => (File::Registrations, *table, *parts),
        (None, "zone.toml") => (File::Zone, heading, [""; 3]),
        (None, "The top of the file") => (File::Livezone, "livezone.toml", [""; 3]),
        (None, _) if heading.starts_with('[') => (File::Livezone, heading, [""; 3]),
        (None, _) => return None,
    };
    Some(KeyPlace { file, table: table.to_owned(), before, lines, after })
}

/// The tables that a heading names: each is a key of the table around it.
pub(super) fn parent_and_key(heading: &str) -> Vec<(String, String)> {
    let names = heading.split(' ').filter(|word| word.starts_with('['));
    let split = |name: &str| {
        let path = name.trim_matches(['[', ']']);
        let (open, close) = if name.starts_with("[[") { ("[[", "]]") } else { ("[", "]") };
        match path.rsplit_once('.') {
            Some((parent, key)) => (format!("{open}{parent}{close}"), key.to_owned()),
            None if open == "[" => ("livezone.toml".to_owned(), path.to_owned()),
            None => (REGISTRATION.to_owned(), path.to_owned()),
        }
    };
    names.map(split).collect()
}
