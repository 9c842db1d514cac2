use std::os::unix::fs::MetadataExt;

use tempfile::TempDir;

use super::*;
use crate::log::conformance::{Stage, conformance, message, record};
use crate::log::folder;

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
    let crc = crate::log::codec::checksum(at, 99, &[1], b"");
    stage.edit(&format!("UPDATE fact SET tag = 99, head = X'01', body = X'', crc = {crc}"));
    assert_eq!(stage.read_all(), Err(ReadError::Newer { at, tag: 99, version: 1 }));
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

/// A small file system of its own; None: this user may not mount, which is printed.
struct Tmpfs(TempDir);

impl Tmpfs {
    fn mount(megabytes: u32) -> Option<Self> {
        let dir = TempDir::new().expect("a folder");
        let output = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
            .arg(dir.path())
            .output();
        if output.as_ref().is_ok_and(|output| output.status.success()) {
            return Some(Self(dir));
        }
        eprintln!("skipped: no tmpfs can be mounted here: {output:?}");
        None
    }

    /// Fills it up to `left` bytes.
    fn leave(&self, left: u64) {
        let ballast = fs::OpenOptions::new().create(true).append(true).open(self.0.path().join("ballast")).expect("opened");
        let free = folder::Folder::free(self.0.path()).expect("it says");
        let size = ballast.metadata().expect("it says").len();
        if free < left {
            ballast.set_len(size.saturating_sub(left - free)).expect("cut");
            return;
        }
        // Written, not only made longer: a hole takes no room.
        std::io::Write::write_all(&mut &ballast, &vec![0; (free - left) as usize]).expect("filled");
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// Appends until the wal-index must grow and cannot: the batch is on disk, and nobody sees it. Its number.
fn outgrow(tmpfs: &Tmpfs, log: &Segments) -> u64 {
    let wal = folder::wal_of(&tmpfs.0.path().join("000001.db"));
    let frames = || fs::metadata(&wal).map_or(0, |meta| meta.len() / (PAGE + 24));
    let mut last = 0;
    while frames() < 3_980 {
        last = log.append(last, &[record(last, 1000 + last, [message(1000 + last, 0, 200_000)])]).expect("there is room");
    }
    loop {
        // Room for the frames of one commit, and none for 32 KiB more of wal-index.
        tmpfs.leave(28 << 10);
        match log.append(last, &[record(last, 1000 + last, [message(1000 + last, 7, 10)])]) {
            Ok(number) => last = number,
            Err(AppendError::Unknown { goes_on: true, .. }) => return last + 1,
            Err(other) => panic!("{other} at {} frames", frames()),
        }
        assert!(frames() < 4_200, "the wal-index has grown after all");
    }
}

#[test]
fn a_batch_behind_a_wal_index_that_could_not_grow_is_gone_for_good_with_the_next_append() {
    let Some(tmpfs) = Tmpfs::mount(80) else { return };
    let log = Segments::open(tmpfs.0.path(), 5, Sizes::default()).expect("it opens");
    let lost = outgrow(&tmpfs, &log);
    assert_eq!(log.bounds().expect("readable").last, lost - 1);
    assert_eq!(log.find(MessageId::v7(1000 + lost - 1, [7; 10])), Ok(None), "no connection sees it");
    fs::remove_file(tmpfs.0.path().join("ballast")).expect("removed");
    let other = record(lost - 1, 9_000_000, [message(9_000_000, 8, 10)]);
    assert_eq!(log.append(lost - 1, &[other]), Ok(lost));
    drop(log);
    let log = Segments::open(tmpfs.0.path(), 5, Sizes::default()).expect("it opens again");
    assert_eq!(log.verify(), Ok(lost));
    assert!(log.find(MessageId::v7(9_000_000, [8; 10])).expect("readable").is_some());
    assert_eq!(log.find(MessageId::v7(1000 + lost - 1, [7; 10])), Ok(None));
}

#[test]
fn a_batch_behind_a_wal_index_that_could_not_grow_is_back_whole_if_the_process_dies_first() {
    let Some(tmpfs) = Tmpfs::mount(80) else { return };
    let log = Segments::open(tmpfs.0.path(), 5, Sizes::default()).expect("it opens");
    let lost = outgrow(&tmpfs, &log);
    fs::remove_file(tmpfs.0.path().join("ballast")).expect("removed");
    // Every connection goes without a checkpoint, as a killed process's do; what is seen is what the files say.
    let image = TempDir::new().expect("a folder");
    for name in ["000001.db", "000001.db-wal"] {
        fs::copy(tmpfs.0.path().join(name), image.path().join(name)).expect("copied");
    }
    drop(log);
    let log = Segments::open(image.path(), 5, Sizes::default()).expect("it opens");
    assert_eq!(log.verify(), Ok(lost));
    assert!(log.find(MessageId::v7(1000 + lost - 1, [7; 10])).expect("readable").is_some());
}

#[test]
fn without_room_to_make_a_crash_safe_the_start_says_how_much_is_missing() {
    let Some(tmpfs) = Tmpfs::mount(4) else { return };
    let log = Segments::open(tmpfs.0.path(), 5, Sizes::default()).expect("it opens");
    log.append(0, &[record(0, 1000, [message(1000, 0, 500_000)])]).expect("stored");
    drop(log);
    let wal = fs::metadata(folder::wal_of(&tmpfs.0.path().join("000001.db"))).expect("it is left").len();
    tmpfs.leave(wal / 2);
    match Segments::open(tmpfs.0.path(), 5, Sizes::default()).map(|_| ()) {
        Err(OpenError::NoRoom { missing }) => assert_eq!(missing, wal - folder::Folder::free(tmpfs.0.path()).expect("it says")),
        other => panic!("{other:?}"),
    }
    fs::remove_file(tmpfs.0.path().join("ballast")).expect("removed");
    assert_eq!(Segments::open(tmpfs.0.path(), 5, Sizes::default()).expect("it opens").verify(), Ok(1));
}

#[test]
fn a_full_disk_stores_nothing_and_what_was_there_stays() {
    let Some(tmpfs) = Tmpfs::mount(4) else { return };
    let log = Segments::open(tmpfs.0.path(), 5, Sizes::default()).expect("it opens");
    let mut last = 0;
    let refused = loop {
        match log.append(last, &[record(last, 1000 + last, [message(1000 + last, 3, 50_000)])]) {
            Ok(number) => last = number,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, AppendError::Full);
    drop(log);
    // It never comes back, also not after a death of the process.
    tmpfs.leave(0);
    fs::remove_file(tmpfs.0.path().join("ballast")).expect("removed");
    let image = TempDir::new().expect("a folder");
    for name in ["000001.db", "000001.db-wal"] {
        fs::copy(tmpfs.0.path().join(name), image.path().join(name)).expect("copied");
    }
    let log = Segments::open(image.path(), 5, Sizes::default()).expect("it opens");
    assert_eq!(log.verify(), Ok(last));
    assert!(log.append(last, &[record(last, 9000, [message(9000, 1, 1)])]).is_ok());
}

#[test]
fn what_stands_on_both_sides_of_a_jump_is_read_and_found_as_if_there_were_none() {
    let mut stage = OnDisk::new(2_000);
    for _ in 0..10 {
        stage.append(3);
    }
    let before = stage.segments().last();
    stage.segments().jump().expect("room");
    stage.kill();
    assert_eq!((stage.segments().last(), stage.segments().jumped()), (before + JUMP, Ok(before)));
    assert_eq!(stage.segments().newest().expect("readable").map(|header| header.number), Some(before));
    // Nothing was written behind it, and it is restored again.
    stage.segments().jump().expect("room");
    stage.kill();
    for _ in 0..10 {
        stage.append(3);
    }
    stage.kill();
    assert_eq!((stage.read_all(), stage.segments().verify(), stage.segments().jumped()), (Ok(60), Ok(20), Ok(0)));
    let log = stage.segments();
    let all = log.read(Position::ZERO, Position::from_raw(u64::MAX), usize::MAX).expect("readable").entries;
    for entry in &all {
        let Some(message) = crate::log::recent::published(&entry.fact) else { continue };
        assert_eq!(log.find(message.id).expect("readable").map(|(at, _)| at), Some(entry.at));
        assert!(log.since(entry.time).expect("readable") <= entry.at.record());
    }
    // From within the gap.
    let lost = Position::new(before + 7, 0);
    let next = log.read(lost, Position::from_raw(u64::MAX), 1).expect("readable");
    assert_eq!(next.entries[0].at, Position::new(before + 2 * JUMP + 1, 0));
    assert_eq!(log.read(lost, Position::new(before + 9, 0), 1).map(|batch| batch.entries.len()), Ok(0));
}

#[test]
fn what_is_trimmed_is_said_to_be_so_and_the_rest_is_whole() {
    let mut stage = OnDisk::new(2_000);
    for _ in 0..20 {
        stage.append(3);
    }
    let sealed = stage.segments().sealed();
    let (second, newest) = (sealed[1], sealed[sealed.len() - 1]);
    assert_eq!(stage.segments().trim(second.last - 1).expect("removed"), 1, "whole segments only");
    assert_eq!(stage.segments().trim(u64::MAX).expect("removed"), sealed.len() - 1, "never the one that is written");
    for _ in 0..2 {
        let log = stage.segments();
        assert_eq!(log.bounds().expect("readable"), Bounds { first: newest.last + 1, last: 20 });
        let begun = log.read(Position::ZERO, Position::from_raw(u64::MAX), 1).map(|_| ());
        assert_eq!(begun, Err(ReadError::Trimmed { first: newest.last + 1 }));
        assert_eq!(log.published(Position::new(1, 0)), Ok(None));
        assert_eq!(log.verify(), Ok(20 - newest.last));
        stage.kill();
    }
    stage.append(3);
    assert_eq!(stage.files().len(), 1 + usize::from(stage.segments().sealed().len() == 1));
}
