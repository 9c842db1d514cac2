//! Apps and keys: made, changed and ended, such that somebody can always administer what there is.

use std::sync::Arc;

use tidings_model::{Administer, Answer, ApiKey, App, AppChange, AppNo, Code, Fact, KeyChange, KeyId, Limits, NewApp, NewKey, Refusal};

use super::layers::Rests;
use super::{Beneath, Writer};
use crate::ReadError;
use crate::views::Rows;

/// What a fact of this room may take in a record, but for its texts.
pub(super) const FACT_BYTES: usize = 300;

pub(super) type Decided = Result<Answer, Refusal>;

impl<B: Beneath, T> Writer<B, T> {
    pub(super) fn administer(&mut self, ask: &Administer) -> Result<Answer, ReadError> {
        // What is looked at may have been decided in any batch: the answer waits for the newest.
        self.layers.rests = self.newest();
        let decided = match ask {
            Administer::CreateApp(new) => self.create_app(new)?,
            Administer::ChangeApp(change) => self.change_app(change)?,
            Administer::RemoveApp(no) => self.remove_app(*no)?,
            Administer::CreateKey(new) => self.create_key(new)?,
            Administer::ChangeKey(change) => self.change_key(change)?,
            Administer::RemoveKey { id, standing } => self.remove_key(id, *standing)?,
            Administer::CreateSink(new) => self.create_sink(new)?,
            Administer::ChangeSink(change) => self.change_sink(change)?,
            Administer::RemoveSink(no) => self.remove_sink(*no)?,
        };
        Ok(decided.unwrap_or_else(Answer::Refused))
    }

    pub(super) fn newest(&self) -> Rests {
        if !self.batching.is_idle() {
            Rests::Open
        } else if self.batching.is_flying() {
            Rests::Flying
        } else {
            Rests::Settled
        }
    }

    /// An app that takes what is asked of it.
    pub(super) fn serving(&mut self, no: AppNo) -> Result<(), Refusal> {
        match self.layers.numbers().directory.app(no) {
            None => Err(Refusal::new(Code::NotFound, "there is no such app")),
            Some(app) if app.disabled => Err(Refusal::new(Code::AppDisabled, "the app is disabled")),
            Some(_) => Ok(()),
        }
    }

    fn create_app(&mut self, new: &NewApp) -> Result<Decided, ReadError> {
        let directory = &self.layers.numbers().directory;
        if directory.named(new.name.as_str()).is_some() {
            return Ok(Err(Refusal::new(Code::Conflict, format!("the app {} exists", new.name)).field("name")));
        }
        if directory.apps().count() >= Limits::APPS {
            return Ok(Err(full(Limits::APPS, "apps")));
        }
        let no = directory.next_app();
        let created = Some(self.now);
        let client_topics = new.client_topics.clone();
        self.put_app(App { no, name: new.name.clone(), disabled: new.disabled, client_topics, created })
    }

    fn change_app(&mut self, change: &AppChange) -> Result<Decided, ReadError> {
        let Some(app) = self.layers.numbers().directory.app(change.no).cloned() else { return Ok(Err(no_app())) };
        let mut app = Arc::unwrap_or_clone(app);
        app.disabled = change.disabled.unwrap_or(app.disabled);
        app.client_topics = change.client_topics.clone().unwrap_or(app.client_topics);
        self.put_app(app)
    }

    fn put_app(&mut self, app: App) -> Result<Decided, ReadError> {
        let texts: usize = app.client_topics.iter().map(|pattern| pattern.len() + 4).sum();
        if let Err(refusal) = self.room(1, FACT_BYTES + texts) {
            return Ok(Err(refusal));
        }
        // Every door keeps a list of the apps.
        self.put(Fact::AppPut(app.clone()), u64::MAX)?;
        Ok(Ok(Answer::App(Arc::new(app))))
    }

    fn remove_app(&mut self, no: AppNo) -> Result<Decided, ReadError> {
        if no == AppNo::DEFAULT {
            return Ok(Err(Refusal::new(Code::Conflict, "the app / always exists; it can be disabled")));
        }
        if self.layers.numbers().directory.app(no).is_none() {
            return Ok(Err(no_app()));
        }
        if let Err(refusal) = self.room(1, FACT_BYTES) {
            return Ok(Err(refusal));
        }
        self.put(Fact::AppGone(no), u64::MAX)?;
        Ok(Ok(Answer::Done))
    }

    fn create_key(&mut self, new: &NewKey) -> Result<Decided, ReadError> {
        let now = self.now;
        let directory = &self.layers.numbers().directory;
        if directory.app(new.app).is_none() {
            return Ok(Err(no_app()));
        }
        if directory.key(&new.id).is_some() {
            return Ok(Err(Refusal::new(Code::Conflict, "a key has this id; ask again")));
        }
        if directory.keys().count() >= Limits::KEYS {
            return Ok(Err(full(Limits::KEYS, "keys")));
        }
        let ruled = new.standing || directory.is_keyed();
        let key = ApiKey {
            id: new.id.clone(),
            app: new.app,
            name: new.name.clone(),
            scopes: new.scopes,
            hashes: vec![new.hash],
            created: now,
            until: new.until,
        };
        if !ruled && !key.rules(now) {
            let why = "the first key must have the scope admin, on the app /: from then on every call needs a key";
            return Ok(Err(Refusal::new(Code::Conflict, why).field("scopes")));
        }
        self.put_key(key)
    }

    fn change_key(&mut self, change: &KeyChange) -> Result<Decided, ReadError> {
        let now = self.now;
        let directory = &self.layers.numbers().directory;
        let Some(before) = directory.key(&change.id).cloned() else { return Ok(Err(no_key())) };
        let key = changed(&before, change);
        let others = change.standing || directory.is_ruled(now, Some(&key.id));
        if before.rules(now) && !key.rules(now) && !others {
            return Ok(Err(last_admin()));
        }
        self.put_key(key)
    }

    fn put_key(&mut self, key: ApiKey) -> Result<Decided, ReadError> {
        if let Err(refusal) = self.room(1, FACT_BYTES + key.name.len()) {
            return Ok(Err(refusal));
        }
        self.put(Fact::KeyPut(key.clone()), 0)?;
        Ok(Ok(Answer::Key(Arc::new(key))))
    }

    fn remove_key(&mut self, id: &KeyId, standing: bool) -> Result<Decided, ReadError> {
        let now = self.now;
        let directory = &self.layers.numbers().directory;
        let Some(key) = directory.key(id) else { return Ok(Err(no_key())) };
        if key.rules(now) && !standing && !directory.is_ruled(now, Some(id)) {
            return Ok(Err(last_admin()));
        }
        if let Err(refusal) = self.room(1, FACT_BYTES) {
            return Ok(Err(refusal));
        }
        self.put(Fact::KeyGone(id.clone()), 0)?;
        Ok(Ok(Answer::Done))
    }
}

fn changed(before: &ApiKey, change: &KeyChange) -> ApiKey {
    let mut key = before.clone();
    key.name = change.name.clone().unwrap_or(key.name);
    key.scopes = change.scopes.unwrap_or(key.scopes);
    key.until = change.until.unwrap_or(key.until);
    if let Some(hash) = change.rotate {
        key.hashes.insert(0, hash);
    }
    key.hashes.truncate(if change.retire { 1 } else { 2 });
    key
}

pub(super) fn no_app() -> Refusal {
    Refusal::new(Code::NotFound, "there is no such app")
}

fn no_key() -> Refusal {
    Refusal::new(Code::NotFound, "there is no such key")
}

fn last_admin() -> Refusal {
    Refusal::new(Code::Conflict, "it is the last key with the scope admin on the app /: nobody could make another one")
}

pub(super) fn full(limit: usize, of: &'static str) -> Refusal {
    Refusal::new(Code::QuotaExceeded, format!("there are {limit} {of}, and no more can be made")).sizes(limit as u64, limit as u64 + 1)
}
