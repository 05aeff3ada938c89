//! Questions as they go over the wire, but for the id and for an end with a socket's own cookie.

/// What is asked with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Plain,
    Edns,
    /// RFC 7873, as an asker's first question has it: without the server's part.
    ClientCookie,
    /// With the server's part, as all but the first have it.
    Cookie,
}

impl Form {
    pub fn named(name: &str) -> Self {
        match name {
            "plain" => Self::Plain,
            "edns" => Self::Edns,
            "client-cookie" => Self::ClientCookie,
            "cookie" => Self::Cookie,
            other => panic!("{other} is no form"),
        }
    }

    /// The end of a question: the length of the OPT record's data, and a cookie in it.
    pub fn end(self, client: [u8; 8], server: &[u8]) -> Vec<u8> {
        let cookie = match self {
            Self::Plain => return Vec::new(),
            Self::Edns => return vec![0, 0],
            Self::ClientCookie => client.to_vec(),
            Self::Cookie => [&client[..], server].concat(),
        };
        let octets = u8::try_from(cookie.len()).expect("at most 40");
        let mut end = vec![0, octets + 4, 0, 10, 0, octets];
        end.extend(cookie);
        end
    }
}

pub struct Question {
    pub rtype: u16,
    /// From behind the id to where the end follows, which each socket has its own of.
    pub rest: Vec<u8>,
}

impl Question {
    fn new(name: &str, rtype: &str, form: Form) -> Self {
        let rtype = number(rtype);
        let mut rest = vec![0, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(form != Form::Plain)];
        for label in name.trim_end_matches('.').split('.') {
            rest.push(u8::try_from(label.len()).expect("a label"));
            rest.extend(label.as_bytes());
        }
        rest.push(0);
        rest.extend(rtype.to_be_bytes());
        rest.extend([0, 1]);
        if form != Form::Plain {
            // The OPT record: its root, type, 1232 octets, no extended flags.
            rest.extend([0, 0, 41, 4, 208, 0, 0, 0, 0]);
        }
        Self { rtype, rest }
    }
}

fn number(rtype: &str) -> u16 {
    match rtype {
        "A" => 1,
        "TXT" => 16,
        "AAAA" => 28,
        "SRV" => 33,
        other => panic!("{other} is not known here"),
    }
}

/// The questions of a file.
pub fn read(path: &str, form: Form) -> Vec<Question> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("cannot read {path}: {e}"));
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    let questions: Vec<_> = lines.map(|(name, rtype)| Question::new(name, rtype, form)).collect();
    assert!(!questions.is_empty(), "{path} asks nothing");
    questions
}
