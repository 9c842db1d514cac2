//! Variables: `TIDINGS_<TABLE>__<KEY>`, and a few that have names of their own.

use std::ffi::OsString;
use std::path::PathBuf;

use super::{Given, Origin, Problem, Value, nearest};

/// What the environment says, read once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// `TIDINGS_CONFIG`.
    pub file: Option<PathBuf>,
    /// `TIDINGS_ADMIN_KEY_FILE`.
    pub admin_key_file: Option<PathBuf>,
    /// `TIDINGS_KEY`: what a client calls with.
    pub key: Option<String>,
    pub given: Vec<Given>,
    pub problems: Vec<Problem>,
}

const PREFIX: &str = "TIDINGS_";

impl Environment {
    /// The one place that reads the process's environment.
    pub(crate) fn of_process() -> Self {
        Self::read(std::env::vars_os())
    }

    pub(crate) fn read(variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let mut environment = Self::default();
        let mut ours: Vec<(String, OsString)> = variables
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name.starts_with(PREFIX))
            .collect();
        ours.sort();
        for (name, value) in ours {
            environment.take(name, value);
        }
        environment
    }

    fn take(&mut self, name: String, value: OsString) {
        let rest = name.strip_prefix(PREFIX).unwrap_or(&name);
        match rest {
            "CONFIG" => self.file = Some(value.into()),
            "DATA" => self.give("data", name, value),
            "DEVICES" => self.give("devices.bind", name, value),
            "BACKEND" => self.give("backend.bind", name, value),
            "ICE" => self.give("ice.bind", name, value),
            // Never keys of a table. A client's key means nothing to a server.
            "KEY" => self.key = value.into_string().ok(),
            "ADMIN_KEY_FILE" => self.admin_key_file = Some(value.into()),
            nested if nested.contains("__") => {
                let key = nested.to_ascii_lowercase().replace("__", ".");
                self.give(&key, name, value);
            }
            // Spelt almost as a key it is a slip; else it is somebody else's.
            top => {
                let key = top.to_ascii_lowercase();
                if nearest::is_slip_of_a_top_key(&key) {
                    self.give(&key, name, value);
                }
            }
        }
    }

    fn give(&mut self, key: &str, name: String, value: OsString) {
        match value.into_string() {
            Ok(text) => self.given.push(Given { key: key.to_owned(), value: Value::Text(text), origin: Origin::Variable(name) }),
            Err(_) => self.problem(name, "its value is no UTF-8"),
        }
    }

    fn problem(&mut self, name: String, text: &str) {
        self.problems.push(Problem { origin: Origin::Variable(name), text: text.to_owned() });
    }
}
