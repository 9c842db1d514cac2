//! `idl/Push.ice` and the bindings, compared: neither can change without the other.

use std::collections::BTreeMap;

use super::*;

/// What the contract declares.
#[derive(Debug, Default)]
struct Contract {
    structs: BTreeMap<String, Vec<(String, String)>>,
    /// With the base, "" for none, and members as `(tag) type name`.
    exceptions: BTreeMap<String, (String, Vec<String>)>,
    /// By interface.
    operations: BTreeMap<String, Vec<Operation>>,
}

/// Whether it is idempotent, its result, its name, its parameters as `(tag) type name`.
type Operation = (bool, String, String, Vec<String>);

/// Words and marks, without comments, strings and the preprocessor's line.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let code = line.split("//").next().unwrap_or_default();
        let mut word = String::new();
        for c in code.chars().chain([' ']) {
            if c.is_alphanumeric() || "_.\"".contains(c) {
                word.push(c);
                continue;
            }
            if !word.is_empty() {
                tokens.push(std::mem::take(&mut word));
            }
            if !c.is_whitespace() {
                tokens.push(c.to_string());
            }
        }
    }
    tokens
}

struct Reader {
    tokens: std::iter::Peekable<std::vec::IntoIter<String>>,
}

impl Reader {
    fn next(&mut self) -> String {
        self.tokens.next().expect("the contract goes on")
    }

    fn take(&mut self, expected: &str) -> bool {
        self.tokens.next_if(|token| token == expected).is_some()
    }

    fn must(&mut self, expected: &str) {
        assert_eq!(self.next(), expected);
    }

    fn until(&mut self, end: &str) -> Vec<String> {
        let mut passed = Vec::new();
        while !self.take(end) {
            passed.push(self.next());
        }
        passed
    }

    /// `[optional(tag)] type name`, the tag in front.
    fn member(&mut self) -> String {
        let tag = if self.take("optional") {
            self.must("(");
            let tag = self.until(")").concat();
            format!("({tag}) ")
        } else {
            String::new()
        };
        format!("{tag}{} {}", self.next(), self.next())
    }

    fn members(&mut self) -> Vec<String> {
        self.must("{");
        let mut members = Vec::new();
        while !self.take("}") {
            members.push(self.member());
            self.must(";");
        }
        self.take(";");
        members
    }

    fn operation(&mut self) -> Operation {
        let idempotent = self.take("idempotent");
        let (result, name) = (self.next(), self.next());
        self.must("(");
        let mut params = Vec::new();
        while !self.take(")") {
            params.push(self.member());
            self.take(",");
        }
        assert_eq!(self.until(";"), ["throws", "PushError"], "{name}");
        (idempotent, result, name, params)
    }

    fn contract(mut self) -> Contract {
        let mut contract = Contract::default();
        assert_eq!(self.until("{"), ["module", "Push"]);
        while !self.take("}") {
            match self.next().as_str() {
                "const" | "dictionary" | "sequence" => drop(self.until(";")),
                "struct" => {
                    let name = self.next();
                    let split = |member: String| member.split_once(' ').map(|(kind, name)| (name.to_owned(), kind.to_owned()));
                    contract.structs.insert(name, self.members().into_iter().filter_map(split).collect());
                }
                "exception" => {
                    let name = self.next();
                    let base = if self.take("extends") { self.next() } else { String::new() };
                    let members = self.members();
                    contract.exceptions.insert(name, (base, members));
                }
                "interface" => {
                    let name = self.next();
                    self.must("{");
                    let operations = contract.operations.entry(name).or_default();
                    while !self.take("}") {
                        operations.push(self.operation());
                    }
                }
                other => panic!("the contract declares a {other}"),
            }
        }
        contract
    }
}

fn contract() -> Contract {
    let tokens = tokens(include_str!("../../../../../idl/Push.ice"));
    Reader { tokens: tokens.into_iter().peekable() }.contract()
}

/// Slice's name of a member of ours.
fn camel(name: &str) -> String {
    let mut parts = name.trim_start_matches("r#").split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |camel, part| camel + &part[..1].to_uppercase() + &part[1..])
}

/// Slice's name of a type of ours.
fn slice_type(rust: &str) -> String {
    match rust {
        "i32" => "int".to_owned(),
        "i64" => "long".to_owned(),
        "String" => "string".to_owned(),
        "Vec<String>" => "StringSeq".to_owned(),
        list if list.starts_with("Vec<") => format!("{}Seq", &list[4..list.len() - 1]),
        same => same.to_owned(),
    }
}

#[test]
fn structs_are_those_of_the_contract() {
    let ours = [
        ("ServiceInfo", ServiceInfo::MEMBERS),
        ("InvalidTarget", InvalidTarget::MEMBERS),
        ("Accepted", Accepted::MEMBERS),
        ("MessageStatus", MessageStatus::MEMBERS),
        ("Registration", Registration::MEMBERS),
        ("Report", Report::MEMBERS),
        ("Event", Event::MEMBERS),
    ];
    let ours: BTreeMap<String, Vec<(String, String)>> = ours
        .into_iter()
        .map(|(name, members)| (name.to_owned(), members.iter().map(|(name, kind)| (camel(name), slice_type(kind))).collect()))
        .collect();
    assert_eq!(ours, contract().structs);
}

#[test]
fn exceptions_are_those_of_the_contract() {
    let declared = contract().exceptions;
    let of = |name: &str| declared.get(name).map(|(base, members)| (base.as_str(), members.join(", ")));
    let expected = [
        ("PushError", "", "string reason, string text, (1) string requestId, (2) Attributes extra"),
        ("InvalidArgument", "PushError", "string field"),
        ("Unauthorized", "PushError", ""),
        ("NotFound", "PushError", "string id"),
        ("TooLarge", "PushError", "int maxBytes, int actualBytes"),
        ("Busy", "PushError", "(1) int retryAfterMs"),
    ];
    for (name, base, members) in expected {
        assert_eq!(of(name), Some((base, members.to_owned())), "{name}");
    }
    assert_eq!(declared.len(), expected.len());
}

/// The parameters of a declared operation, encoded as its types say, each with a value of its own.
fn generic_params(params: &[String]) -> Bytes {
    let mut encoder = Encoder::new();
    for param in params {
        let (tag, rest) = match param.strip_prefix('(').and_then(|rest| rest.split_once(") ")) {
            Some((tag, rest)) => (tag.parse::<u32>().ok(), rest),
            None => (None, param.as_str()),
        };
        let (kind, name) = rest.split_once(' ').expect("a type and a name");
        let put = &mut encoder;
        match kind {
            "int" => put_value(put, tag, &7_i32),
            "string" => put_value(put, tag, &name.to_owned()),
            "StringSeq" => put_value(put, tag, &vec![name.to_owned()]),
            "Attributes" => put_value(put, tag, &Attributes::from([(name.to_owned(), "x".to_owned())])),
            "Registration" => put_value(put, tag, &Registration::default()),
            "Report" => put_value(put, tag, &Report::default()),
            "RegistrationSeq" => put_value(put, tag, &vec![Registration::default()]),
            "ReportSeq" => put_value(put, tag, &vec![Report::default()]),
            "EventSeq" => put_value(put, tag, &vec![Event::default()]),
            other => panic!("a parameter of type {other}"),
        }
    }
    encoder.finish()
}

fn put_value<T: Value>(encoder: &mut Encoder, tag: Option<u32>, value: &T) {
    match tag {
        Some(tag) => encoder.optional(tag, Some(value)),
        None => encoder.value(value),
    };
}

/// A result of a declared type, as bytes.
fn generic_result(kind: &str) -> Bytes {
    match kind {
        "void" => Bytes::new(),
        "int" => encoded(&7_i32),
        "StringSeq" => encoded(&vec!["x".to_owned()]),
        "ServiceInfo" => encoded(&ServiceInfo { api_version: 3, ..ServiceInfo::default() }),
        "Accepted" => encoded(&Accepted { id: "x".to_owned(), ..Accepted::default() }),
        "MessageStatus" => encoded(&MessageStatus { id: "x".to_owned(), ..MessageStatus::default() }),
        other => panic!("a result of type {other}"),
    }
}

#[test]
fn service_operations_are_those_of_the_contract() {
    let declared = contract().operations.remove("PushService").expect("declared");
    let names: Vec<_> = declared.iter().map(|(_, _, name, _)| name.as_str()).collect();
    assert_eq!(names, calls().iter().map(Call::operation).collect::<Vec<_>>());
    for (idempotent, result, name, params) in declared {
        let params = generic_params(&params);
        let call = Call::decode(&request(&name, Mode::Normal, params.clone())).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((call.operation(), call.mode() == Mode::Idempotent), (name.as_str(), idempotent));
        // What was read is written back, so nothing was passed over.
        assert_eq!(call.encode(), params, "{name}");
        let result = generic_result(&result);
        let done = call.done(&Encapsulation::v1_1(result.clone())).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(done.encode(), result, "{name}");
    }
}

#[test]
fn listener_operations_are_those_of_the_contract() {
    let mut declared = contract().operations;
    let both = declared.remove("PushListener").into_iter().chain(declared.remove("EventListener")).flatten();
    let mut names = Vec::new();
    for (idempotent, result, name, params) in both {
        let params = generic_params(&params);
        let notice = Notice::decode(&request(&name, Mode::Idempotent, params.clone())).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((idempotent, result.as_str(), notice.operation()), (true, "void", name.as_str()));
        assert_eq!(notice.encode(), params, "{name}");
        names.push(name);
    }
    assert_eq!(names, ["registered", "reported", "registeredBatch", "reportedBatch", "events"]);
}
