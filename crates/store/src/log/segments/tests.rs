use std::os::unix::fs::MetadataExt;

use tempfile::TempDir;

use super::*;
use crate::log::conformance::{Stage, conformance, message, record};

/// Segments in a folder; a kill leaves the files as they are: the process's connections are gone without a checkpoint.
struct OnDisk {
    dir: TempDir,
    sizes: Sizes,
    log: Option<Arc<Segments>>,
}

impl OnDisk {
    fn new(segment_bytes: u64) -> Self {
        let dir = TempDir::new().expect("a folder");
        let sizes = Sizes { segment_bytes, ..Sizes::default() };
        let log = Some(Arc::new(Segments::open(dir.path(), 5, sizes).expect("it opens")));
        Self { dir, sizes, log }
    }

    fn segments(&self) -> &Segments {
        self.log.as_ref().expect("open")
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(self.dir.path()).expect("a folder").map(|found| found.expect("a file").path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "db"));
        files.sort();
        files
    }

    fn append(&self, facts: usize) {
        let last = self.segments().bounds().expect("readable").last;
        let facts = (0..facts).map(|n| message(1000 + last, n as u8, 500));
        self.segments().append(last, &[record(last, 1000 + last, facts)]).expect("stored");
    }

    /// As a stop of the whole machine would find it: closed, and nothing flushed that was not.
    fn edit(&mut self, sql: &str) {
        self.segments().close().expect("it closes");
        self.log = None;
        let conn = Connection::open(&self.files()[0]).expect("it opens");
        conn.execute_batch(sql).expect("changed");
        drop(conn);
        self.log = Some(Arc::new(Segments::open(self.dir.path(), 5, self.sizes).expect("it opens")));
    }

    fn read_all(&self) -> Result<usize, ReadError> {
        self.segments().read(Position::ZERO, Position::from_raw(u64::MAX), usize::MAX).map(|batch| batch.entries.len())
    }
}

impl Stage for OnDisk {
    fn log(&self) -> Arc<dyn Log> {
        self.log.clone().expect("open")
    }

    fn kill(&mut self) {
        self.log = None;
        self.log = Some(Arc::new(Segments::open(self.dir.path(), 5, self.sizes).expect("it opens again")));
    }
}

mod one_segment {
    use super::*;
    conformance!(OnDisk::new(u64::MAX));
}

mod many_segments {
    use super::*;
    conformance!(OnDisk::new(300));
}

#[test]
fn full_segments_are_sealed_and_read_like_the_open_one() {
    let mut stage = OnDisk::new(2_000);
    for _ in 0..20 {
        stage.append(3);
    }
    let files = stage.files();
    assert!(files.len() > 3, "{files:?}");
    assert_eq!(stage.read_all(), Ok(60));
    stage.segments().seal().expect("sealed");
    let (newest, full) = files.split_last().expect("some");
    for file in full {
        assert!(fs::metadata(file).expect("there").permissions().readonly());
        assert!(!folder::wal_of(file).exists());
    }
    assert!(!fs::metadata(newest).expect("there").permissions().readonly());
    assert_eq!(stage.read_all(), Ok(60));
    stage.kill();
    assert_eq!(stage.segments().verify(), Ok(20));
}

#[test]
fn an_old_segment_is_full_however_small() {
    let stage = OnDisk::new(u64::MAX);
    let log = stage.segments();
    log.append(0, &[record(0, 1000, [message(1000, 1, 5)])]).expect("stored");
    log.append(1, &[record(1, 1000 + 6 * 3_600_000, [message(1000, 1, 5)])]).expect("stored");
    assert_eq!(stage.files().len(), 2);
}

#[test]
fn a_checkpoint_beside_appends_moves_the_frames_into_the_segment() {
    let stage = OnDisk::new(u64::MAX);
    stage.append(200);
    let before = fs::metadata(&stage.files()[0]).expect("there").len();
    stage.segments().checkpoint().expect("copied");
    assert!(fs::metadata(&stage.files()[0]).expect("there").len() > before);
    stage.append(1);
    assert_eq!(stage.read_all(), Ok(201));
}

#[test]
fn a_second_process_on_the_same_files_is_fenced() {
    let stage = OnDisk::new(u64::MAX);
    let other = Segments::open(stage.dir.path(), 5, stage.sizes).expect("it opens");
    stage.append(1);
    assert_eq!(other.append(0, &[record(0, 1000, [message(1000, 9, 1)])]), Err(AppendError::Fenced { last: 1 }));
    // It has lost for good: nothing more is written.
    assert!(matches!(other.append(1, &[record(1, 1000, [message(1000, 9, 1)])]), Err(AppendError::Unknown { goes_on: false, .. })));
    stage.append(1);
}

#[test]
fn a_flipped_byte_a_missing_fact_and_a_missing_record_are_damage() {
    let damaged = |sql: &str, at: Position, expected: &'static str| {
        let mut stage = OnDisk::new(u64::MAX);
        for _ in 0..4 {
            stage.append(2);
        }
        stage.edit(sql);
        assert_eq!(stage.read_all(), Err(ReadError::Corrupt { at, what: expected }), "{sql}");
    };
    damaged("UPDATE fact SET body = X'223022' WHERE pos = 513", Position::new(2, 1), "a fact fails its check sum");
    damaged("DELETE FROM fact WHERE pos = 512", Position::new(2, 0), "a fact is missing");
    damaged("DELETE FROM fact WHERE pos = 513", Position::new(2, 0), "a fact is missing");
    damaged("DELETE FROM rec WHERE n = 2", Position::new(2, 0), "a record is missing");
    damaged("UPDATE rec SET at = at + 1 WHERE n = 3", Position::new(3, 0), "a record fails its check sum");
    damaged("UPDATE rec SET prev = 1 WHERE n = 3", Position::new(3, 0), "it does not follow the record before it");
}

#[test]
fn a_fact_of_a_later_build_stops_the_reader_where_it_stands() {
    let mut stage = OnDisk::new(u64::MAX);
    stage.append(1);
    let at = Position::new(1, 0);
    let crc = crate::log::codec::checksum(at, 31, &[1], b"");
    stage.edit(&format!("UPDATE fact SET tag = 31, head = X'01', body = X'', crc = {crc}"));
    assert_eq!(stage.read_all(), Err(ReadError::Newer { at, tag: 31, version: 1 }));
}

#[test]
fn what_a_crash_left_behind_is_written_anew_before_it_is_believed() {
    let mut stage = OnDisk::new(u64::MAX);
    stage.append(3);
    let wal = folder::wal_of(&stage.files()[0]);
    let before = fs::metadata(&wal).expect("it has not been checkpointed");
    stage.kill();
    let after = fs::metadata(&wal).expect("it is still there");
    assert_eq!(after.len(), before.len());
    assert_ne!(after.ino(), before.ino(), "another file, synced before it got the name");
    assert_eq!(stage.read_all(), Ok(3));
}

#[test]
fn a_half_made_segment_is_removed() {
    let mut stage = OnDisk::new(u64::MAX);
    stage.append(1);
    for name in ["000002.new", "000002.new-wal", "000002.new-shm"] {
        fs::write(stage.dir.path().join(name), b"half").expect("written");
    }
    stage.kill();
    assert_eq!(stage.read_all(), Ok(1));
    assert!(!stage.dir.path().join("000002.new").exists());
}

#[test]
fn segments_that_do_not_follow_each_other_are_refused() {
    let mut stage = OnDisk::new(300);
    for _ in 0..3 {
        stage.append(1);
    }
    stage.segments().close().expect("it closes");
    stage.log = None;
    fs::remove_file(&stage.files()[1]).expect("removed");
    assert!(matches!(Segments::open(stage.dir.path(), 5, stage.sizes).map(|_| ()), Err(OpenError::Corrupt { .. })));
}
