//! What a worker's roster is told once.

use std::time::Duration;

use tidings_engineio::Settings;
use tidings_model::Limits;

use crate::pattern::Pattern;

/// Who may register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Anyone as anyone.
    Open,
    /// Whom a verifier admits; until then a socket gets nothing and may report nothing.
    Checked,
}

/// Which event carries a direct message to a legacy socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectEvent {
    /// Named by the registration's token (the tutorial's form).
    Token,
    /// Named by the uid, as the published demo app listens.
    Uid,
    Both,
}

#[derive(Clone, Debug)]
pub struct Config {
    /// This worker's number, and how many there are: `model::worker_of` names the home of a registration.
    pub worker: u16,
    pub workers: usize,
    pub engine: Settings,
    /// No Socket.IO CONNECT within this: closed (SIO5).
    pub connect_timeout: Duration,
    pub registration: Registration,
    pub direct_event: DirectEvent,
    /// How long a legacy app may take to attach its listener after `_register`.
    pub listen_delay: Duration,
    /// A live broadcast's question leaves at the latest so long after it.
    pub proof_within: Duration,
    /// Ask for the slow proof everywhere.
    pub slow_proof: bool,
    /// `trusted_proxies` pass WebSocket frames through untouched.
    pub proxy_tunnels: bool,
    /// Events beyond the contract that devices may send: whoever runs the roster hears them.
    pub heard: Vec<String>,
    /// Events beyond the contract that the business server is told; what is heard is not among them.
    pub client_events: Vec<Pattern>,
    pub limits: Limits,
    /// For public socket ids; not secret.
    pub seed: u64,
    /// A fault built in on purpose, for the simulator to find. Never set by the binary.
    #[doc(hidden)]
    pub planted: Option<Planted>,
}

/// What the simulator must notice.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// The mailbox is not read at register: only live messages come.
    SeamDrop,
    /// What the very socket had is sent again.
    SkipDedupe,
    /// What is written counts as proven when the question leaves.
    CursorEarly,
    /// A displaced socket's proofs still move the cursor of the device that it lost.
    WrongSocket,
    /// A pong counts at once, though the client is leaving.
    NoHold,
    /// Expired mail is replayed.
    ExpiredReplayed,
    /// Messages follow `_register` before the app listens.
    NoListening,
    /// Who is not registered hears broadcasts, though registration is checked.
    Overheard,
}

impl Config {
    /// Whether the business server is told of events with this name.
    pub(crate) fn relays(&self, name: &str) -> bool {
        self.client_events.iter().any(|pattern| pattern.matches(name))
    }

    pub(crate) fn hears(&self, name: &str) -> bool {
        self.heard.iter().any(|heard| heard == name)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            worker: 0,
            workers: 1,
            engine: Settings {
                ping_interval: Duration::from_secs(25),
                ping_timeout: Duration::from_secs(20),
                upgrade_timeout: Duration::from_secs(10),
                max_payload: 1_000_000,
                spread: Duration::from_secs(5),
            },
            connect_timeout: Duration::from_secs(45),
            registration: Registration::Open,
            direct_event: DirectEvent::Token,
            listen_delay: Duration::from_millis(1000),
            proof_within: Duration::from_secs(4),
            slow_proof: false,
            proxy_tunnels: true,
            heard: Vec::new(),
            client_events: Vec::new(),
            limits: Limits::default(),
            seed: 0,
            planted: None,
        }
    }
}
