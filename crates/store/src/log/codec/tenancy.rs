//! The fields of apps and keys.

use tidings_model::{ApiKey, App, AppName, AppNo, KeyId, Scopes};

use super::{Bytes, Malformed, Put, tag};

type Taken<T> = Result<T, Malformed>;

pub(super) fn put_app(head: &mut Vec<u8>, app: &App) -> u8 {
    head.number(u64::from(app.no.0));
    head.text(app.name.as_str());
    head.flag(app.disabled);
    head.list(&app.client_topics, |head, pattern| head.text(pattern));
    head.option(app.created, |head, created| head.millis(created));
    tag::APP_PUT
}

pub(super) fn take_app(bytes: &mut Bytes<'_>) -> Taken<App> {
    Ok(App {
        no: AppNo(bytes.small()?),
        name: AppName::trusted(bytes.text()?),
        disabled: bytes.flag()?,
        client_topics: bytes.list(|bytes| bytes.text().map(str::to_owned))?,
        created: bytes.option(Bytes::millis)?,
    })
}

pub(super) fn put_app_gone(head: &mut Vec<u8>, no: AppNo) -> u8 {
    head.number(u64::from(no.0));
    tag::APP_GONE
}

pub(super) fn put_key(head: &mut Vec<u8>, key: &ApiKey) -> u8 {
    head.number(u64::from(key.app.0));
    head.text(key.id.as_str());
    head.list(&key.hashes, |head, hash| head.fixed(hash));
    head.byte(key.scopes.bits());
    head.option(key.until, |head, until| head.millis(until));
    head.text(&key.name);
    head.millis(key.created);
    tag::KEY_PUT
}

pub(super) fn take_key(bytes: &mut Bytes<'_>) -> Taken<ApiKey> {
    Ok(ApiKey {
        app: AppNo(bytes.small()?),
        id: take_key_id(bytes)?,
        hashes: bytes.list(|bytes| bytes.array())?,
        scopes: Scopes::from_bits(bytes.byte()?),
        until: bytes.option(Bytes::millis)?,
        name: bytes.text()?.to_owned(),
        created: bytes.millis()?,
    })
}

pub(super) fn put_key_gone(head: &mut Vec<u8>, id: &KeyId) -> u8 {
    head.text(id.as_str());
    tag::KEY_GONE
}

pub(super) fn take_key_id(bytes: &mut Bytes<'_>) -> Taken<KeyId> {
    bytes.text().map(KeyId::trusted)
}
