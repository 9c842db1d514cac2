//! `state.db` as sorted text, without what has expired and without what tells only how far it is.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// Tables and what of them counts at `now`.
const TABLES: [(&str, &str); 19] = [
    ("meta", "k LIKE 'next_%' AND ?1 > 0"),
    ("app", "?1 > 0"),
    ("apikey", "?1 > 0"),
    ("sink", "?1 > 0"),
    ("population", "?1 > 0"),
    ("user", "?1 > 0"),
    ("reg", "?1 > 0"),
    ("device", "?1 > 0"),
    ("cur", "?1 > 0"),
    ("wide", "exp > ?1"),
    ("inbox", "?1 > 0"),
    ("recalled", "?1 > 0"),
    ("idem", "exp > ?1"),
    ("latest", "exp > ?1"),
    ("online", "?1 > 0"),
    ("topic", "?1 > 0"),
    ("follow", "?1 > 0"),
    ("stay", "?1 > 0"),
    ("post", "exp > ?1"),
];

pub(super) fn dump(state: &Path, now: u64) -> Vec<String> {
    let conn = Connection::open(state).expect("it opens");
    let check: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("checked");
    assert_eq!(check, "ok");
    let mut lines = Vec::new();
    for (table, counts) in TABLES {
        let mut select = conn.prepare(&format!("SELECT * FROM {table} WHERE {counts}")).expect("a table");
        let columns = select.column_count();
        let mut rows = select.query([now as i64]).expect("readable");
        while let Some(row) = rows.next().expect("readable") {
            let cells: Vec<String> = (0..columns).map(|index| cell(row.get_ref(index).expect("a cell"))).collect();
            lines.push(format!("{table}: {}", cells.join(" | ")));
        }
    }
    lines.sort();
    assert!(!lines.is_empty(), "there is something to compare");
    lines
}

fn cell(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "-".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
