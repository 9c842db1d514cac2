//! The reference of keys and metrics, made from the tables that the program itself uses. The documents hold it between two
//! marks; a test compares, and writes it anew where it is told to: `TIDINGS_WRITE=1 cargo test -p tidings reference`.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crate::config::keys::{KEYS, Key};
use crate::metrics::{Kind, METRICS, SINKS};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn keys() -> String {
    let mut text = "| key | default | what it does |\n|---|---|---|\n".to_owned();
    for key in KEYS {
        let _ = writeln!(text, "| `{}` | `{}` | {} |", key.name, key.written_default(), cell(key.says));
    }
    text
}

fn metrics() -> String {
    let mut text = "| metric | what it says |\n|---|---|\n".to_owned();
    let mut row = |name: &str, kind: Kind, says: &str| {
        let suffix = if kind == Kind::Counter { "_total" } else { "" };
        let _ = writeln!(text, "| `{name}{suffix}` | {} |", cell(says));
    };
    METRICS.iter().for_each(|metric| row(metric.name, metric.kind, metric.says));
    SINKS.iter().for_each(|metric| row(metric.name, metric.kind, &format!("With the label `sink`: {}", metric.says)));
    text
}

fn cell(says: &str) -> String {
    says.replace('|', "\\|")
}

/// Every key at its default, commented out under its table.
fn file() -> String {
    let mut text = "# Every key of the configuration at its default. Take out the # before what you change.\n\
                    # Precedence: flags, then TIDINGS_ variables, then this file, then defaults. `tidings check-config FILE` finds every problem.\n"
        .to_owned();
    let mut tables: Vec<&str> = Vec::new();
    for key in KEYS {
        if !tables.contains(&table(key)) {
            tables.push(table(key));
        }
    }
    for name in tables {
        if !name.is_empty() {
            let _ = write!(text, "\n[{name}]\n");
        }
        KEYS.iter().filter(|key| table(key) == name).for_each(|key| entry(&mut text, key));
    }
    text
}

fn table(key: &Key) -> &'static str {
    key.name.rsplit_once('.').map_or("", |(table, _)| table)
}

fn entry(text: &mut String, key: &Key) {
    let name = key.name.rsplit_once('.').map_or(key.name, |(_, name)| name);
    let _ = write!(text, "\n# {}\n# {name} = {}\n", key.says, key.written_default());
}

/// Puts `made` between the marks of `name`, or compares what stands there.
fn between(document: &str, name: &str, made: &str) {
    let path = root().join(document);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{document}: {error}"));
    let (begin, end) = (format!("<!-- {name}: made from the source -->\n"), format!("<!-- end of {name} -->"));
    let from = text.find(&begin).unwrap_or_else(|| panic!("{document} has no mark {begin:?}")) + begin.len();
    let to = from + text[from..].find(&end).unwrap_or_else(|| panic!("{document} has no mark {end:?}"));
    hold(&path, &text, &format!("{}{made}{}", &text[..from], &text[to..]));
}

fn hold(path: &Path, now: &str, made: &str) {
    if std::env::var_os("TIDINGS_WRITE").is_some() {
        fs::write(path, made).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        return;
    }
    assert!(now == made, "{} is not what the source says; run: TIDINGS_WRITE=1 cargo test -p tidings reference", path.display());
}

#[test]
fn the_reference_of_keys_is_what_the_source_says() {
    between("docs/OPERATIONS.md", "keys", &keys());
}

#[test]
fn the_reference_of_metrics_is_what_the_source_says() {
    between("docs/OPERATIONS.md", "metrics", &metrics());
}

#[test]
fn the_commented_configuration_is_what_the_source_says() {
    let path = root().join("deploy/tidings.toml");
    let now = fs::read_to_string(&path).unwrap_or_default();
    hold(&path, &now, &file());
}

#[test]
fn the_commented_configuration_is_one_when_the_comments_are_taken_out() {
    let live: String = file()
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|rest| is_entry(rest)).unwrap_or(line))
        .fold(String::new(), |text, line| text + line + "\n");
    let path = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}")).keep().join("tidings.toml");
    fs::write(&path, live).unwrap_or_else(|error| panic!("{error}"));
    if let Err(problems) = crate::config::Config::check_file(&path) {
        panic!("{problems:?}");
    }
}

/// `name = value`, and no sentence.
fn is_entry(text: &str) -> bool {
    text.split_once(" = ").is_some_and(|(name, _)| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte == b'.'))
}
