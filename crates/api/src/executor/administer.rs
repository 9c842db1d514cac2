//! Apps and keys: who sees which, and what of them an administrator may change.

use std::sync::Arc;

use tidings_model::{
    Administer, Answer, ApiKey, App, AppChange, AppNo, Code, KeyChange, KeyId, Millis, NewApp, NewKey, Refusal, Request, Scope, Scopes,
    SecretHash,
};

use super::access::{PREFIX, hash};
use super::{Caller, Executor, Running};

/// What a new key shall be.
#[derive(Clone, Debug)]
pub struct KeyWish {
    /// None: the caller's.
    pub app: Option<String>,
    pub name: String,
    pub scopes: Scopes,
    pub until: Option<Millis>,
}

/// What shall change of a key; None: nothing.
#[derive(Clone, Debug, Default)]
pub struct KeyEdit {
    pub name: Option<String>,
    pub scopes: Option<Scopes>,
    pub until: Option<Option<Millis>>,
    /// A new secret, beside the one until now.
    pub rotate: bool,
    /// The older secret ends.
    pub retire: bool,
}

/// What shall change of an app; None: nothing.
#[derive(Clone, Debug, Default)]
pub struct AppEdit {
    pub disabled: Option<bool>,
    pub client_topics: Option<Vec<String>>,
}

/// A key and, where one was drawn just now, its whole text, which nobody can tell again.
#[derive(Clone)]
pub struct Given {
    pub key: Arc<ApiKey>,
    pub text: Option<String>,
}

impl Executor {
    /// The apps that the caller sees.
    pub fn apps(&self, caller: &Caller) -> Vec<Arc<App>> {
        self.0.store.directory().apps().filter(|app| caller.sees(app.no)).cloned().collect()
    }

    pub fn app(&self, caller: &Caller, name: &str) -> Result<Arc<App>, Refusal> {
        let directory = self.0.store.directory();
        directory.named(name).filter(|app| caller.sees(app.no)).cloned().ok_or_else(|| Refusal::new(Code::NotFound, "there is no such app"))
    }

    /// The name of an app that exists.
    pub fn app_name(&self, no: AppNo) -> String {
        self.0.store.directory().app(no).map_or_else(String::new, |app| app.name.as_str().to_owned())
    }

    /// The app, and whether it is the first beside `/`.
    pub async fn create_app(&self, caller: &Caller, _running: Running, new: NewApp) -> Result<(Arc<App>, bool), Refusal> {
        rules(caller)?;
        let was_shared = self.0.store.directory().is_shared();
        let app = self.app_answer(Administer::CreateApp(new)).await?;
        Ok((app, !was_shared))
    }

    pub async fn change_app(&self, caller: &Caller, _running: Running, name: &str, edit: AppEdit) -> Result<Arc<App>, Refusal> {
        let no = self.app(caller, name)?.no;
        if edit.disabled.is_some() {
            rules(caller)?;
        }
        self.app_answer(Administer::ChangeApp(AppChange { no, disabled: edit.disabled, client_topics: edit.client_topics })).await
    }

    /// Its keys end with it, and its sockets are closed.
    pub async fn remove_app(&self, caller: &Caller, _running: Running, name: &str) -> Result<(), Refusal> {
        let no = self.app(caller, name)?.no;
        rules(caller)?;
        self.done_answer(Administer::RemoveApp(no)).await
    }

    /// The keys that the caller sees, oldest first.
    pub fn keys(&self, caller: &Caller) -> Vec<Arc<ApiKey>> {
        let mut keys: Vec<_> = self.0.store.directory().keys().filter(|key| caller.sees(key.app)).cloned().collect();
        keys.sort_by_key(|key| key.created);
        keys
    }

    pub fn key(&self, caller: &Caller, id: &str) -> Result<Arc<ApiKey>, Refusal> {
        let directory = self.0.store.directory();
        let key = KeyId::parse(id).ok().and_then(|id| directory.key(&id).cloned());
        key.filter(|key| caller.sees(key.app)).ok_or_else(|| Refusal::new(Code::NotFound, "there is no such key"))
    }

    pub async fn create_key(&self, caller: &Caller, _running: Running, wish: KeyWish) -> Result<Given, Refusal> {
        self.check_first(&wish)?;
        let app = match &wish.app {
            Some(name) => self.app(caller, name).map_err(|refusal| refusal.field("app"))?.no,
            None => caller.app(),
        };
        let id = KeyId::trusted(&lower(&draw::<10>()?));
        let (secret, hash) = secret()?;
        let standing = self.0.standing.is_some();
        let new = NewKey { id, app, name: wish.name, scopes: wish.scopes, hash, until: wish.until, standing };
        let key = self.key_answer(Administer::CreateKey(new)).await?;
        let text = Some(format!("{PREFIX}{}_{secret}", key.id));
        Ok(Given { key, text })
    }

    /// Before its app is looked for, so that nobody makes an app for a key that cannot be.
    fn check_first(&self, wish: &KeyWish) -> Result<(), Refusal> {
        let is_root = wish.app.as_deref().is_none_or(|app| app == "/");
        if !self.is_keyless() || (is_root && wish.scopes.has(Scope::Admin)) {
            return Ok(());
        }
        Err(Refusal::new(Code::Conflict, "the first key must have the scope admin, on the app /: from then on every call needs a key"))
    }

    pub async fn change_key(&self, caller: &Caller, _running: Running, id: &str, edit: KeyEdit) -> Result<Given, Refusal> {
        let id = self.key(caller, id)?.id.clone();
        let drawn = if edit.rotate { Some(secret()?) } else { None };
        let change = KeyChange {
            id,
            name: edit.name,
            scopes: edit.scopes,
            until: edit.until,
            rotate: drawn.as_ref().map(|(_, hash)| *hash),
            retire: edit.retire,
            standing: self.0.standing.is_some(),
        };
        let key = self.key_answer(Administer::ChangeKey(change)).await?;
        let text = drawn.map(|(secret, _)| format!("{PREFIX}{}_{secret}", key.id));
        Ok(Given { key, text })
    }

    pub async fn remove_key(&self, caller: &Caller, _running: Running, id: &str) -> Result<(), Refusal> {
        let id = self.key(caller, id)?.id.clone();
        self.done_answer(Administer::RemoveKey { id, standing: self.0.standing.is_some() }).await
    }

    async fn app_answer(&self, ask: Administer) -> Result<Arc<App>, Refusal> {
        match self.ask(Request::Administer(ask)).await? {
            Answer::App(app) => Ok(app),
            _ => Err(something_else()),
        }
    }

    async fn key_answer(&self, ask: Administer) -> Result<Arc<ApiKey>, Refusal> {
        match self.ask(Request::Administer(ask)).await? {
            Answer::Key(key) => Ok(key),
            _ => Err(something_else()),
        }
    }

    pub(super) async fn done_answer(&self, ask: Administer) -> Result<(), Refusal> {
        match self.ask(Request::Administer(ask)).await? {
            Answer::Done => Ok(()),
            _ => Err(something_else()),
        }
    }
}

pub(super) fn something_else() -> Refusal {
    Refusal::new(Code::Internal, "the store answered something else")
}

fn rules(caller: &Caller) -> Result<(), Refusal> {
    if caller.rules() { Ok(()) } else { Err(Refusal::new(Code::ScopeDenied, "this takes a key of the app / with the scope admin")) }
}

pub(super) fn draw<const N: usize>() -> Result<[u8; N], Refusal> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| Refusal::new(Code::Internal, "the system has no random bits"))?;
    Ok(bytes)
}

/// 256 random bits as text, and what is stored of them.
fn secret() -> Result<(String, SecretHash), Refusal> {
    let text: String = draw::<32>()?.iter().map(|byte| format!("{byte:02x}")).collect();
    let hash = hash(&text);
    Ok((text, hash))
}

/// Five bits of each byte, as letters and digits that cannot be taken for one another.
fn lower(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
}
