//! The configuration: flags, then environment, then the file, then defaults; each key once, in `config::keys`.
//!
//! Every room brings its own Config; this one fills them, checks what they must agree on, and names every problem with
//! the line, variable or flag that it comes from.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tidings_model::Limits;

use crate::tls::{ClientChecked, Files};

mod check;
mod environment;
mod file;
pub(crate) mod keys;
mod nearest;
mod problem;
mod registration;
mod value;

pub(crate) use environment::Environment;
pub(crate) use problem::{Origin, Problem};
pub(crate) use registration::{Auth, Registration};
pub(crate) use value::{Given, Value};

/// The file that is read where none is named, if it is there.
const FILE: &str = "tidings.toml";

/// The store knows at most so many.
const WORKERS_MAX: usize = 64;

/// Everything that can be set.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub data: PathBuf,
    /// How long a stop may take.
    pub drain: Duration,
    pub door: tidings_gateway::Config,
    pub sessions: tidings_delivery::Config,
    /// Threads of the devices' door; 0: one for each core.
    pub workers: usize,
    pub backend: SocketAddr,
    pub devices_tls: Files,
    pub backend_tls: Files,
    /// From `TIDINGS_ADMIN_KEY_FILE`.
    pub admin_key: Option<tidings_api::StandingKey>,
    /// The backend's Socket.IO listener, where there is one.
    pub sockets: Option<SocketAddr>,
    /// The Ice door, where there is one.
    pub ice: Option<SocketAddr>,
    pub ice_tls: ClientChecked,
    /// Beyond loopback without TLS, on purpose.
    pub ice_plaintext: bool,
    /// Devices may emit page events.
    pub client_publish: bool,
    /// The lifetime of what comes through `/message`, in seconds.
    pub legacy_ttl_s: u32,
    pub registration: Registration,
    pub limits: Limits,
    /// Where webhooks may go beyond public addresses.
    pub webhook_allow: tidings_outbox::Allowed,
    pub log: Log,
}

#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub level: String,
    pub format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
}

/// What `serve`'s flags say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    pub config: Option<PathBuf>,
    /// `--data`, `--devices`, `--backend` and `--ice`, by the keys that they set.
    pub given: Vec<Given>,
    pub open_registration: bool,
}

impl Config {
    /// Before the defaults are applied: what the rooms would take by themselves.
    fn blank() -> Self {
        Self {
            data: PathBuf::new(),
            drain: Duration::ZERO,
            door: tidings_gateway::Config::default(),
            sessions: tidings_delivery::Config::default(),
            workers: 0,
            backend: SocketAddr::from(([127, 0, 0, 1], 0)),
            devices_tls: Files::default(),
            backend_tls: Files::default(),
            admin_key: None,
            sockets: None,
            ice: None,
            ice_tls: ClientChecked::default(),
            ice_plaintext: false,
            client_publish: false,
            legacy_ttl_s: 0,
            registration: Registration::default(),
            limits: Limits::default(),
            webhook_allow: tidings_outbox::Allowed::default(),
            log: Log { level: String::new(), format: Format::Text },
        }
    }

    /// Threads of the devices' door, which the store follows one by one.
    pub(crate) fn workers(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from).min(WORKERS_MAX),
            workers => workers,
        }
    }

    /// What the devices' door is built from.
    pub(crate) fn devices_door(&self) -> tidings_gateway::Config {
        let engine = &self.sessions.engine;
        tidings_gateway::Config { patience: engine.ping_interval + engine.ping_timeout, ..self.door.clone() }
    }

    /// What its sessions are told.
    pub(crate) fn sessions(&self) -> tidings_delivery::Config {
        let heard = if self.client_publish { tidings_pages::Publishing::heard().collect() } else { Vec::new() };
        tidings_delivery::Config { workers: self.workers(), limits: self.limits.clone(), heard, ..self.sessions.clone() }
    }

    /// What the backend's door is built from.
    pub(crate) fn backend_door(&self) -> tidings_api::Config {
        tidings_api::Config {
            bind: self.backend,
            legacy_ttl_s: self.legacy_ttl_s,
            uid_events: self.sessions.direct_event != tidings_delivery::DirectEvent::Token,
            demo: None,
            tls: None,
            metrics: tidings_api::Metrics::none(),
        }
    }

    /// What the backend's Socket.IO door is built from, where there is one.
    pub(crate) fn sockets_door(&self) -> Option<tidings_pages::Config> {
        Some(tidings_pages::Config {
            bind: self.sockets?,
            engine: self.sessions.engine.clone(),
            connect_timeout: self.sessions.connect_timeout,
            max_http_buffer: self.door.max_http_buffer,
            certificate: None,
        })
    }

    /// What the Ice door is built from, where there is one.
    pub(crate) fn ice_door(&self) -> Option<tidings_api::IceConfig> {
        let uid_events = self.sessions.direct_event != tidings_delivery::DirectEvent::Token;
        Some(tidings_api::IceConfig { bind: self.ice?, tls: None, uid_events })
    }

    /// What a server starts with.
    pub(crate) fn load(flags: &Flags, environment: &Environment) -> Result<Self, Vec<Problem>> {
        let mut draft = Draft::new();
        if let Some(path) = flags.config.as_deref().or(environment.file.as_deref()) {
            draft.read_file(path);
        } else if Path::new(FILE).exists() {
            draft.read_file(Path::new(FILE));
        }
        draft.problems.extend(environment.problems.iter().cloned());
        draft.take_all(&environment.given);
        draft.take_admin_key(environment.admin_key_file.as_deref());
        draft.take_all(&flags.given);
        draft.finish(flags.open_registration)
    }

    /// The file alone, over the defaults.
    pub(crate) fn check_file(path: &Path) -> Result<Self, Vec<Problem>> {
        let mut draft = Draft::new();
        draft.read_file(path);
        draft.finish(false)
    }
}

/// A configuration that is being put together: later sources win, every problem is kept.
struct Draft {
    config: Config,
    /// Where each key that is not at its default was set.
    origins: BTreeMap<&'static str, Origin>,
    problems: Vec<Problem>,
}

impl Draft {
    fn new() -> Self {
        let mut draft = Self { config: Config::blank(), origins: BTreeMap::new(), problems: Vec::new() };
        for key in keys::KEYS {
            key.apply(&mut draft.config, &Value::Text(key.default.to_owned()), true).expect("a default is a value of its key");
        }
        draft
    }

    fn read_file(&mut self, path: &Path) {
        let (given, problems) = file::read(path);
        self.problems.extend(problems);
        self.take_all(&given);
    }

    fn take_admin_key(&mut self, file: Option<&Path>) {
        let Some(file) = file else { return };
        let read = std::fs::read_to_string(file).map_err(|error| format!("cannot be read: {error}"));
        let parsed = read.and_then(|text| tidings_api::StandingKey::parse(text.trim()).map_err(str::to_owned));
        match parsed {
            Ok(key) => self.config.admin_key = Some(key),
            // The text itself is a secret, or was meant to be one.
            Err(why) => {
                self.problem(&Origin::Variable("TIDINGS_ADMIN_KEY_FILE".to_owned()), format!("the key in {} {why}", file.display()))
            }
        }
    }

    fn take_all(&mut self, given: &[Given]) {
        for given in given {
            self.take(given);
        }
    }

    fn take(&mut self, given: &Given) {
        let Some(key) = keys::KEYS.iter().find(|key| key.name == given.key) else {
            let near = nearest::key(&given.key);
            return self.problem(&given.origin, format!("unknown key {}; the nearest known one is {near}", given.key));
        };
        match key.apply(&mut self.config, &given.value, given.origin.is_text()) {
            Ok(()) => drop(self.origins.insert(key.name, given.origin.clone())),
            Err(why) => self.problem(&given.origin, format!("{} {why}", key.name)),
        }
    }

    fn problem(&mut self, origin: &Origin, text: String) {
        self.problems.push(Problem { origin: origin.clone(), text });
    }

    fn finish(mut self, open_registration: bool) -> Result<Config, Vec<Problem>> {
        let found = check::rules(&self.config, &self.origins, open_registration);
        self.problems.extend(found);
        if self.problems.is_empty() { Ok(self.config) } else { Err(self.problems) }
    }
}

#[cfg(test)]
mod tests;
