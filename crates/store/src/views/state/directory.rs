//! Apps and keys as rows: read whole at the start, written where a merge changed them.

use rusqlite::{Connection, params};
use tidings_model::{ApiKey, App, AppName, AppNo, Directory, KeyId, Millis, Scopes};

use super::{meta, put_meta};

/// Patterns hold no control characters, so that one may stand between two of them.
const BETWEEN: char = '\n';

pub(super) fn read(conn: &Connection) -> rusqlite::Result<Directory> {
    let next = meta(conn, "next_app")?.and_then(|next| u32::try_from(next).ok()).unwrap_or(0);
    let mut directory = Directory::new(next, meta(conn, "keyed")?.is_some());
    let mut apps = conn.prepare("SELECT a, name, disabled, topics, created FROM app")?;
    for app in apps.query_map([], read_app)? {
        directory.put_app(app?);
    }
    let mut keys = conn.prepare("SELECT id, a, name, scopes, hashes, created, until FROM apikey")?;
    for key in keys.query_map([], read_key)? {
        directory.put_key(key?);
    }
    Ok(directory)
}

fn read_app(row: &rusqlite::Row<'_>) -> rusqlite::Result<App> {
    let topics = row.get_ref(3)?.as_str()?;
    Ok(App {
        no: AppNo(row.get(0)?),
        name: AppName::trusted(row.get_ref(1)?.as_str()?),
        disabled: row.get(2)?,
        client_topics: topics.split(BETWEEN).filter(|pattern| !pattern.is_empty()).map(str::to_owned).collect(),
        created: row.get::<_, Option<i64>>(4)?.map(|time| Millis(time as u64)),
    })
}

fn read_key(row: &rusqlite::Row<'_>) -> rusqlite::Result<ApiKey> {
    let (hashes, _) = row.get_ref(4)?.as_blob()?.as_chunks::<32>();
    Ok(ApiKey {
        id: KeyId::trusted(row.get_ref(0)?.as_str()?),
        app: AppNo(row.get(1)?),
        name: row.get(2)?,
        scopes: Scopes::from_bits(row.get(3)?),
        hashes: hashes.to_vec(),
        created: Millis(row.get::<_, i64>(5)? as u64),
        until: row.get::<_, Option<i64>>(6)?.map(|time| Millis(time as u64)),
    })
}

/// Within the caller's transaction.
pub(super) fn write(conn: &Connection, before: &Directory, now: &Directory) -> rusqlite::Result<()> {
    if std::ptr::eq(before, now) {
        return Ok(());
    }
    for gone in before.apps().filter(|app| now.app(app.no).is_none()) {
        conn.execute("DELETE FROM app WHERE a = ?1", [gone.no.0])?;
    }
    for app in now.apps().filter(|app| before.app(app.no) != Some(*app)) {
        write_app(conn, app)?;
    }
    for gone in before.keys().filter(|key| now.key(&key.id).is_none()) {
        conn.execute("DELETE FROM apikey WHERE id = ?1", [gone.id.as_str()])?;
    }
    for key in now.keys().filter(|key| before.key(&key.id) != Some(*key)) {
        write_key(conn, key)?;
    }
    put_meta(conn, "next_app", u64::from(now.next_app().0))?;
    if now.is_keyed() { put_meta(conn, "keyed", 1) } else { Ok(()) }
}

fn write_app(conn: &Connection, app: &App) -> rusqlite::Result<()> {
    let topics = app.client_topics.join(&BETWEEN.to_string());
    let created = app.created.map(|time| time.0 as i64);
    conn.execute(
        "INSERT OR REPLACE INTO app VALUES(?1, ?2, ?3, ?4, ?5)",
        params![app.no.0, app.name.as_str(), app.disabled, topics, created],
    )
    .map(drop)
}

fn write_key(conn: &Connection, key: &ApiKey) -> rusqlite::Result<()> {
    let hashes = key.hashes.concat();
    let until = key.until.map(|time| time.0 as i64);
    let row = params![key.id.as_str(), key.app.0, key.name, key.scopes.bits(), hashes, key.created.0 as i64, until];
    conn.execute("INSERT OR REPLACE INTO apikey VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)", row).map(drop)
}
