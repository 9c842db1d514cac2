//! Whose pages may read our answers, and open our WebSockets.

/// Browsers refuse `*` for requests with credentials, which JS 1.x always makes: so an admitted origin is echoed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    /// A literal `*`, without credentials: what the public suites expect.
    Star,
    /// Any origin, echoed.
    Any,
    /// These origins, echoed; others get no permission, and no WebSocket.
    These(Vec<String>),
}

impl Cors {
    /// From a list of origins; `*` in it admits all.
    pub fn echoing(origins: Vec<String>) -> Self {
        if origins.iter().any(|origin| origin == "*") { Self::Any } else { Self::These(origins) }
    }

    pub fn admits(&self, origin: &str) -> bool {
        match self {
            Self::Star | Self::Any => true,
            Self::These(origins) => origins.iter().any(|admitted| admitted.eq_ignore_ascii_case(origin)),
        }
    }

    /// What of the caller's origin an answer will repeat.
    pub(crate) fn echo(&self, origin: Option<&str>) -> Option<Box<str>> {
        match self {
            Self::Star => None,
            Self::Any | Self::These(_) => origin.filter(|origin| self.admits(origin)).map(Box::from),
        }
    }
}
