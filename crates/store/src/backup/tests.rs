use std::sync::mpsc::sync_channel;
use std::thread;

use tempfile::TempDir;
use tidings_model::{Answer, AppNo, Content, Draft, Fact, Limits, Request, Target, Uid};

use super::*;
use crate::log::segments::JUMP;
use crate::{Config, EventQuery, Lane, Owner, Store};

fn open(data: &Path, sizes: Sizes) -> (Store, Owner) {
    let limits = Limits { disk_reserve_bytes: 0, ..Limits::default() };
    let config = Config { dir: data.to_owned(), limits, workers: 1, build: "test".to_owned(), accept_clock: false };
    Store::open_sized(config, sizes).expect("it opens")
}

fn small() -> Sizes {
    Sizes { segment_bytes: 20_000, ..Sizes::default() }
}

fn ask(store: &Store, request: Request) -> Answer {
    let (tell, told) = sync_channel(1);
    assert!(store.ask(Lane::Backends, request, Box::new(move |answer| tell.send(answer).expect("somebody waits"))).is_ok());
    told.recv().expect("every request is answered")
}

fn publish(store: &Store, text: &str) -> Position {
    let draft = Draft::new(AppNo::DEFAULT, Target::Uids(vec![Uid::trusted("42")]), Content::data(Json::string(text)));
    match ask(store, Request::Publish(draft)) {
        Answer::Accepted(accepted) => accepted.at,
        other => panic!("{other:?}"),
    }
}

fn messages(data: &Path) -> Vec<Position> {
    let (store, owner) = open(data, small());
    let (mut after, mut found) = (Position::ZERO, Vec::new());
    while after < store.durable() {
        let batch = store.read(after, store.durable(), 1 << 20).expect("readable");
        found.extend(batch.entries.iter().filter(|entry| matches!(*entry.fact, Fact::Published(_))).map(|entry| entry.at));
        after = batch.upto;
    }
    owner.close().expect("it closes");
    found
}

#[test]
fn a_backup_of_a_busy_store_has_everything_that_was_answered_before_it() {
    let dir = TempDir::new().expect("a folder");
    let (data, to, back) = (dir.path().join("data"), dir.path().join("backup"), dir.path().join("back"));
    let (store, owner) = open(&data, small());
    let text = "x".repeat(500);
    let sent: Vec<_> = (0..200).map(|_| publish(&store, &text)).collect();
    let (stop, stopped) = sync_channel::<()>(0);
    let busy = {
        let (store, text) = (store.clone(), text.clone());
        let body = move || {
            while stopped.try_recv() != Err(std::sync::mpsc::TryRecvError::Disconnected) {
                publish(&store, &text);
            }
        };
        thread::Builder::new().name("busy".to_owned()).spawn(body).expect("a thread")
    };
    // The lock is this very process's, which holds it no less.
    let made = backup(&data, &to).expect("it is made");
    drop(stop);
    busy.join().expect("it published until it was stopped");
    assert!(made.was_live && made.last >= sent.last().expect("some").record());
    assert!(segment_files(&to).expect("listed").len() > 3, "several segments, and one that was written");
    owner.close().expect("it closes");

    let restored = restore(&to, &back).expect("it is restored");
    assert_eq!((restored.last, restored.at), (made.last, made.at));
    let found = messages(&back);
    assert!(found.starts_with(&sent), "{} of {}", found.len(), sent.len());
    assert_eq!(found, messages(&data)[..found.len()], "and nothing else");
}

#[test]
fn after_a_restore_no_number_is_given_a_second_time() {
    let dir = TempDir::new().expect("a folder");
    let (data, to, back) = (dir.path().join("data"), dir.path().join("backup"), dir.path().join("back"));
    let (store, owner) = open(&data, small());
    let before = publish(&store, "before");
    owner.close().expect("it closes");
    let made = backup(&data, &to).expect("it is made");
    assert!(!made.was_live);
    let (store, owner) = open(&data, small());
    let lost = publish(&store, "after");
    owner.close().expect("it closes");

    restore(&to, &back).expect("it is restored");
    let (store, owner) = open(&back, small());
    let next = publish(&store, "next");
    assert_eq!(next.record(), made.last + JUMP + 2, "the start's own fact, then this one");
    let started = store.read(Position::end_of(made.last), store.durable(), 1 << 20).expect("readable across the jump");
    let Fact::Started(fact) = &*started.entries[0].fact else { panic!("{:?}", started.entries[0]) };
    assert_eq!(fact.after, made.last, "it says what it jumped over");
    assert_eq!(store.read(before, lost, 1 << 20).expect("readable").entries.len(), 0, "nothing stands where something was lost");
    // A sink that was further than the backup goes on with what is new, and is told no other fact for one that it has.
    let query = EventQuery {
        app: Some(AppNo::DEFAULT),
        sink: None,
        after: Some(tidings_model::EventId { at: lost, n: 0 }),
        types: None,
        limit: 10,
    };
    let page = store.events(&query).expect("its cursor is known");
    assert!(page.events.iter().all(|event| event.id.at > lost) && page.next.at > lost);
    owner.close().expect("it closes");
    assert_eq!(messages(&back), [before, next]);
    // The second start is no restore.
    let (store, owner) = open(&back, small());
    let last = store.durable();
    let newest = store.read(Position::end_of(last.record() - 1), last, 1 << 20).expect("readable");
    let Fact::Started(fact) = &*newest.entries[0].fact else { panic!("{:?}", newest.entries[0]) };
    assert_eq!(fact.after, 0);
    owner.close().expect("it closes");
}

#[test]
fn what_is_no_backup_or_no_place_for_one_is_refused_with_its_reason() {
    let dir = TempDir::new().expect("a folder");
    let (data, to) = (dir.path().join("data"), dir.path().join("backup"));
    assert!(matches!(backup(&data, &to), Err(BackupError::NoData(_))));
    let (_, owner) = open(&data, small());
    owner.close().expect("it closes");
    assert!(matches!(backup(&data, &data), Err(BackupError::NotEmpty(_))));
    assert!(matches!(restore(&to, &dir.path().join("back")), Err(BackupError::NoBackup(_))));
    backup(&data, &to).expect("it is made");
    assert!(matches!(restore(&to, &data), Err(BackupError::NotEmpty(_))));

    let manifest = fs::read_to_string(to.join(MANIFEST)).expect("there");
    for (from, into) in [("\"format\":1", "\"format\":2"), ("tidings-backup", "another"), ("\"log/", "\"../")] {
        fs::write(to.join(MANIFEST), manifest.replace(from, into)).expect("written");
        let error = restore(&to, &dir.path().join(format!("back{}", into.len()))).expect_err("it is refused");
        let expected = if from.contains("format") { "later one" } else { "is no backup" };
        assert!(error.to_string().contains(expected), "{error}");
    }
    fs::write(to.join(MANIFEST), manifest).expect("written");
    // One bit of a message.
    let segment = segment_files(&to).expect("listed").pop().expect("one");
    let mut bytes = fs::read(&segment).expect("read");
    let last = bytes.len() - 100;
    bytes[last] ^= 1;
    fs::write(&segment, bytes).expect("written");
    let half = dir.path().join("half");
    assert!(restore(&to, &half).expect_err("it is damaged").to_string().contains("check sum"));
    let config = Config { dir: half, limits: Limits::default(), workers: 1, build: "test".to_owned(), accept_clock: false };
    let error = Store::open(config).map(|_| ()).expect_err("what is half there is no data folder");
    assert!(error.to_string().contains("unfinished restore"), "{error}");
}

#[test]
fn a_backup_or_a_folder_of_a_later_version_is_not_opened() {
    let dir = TempDir::new().expect("a folder");
    let (data, to) = (dir.path().join("data"), dir.path().join("backup"));
    let (_, owner) = open(&data, small());
    owner.close().expect("it closes");
    fs::write(data.join("format"), "tidings-data 2\n").expect("written");
    assert!(backup(&data, &to).expect_err("it is refused").to_string().contains("later version"));
    let config = Config { dir: data, limits: Limits::default(), workers: 1, build: "test".to_owned(), accept_clock: false };
    let error = Store::open(config).map(|_| ()).expect_err("it is refused");
    assert!(error.to_string().contains("later version"), "{error}");
}
