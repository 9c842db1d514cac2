//! Apps and the keys that may call for them: as they are stored, and as an administrator asks for them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::{AppName, AppNo, Millis, NameError, NewSink, SinkChange, SinkNo};

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    pub no: AppNo,
    pub name: AppName,
    /// Nobody is served until it is enabled again; what it has is kept.
    pub disabled: bool,
    /// Patterns of the topics that devices may subscribe to themselves.
    pub client_topics: Vec<String>,
    /// None: `/` as it always was.
    pub created: Option<Millis>,
}

impl App {
    /// The default app, which nobody has to make.
    pub fn root() -> Self {
        Self { no: AppNo::DEFAULT, name: AppName::root(), disabled: false, client_topics: Vec::new(), created: None }
    }
}

/// What a key is found by: the public part of `tdk_<id>_<secret>`, 1-32 of a-z 0-9.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Arc<str>);

impl KeyId {
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let ok = (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if ok { Ok(Self(text.into())) } else { Err(NameError("must be 1 to 32 of a-z and 0-9")) }
    }

    /// Takes an id that was checked before it was stored.
    pub fn trusted(text: &str) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// SHA-256 of a secret. A secret has 256 random bits, so nothing slower is needed.
pub type SecretHash = [u8; 32];

/// Something that a key may do. The numbers are for ever: the log keeps them as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Send to users and tokens.
    Send = 1,
    /// Send to everyone.
    SendAll = 2,
    /// Read messages, users and events.
    Read = 4,
    /// Close sockets, erase users.
    Devices = 8,
    /// Keys and apps.
    Admin = 16,
}

impl Scope {
    pub const ALL: [Self; 5] = [Self::Send, Self::SendAll, Self::Read, Self::Devices, Self::Admin];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::SendAll => "send:all",
            Self::Read => "read",
            Self::Devices => "devices",
            Self::Admin => "admin",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    pub const EVERY: Self = Self(31);

    /// Bits that no scope of this build has are kept.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    pub const fn bits(self) -> u8 {
        self.0
    }

    pub const fn has(self, scope: Scope) -> bool {
        self.0 & scope as u8 != 0
    }

    #[must_use]
    pub const fn with(self, scope: Scope) -> Self {
        Self(self.0 | scope as u8)
    }

    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.has(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes.into_iter().fold(Self::default(), Self::with)
    }
}

/// Who may call, for which app and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    pub id: KeyId,
    pub app: AppNo,
    /// What an operator calls it.
    pub name: String,
    pub scopes: Scopes,
    /// One secret, or two while callers change from the second to the first.
    pub hashes: Vec<SecretHash>,
    pub created: Millis,
    /// It ends then by itself.
    pub until: Option<Millis>,
}

impl ApiKey {
    /// Whether it may administer every app at that time.
    pub fn rules(&self, now: Millis) -> bool {
        self.app == AppNo::DEFAULT && self.scopes.has(Scope::Admin) && self.until.is_none_or(|until| now < until)
    }
}

/// Every app and every key, at one moment of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    apps: BTreeMap<AppNo, Arc<App>>,
    names: BTreeMap<AppName, AppNo>,
    keys: BTreeMap<KeyId, Arc<ApiKey>>,
    next_app: u32,
    keyed: bool,
}

impl Default for Directory {
    fn default() -> Self {
        let mut new = Self { apps: BTreeMap::new(), names: BTreeMap::new(), keys: BTreeMap::new(), next_app: 1, keyed: false };
        new.put_app(App::root());
        new
    }
}

impl Directory {
    /// `next_app`: numbers below it were given; `keyed`: a key was stored once.
    pub fn new(next_app: u32, keyed: bool) -> Self {
        Self { next_app: next_app.max(1), keyed, ..Self::default() }
    }

    pub fn put_app(&mut self, app: App) {
        self.next_app = self.next_app.max(app.no.0.saturating_add(1));
        self.names.insert(app.name.clone(), app.no);
        self.apps.insert(app.no, Arc::new(app));
    }

    /// Its keys go with it.
    pub fn drop_app(&mut self, no: AppNo) {
        if let Some(app) = self.apps.remove(&no) {
            self.names.remove(&app.name);
            self.keys.retain(|_, key| key.app != no);
        }
    }

    pub fn put_key(&mut self, key: ApiKey) {
        self.keyed = true;
        self.keys.insert(key.id.clone(), Arc::new(key));
    }

    pub fn drop_key(&mut self, id: &KeyId) {
        self.keys.remove(id);
    }

    /// The apps alone.
    #[must_use]
    pub fn without_keys(&self) -> Self {
        Self { keys: BTreeMap::new(), ..self.clone() }
    }

    pub fn app(&self, no: AppNo) -> Option<&Arc<App>> {
        self.apps.get(&no)
    }

    /// An app that has ended has none that anybody may ask for.
    pub fn name_of(&self, no: AppNo) -> AppName {
        self.apps.get(&no).map_or_else(AppName::root, |app| app.name.clone())
    }

    pub fn named(&self, name: &str) -> Option<&Arc<App>> {
        // A name is a few bytes, and the map is asked by the type that it holds.
        self.names.get(&AppName::trusted(name)).and_then(|no| self.apps.get(no))
    }

    pub fn key(&self, id: &KeyId) -> Option<&Arc<ApiKey>> {
        self.keys.get(id)
    }

    /// In the order in which they were made.
    pub fn apps(&self) -> impl Iterator<Item = &Arc<App>> {
        self.apps.values()
    }

    pub fn keys(&self) -> impl Iterator<Item = &Arc<ApiKey>> {
        self.keys.values()
    }

    pub fn next_app(&self) -> AppNo {
        AppNo(self.next_app)
    }

    /// A key was stored, once: calls need one for ever.
    pub fn is_keyed(&self) -> bool {
        self.keyed
    }

    /// There are tenants beside `/`.
    pub fn is_shared(&self) -> bool {
        self.apps.len() > 1
    }

    /// A key that may administer every app, other than `but`.
    pub fn is_ruled(&self, now: Millis, but: Option<&KeyId>) -> bool {
        self.keys.values().any(|key| Some(&key.id) != but && key.rules(now))
    }
}

/// What an administrator asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Administer {
    /// Answered by [`crate::Answer::App`].
    CreateApp(NewApp),
    ChangeApp(AppChange),
    /// Answered by [`crate::Answer::Done`].
    RemoveApp(AppNo),
    /// Answered by [`crate::Answer::Key`].
    CreateKey(NewKey),
    ChangeKey(KeyChange),
    RemoveKey {
        id: KeyId,
        /// An admin key that is not stored stands beside the stored ones: the last of those may go.
        standing: bool,
    },
    /// Answered by [`crate::Answer::Sink`].
    CreateSink(NewSink),
    ChangeSink(SinkChange),
    RemoveSink(SinkNo),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApp {
    pub name: AppName,
    pub disabled: bool,
    pub client_topics: Vec<String>,
}

/// None: as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppChange {
    pub no: AppNo,
    pub disabled: Option<bool>,
    pub client_topics: Option<Vec<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    pub id: KeyId,
    pub app: AppNo,
    pub name: String,
    pub scopes: Scopes,
    pub hash: SecretHash,
    pub until: Option<Millis>,
    /// See [`Administer::RemoveKey`]: the first stored key may then be any.
    pub standing: bool,
}

/// None: as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    pub id: KeyId,
    pub name: Option<String>,
    pub scopes: Option<Scopes>,
    pub until: Option<Option<Millis>>,
    /// A new secret; the newest one until now goes on living beside it.
    pub rotate: Option<SecretHash>,
    /// Every secret but the newest ends.
    pub retire: bool,
    pub standing: bool,
}
