//! Who calls, for which app, and whether they may: the same for every face.
//!
//! The checks have one order, so that a refusal tells nothing that its caller may not know: the key, its scope, the app.

use std::hint::black_box;

use sha2::{Digest, Sha256};
use tidings_model::{ApiKey, AppNo, Code, KeyId, Millis, Refusal, Scope, Scopes, SecretHash, Target};

use super::Executor;
use super::quota::Allowance;

/// What a key begins with: `tdk_<id>_<secret>`.
pub(super) const PREFIX: &str = "tdk_";

const MALFORMED: &str = "Authorization holds no key: it is Bearer tdk_<id>_<secret>, or Basic with the key's id as the user and its secret";

/// What a caller shows for himself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential<'a> {
    Nothing,
    /// No key of ours, whatever it is.
    Malformed,
    Key(Shown<'a>),
}

/// A key as it was shown. Its secret is never printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Shown<'a> {
    id: &'a str,
    secret: &'a str,
}

impl std::fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{PREFIX}{}_...", self.id)
    }
}

impl<'a> Credential<'a> {
    /// `tdk_<id>_<secret>`.
    pub fn parse(key: &'a str) -> Self {
        let parts = key.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_'));
        parts.map_or(Self::Malformed, |(id, secret)| Self::of(id, secret))
    }

    /// The two parts apart.
    pub fn of(id: &'a str, secret: &'a str) -> Self {
        Self::Key(Shown { id, secret })
    }
}

/// An admin key of `/` that is not stored: its file is what is true of it.
#[derive(Clone, Debug)]
pub struct StandingKey {
    id: KeyId,
    hash: SecretHash,
}

/// So short a secret could be guessed.
const SECRET_MIN: usize = 32;

impl StandingKey {
    /// `text`: a whole key, `tdk_<id>_<secret>`. Err: why it is none.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let Credential::Key(shown) = Credential::parse(text) else { return Err("is no key: tdk_<id>_<secret>") };
        let id = KeyId::parse(shown.id).map_err(|_| "has no id of 1 to 32 of a-z and 0-9 behind tdk_")?;
        let fits = shown.secret.len() >= SECRET_MIN && shown.secret.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self { id, hash: hash(shown.secret) }) } else { Err("has a secret of less than 32 printable characters") }
    }
}

/// What a verb asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: anyone may.
    Nothing,
    /// Any key, for no app in particular.
    Key,
    /// A key with the scope read, unless the caller is on this machine: a face knows.
    KeyElsewhere,
    Scope(Scope),
}

impl Needs {
    /// The scopes of which a key must have one; none of them: any key does, or nothing is asked.
    pub fn scopes(self) -> &'static [Scope] {
        match self {
            Self::Nothing | Self::Key => &[],
            Self::KeyElsewhere | Self::Scope(Scope::Read) => &[Scope::Read],
            // Which of the two a message needs is seen in its target: `Caller::may_send`.
            Self::Scope(Scope::Send) => &[Scope::Send, Scope::SendAll],
            Self::Scope(Scope::SendAll) => &[Scope::SendAll],
            Self::Scope(Scope::Devices) => &[Scope::Devices],
            Self::Scope(Scope::Admin) => &[Scope::Admin],
        }
    }
}

/// One text for an app that is not there and for one that is another's.
const NO_APP: &str = "there is no app of this name, or it is not for this key; names begin with /";

/// Somebody at a door.
#[derive(Clone, Copy, Debug)]
pub struct Knock<'a> {
    pub credential: Credential<'a>,
    pub needs: Needs,
    /// The app that is named; None: the key's own, `/` without a key.
    pub app: Option<&'a str>,
}

/// Who was let in, and for which app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    app: AppNo,
    /// Whether the app was named, or is simply the key's own.
    named: bool,
    scopes: Scopes,
    /// It may act for every app.
    rules: bool,
    /// None: calls are not limited.
    allowance: Option<Allowance>,
    /// The key that was shown; None: none was needed.
    key: Option<KeyId>,
}

impl Caller {
    /// Whoever has the data folder itself.
    pub fn operator() -> Self {
        Self { app: AppNo::DEFAULT, named: false, scopes: Scopes::EVERY, rules: true, allowance: None, key: None }
    }

    /// A device that may publish in its app.
    pub fn device_of(app: AppNo) -> Self {
        let scopes = Scopes::default().with(Scope::Send).with(Scope::SendAll);
        Self { app, named: true, scopes, rules: false, allowance: None, key: None }
    }

    /// The app that the call is for.
    pub fn app(&self) -> AppNo {
        self.app
    }

    /// Whether it may see this app: its own, or any if it administers `/`.
    pub fn sees(&self, app: AppNo) -> bool {
        self.app == app || (self.rules && !self.named)
    }

    /// It may make apps and end them, and give keys for any.
    pub fn rules(&self) -> bool {
        self.rules
    }

    /// What is left of the app's calls.
    pub fn allowance(&self) -> Option<Allowance> {
        self.allowance
    }

    /// The key that was shown.
    pub fn key(&self) -> Option<&KeyId> {
        self.key.as_ref()
    }

    /// Whether it may send there: what a route alone cannot tell.
    pub fn may_send(&self, to: &Target) -> Result<(), Refusal> {
        match to {
            Target::All => self.has(Scope::SendAll),
            Target::Uids(_) | Target::Tokens(_) | Target::TokenOrUid(_) | Target::Topic(_) => self.has(Scope::Send),
        }
    }

    fn has(&self, scope: Scope) -> Result<(), Refusal> {
        if self.scopes.has(scope) { Ok(()) } else { Err(denied(scope)) }
    }
}

/// Who a credential is.
struct Identity {
    home: AppNo,
    scopes: Scopes,
    key: Option<KeyId>,
}

impl Executor {
    /// No key was ever stored and none stands beside the store: whoever reaches the door may call.
    pub fn is_keyless(&self) -> bool {
        self.0.standing.is_none() && !self.0.store.directory().is_keyed()
    }

    /// Lets a caller in, or says why not. `invalid_key`, `expired_key`, `scope_denied`, `not_found` (the app), `app_disabled`, `rate_limited`, in this order.
    pub fn let_in(&self, knock: &Knock<'_>) -> Result<Caller, Refusal> {
        let identity = self.who(knock)?;
        identity.may(knock.needs)?;
        self.enter(&identity, knock)
    }

    /// Whether a caller who was let in may still be there; it costs no call.
    pub fn still(&self, knock: &Knock<'_>) -> Result<(), Refusal> {
        let identity = self.who(knock)?;
        identity.may(knock.needs)?;
        self.app_of(&identity, knock).map(|_| ())
    }

    fn who(&self, knock: &Knock<'_>) -> Result<Identity, Refusal> {
        match (knock.needs, self.is_keyless()) {
            (Needs::Nothing, _) | (_, true) => Ok(Identity { home: AppNo::DEFAULT, scopes: Scopes::EVERY, key: None }),
            (Needs::Key | Needs::KeyElsewhere | Needs::Scope(_), false) => self.identify(&knock.credential),
        }
    }

    fn identify(&self, credential: &Credential<'_>) -> Result<Identity, Refusal> {
        let shown = match credential {
            Credential::Nothing => {
                return Err(Refusal::new(
                    Code::InvalidKey,
                    "a key is needed: Authorization: Bearer tdk_<id>_<secret>; tidings key create makes one",
                ));
            }
            Credential::Malformed => return Err(Refusal::new(Code::InvalidKey, MALFORMED)),
            Credential::Key(shown) => shown,
        };
        let hash = hash(shown.secret);
        if let Some(standing) = self.0.standing.as_ref().filter(|standing| standing.id.as_str() == shown.id) {
            let is_right = same(&standing.hash, &hash);
            let identity = Identity { home: AppNo::DEFAULT, scopes: Scopes::EVERY, key: Some(standing.id.clone()) };
            return if is_right { Ok(identity) } else { Err(invalid_key()) };
        }
        let directory = self.0.store.directory();
        let key = KeyId::parse(shown.id).ok().and_then(|id| directory.key(&id).cloned());
        let key = key.filter(|key| opens(key, &hash)).ok_or_else(invalid_key)?;
        in_time(&key, self.0.store.now())?;
        Ok(Identity { home: key.app, scopes: key.scopes, key: Some(key.id.clone()) })
    }

    fn enter(&self, identity: &Identity, knock: &Knock<'_>) -> Result<Caller, Refusal> {
        let app = self.app_of(identity, knock)?;
        let allowance = match knock.needs {
            Needs::Nothing => None,
            Needs::Key | Needs::KeyElsewhere | Needs::Scope(_) => self.0.quotas.call(app, self.0.store.now())?,
        };
        Ok(Caller {
            app,
            named: knock.app.is_some(),
            scopes: identity.scopes,
            rules: identity.rules(),
            allowance,
            key: identity.key.clone(),
        })
    }

    /// The app that the call is for, if it is open to the caller.
    fn app_of(&self, identity: &Identity, knock: &Knock<'_>) -> Result<AppNo, Refusal> {
        let rules = identity.rules();
        let directory = self.0.store.directory();
        let app = match knock.app {
            None => directory.app(identity.home),
            // Another's app is to a key as one that does not exist.
            Some(name) => directory.named(name).filter(|app| rules || app.no == identity.home),
        };
        let app = app.ok_or_else(|| Refusal::new(Code::NotFound, NO_APP))?;
        // Whoever administers `/` must be able to enable an app again.
        let is_shut = app.disabled && !(rules && knock.needs == Needs::Scope(Scope::Admin));
        if is_shut && knock.needs != Needs::Nothing {
            return Err(Refusal::new(Code::AppDisabled, "the app is disabled"));
        }
        Ok(app.no)
    }
}

impl Identity {
    /// It administers `/`.
    fn rules(&self) -> bool {
        self.home == AppNo::DEFAULT && self.scopes.has(Scope::Admin)
    }

    fn may(&self, needs: Needs) -> Result<(), Refusal> {
        let enough = needs.scopes();
        match enough.first() {
            Some(scope) if !enough.iter().any(|scope| self.scopes.has(*scope)) => Err(denied(*scope)),
            Some(_) | None => Ok(()),
        }
    }
}

fn denied(scope: Scope) -> Refusal {
    Refusal::new(
        Code::ScopeDenied,
        format!("this key has not the scope {}; a key with the scope admin can give it, or make a key that has it", scope.as_str()),
    )
}

/// One text for every way in which a key is none.
fn invalid_key() -> Refusal {
    Refusal::new(Code::InvalidKey, "this is no key, or it has ended")
}

fn in_time(key: &ApiKey, now: Millis) -> Result<(), Refusal> {
    match key.until {
        Some(until) if until <= now => Err(Refusal::new(Code::ExpiredKey, "the time of this key is over")),
        Some(_) | None => Ok(()),
    }
}

/// Every secret is looked at, whichever it is.
fn opens(key: &ApiKey, hash: &SecretHash) -> bool {
    key.hashes.iter().fold(false, |opened, known| opened | same(known, hash))
}

/// In the same time for any two.
fn same(one: &SecretHash, other: &SecretHash) -> bool {
    let differing = one.iter().zip(other).fold(0, |bits, (one, other)| bits | (one ^ other));
    black_box(differing) == 0
}

pub(super) fn hash(secret: &str) -> SecretHash {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests;
