use tempfile::TempDir;

use super::*;

/// Views of a log, as far as a snapshot looks at them.
fn views(dir: &Path, mark: u64) -> PathBuf {
    let path = dir.join("state.db");
    let conn = Connection::open(&path).expect("it opens");
    let sql = "PRAGMA journal_mode=WAL; CREATE TABLE IF NOT EXISTS meta(k TEXT PRIMARY KEY, v INTEGER NOT NULL) WITHOUT ROWID";
    conn.execute_batch(sql).expect("made");
    for (key, value) in [("mark", mark), ("log_id", 7)] {
        conn.execute("INSERT OR REPLACE INTO meta VALUES(?1, ?2)", (key, value as i64)).expect("written");
    }
    path
}

#[test]
fn a_snapshot_is_what_its_manifest_says_or_it_is_none() {
    let dir = TempDir::new().expect("a folder");
    let snapshots = Snapshots::of(dir.path());
    assert_eq!(snapshots.list(), []);
    let made = snapshots.make(&views(dir.path(), 512), Millis(5)).expect("made");
    assert_eq!((made.mark, made.at, made.log_id), (Position::from_raw(512), Millis(5), 7));
    assert_eq!(snapshots.list(), std::slice::from_ref(&made));
    let copy = dir.path().join("copy");
    snapshots.fetch(&made, &copy).expect("it is whole");
    assert_eq!(checksum(&copy).expect("read"), made.sum);

    let file = snapshots.path(made.mark, "db");
    let mut bytes = fs::read(&file).expect("read");
    bytes[5000] ^= 1;
    fs::write(&file, bytes).expect("written");
    assert!(matches!(snapshots.fetch(&made, &copy), Err(CopyError::Damaged(_))));
    assert!(!copy.exists(), "nobody takes what failed for a copy");
    for text in ["", "{}", "{\"format\":2,\"mark\":\"512\",\"at\":5,\"log_id\":\"7\",\"sha256\":\"\"}"] {
        fs::write(snapshots.path(made.mark, "json"), text).expect("written");
        assert_eq!(snapshots.list(), [], "{text}");
    }
}

#[test]
fn what_a_crash_left_half_made_goes_and_the_newest_two_stay() {
    let dir = TempDir::new().expect("a folder");
    let snapshots = Snapshots::of(dir.path());
    for mark in [256, 512, 768] {
        snapshots.make(&views(dir.path(), mark), Millis(mark)).expect("made");
        for left in ["new", "new-journal", "manifest", "00000000000000000001.db"] {
            fs::write(dir.path().join(FOLDER).join(left), "half").expect("written");
        }
    }
    snapshots.make(&views(dir.path(), 768), Millis(9)).expect("one of the same moment takes the other's place");
    assert_eq!(snapshots.list().iter().map(|found| (found.mark.raw(), found.at.0)).collect::<Vec<_>>(), [(768, 9), (512, 512)]);
    assert_eq!(fs::read_dir(dir.path().join(FOLDER)).expect("listed").count(), 4);
}

#[test]
fn views_that_are_damaged_make_no_snapshot() {
    let dir = TempDir::new().expect("a folder");
    let state = dir.path().join("state.db");
    fs::write(&state, "no database").expect("written");
    let snapshots = Snapshots::of(dir.path());
    assert!(snapshots.make(&state, Millis(1)).is_err());
    assert_eq!(snapshots.list(), []);
}
