//! Data folders as versions wrote them, kept for ever: every later version must open them and know what was told then.

use std::fmt::Write;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::sync_channel;

use tempfile::TempDir;
use tidings_json::Json;
use tidings_model::{
    Accepted, Administer, Answer, AppName, AppNo, Attached, Body, ClientEvent, CollapseKey, Content, DeviceId, Draft, EventName, EventType,
    Idempotency, KeyId, Leave, Lifetime, Limits, MailboxQuery, Millis, Named, NewApp, NewKey, Page, Print, Proofs, Register, Report,
    Request, Scope, Scopes, SocketId, Target, Uid,
};

use crate::log::folder::Folder;
use crate::log::segments::{Segments, Sizes};
use crate::open::{Logs, OnDisk, Outside, start};
use crate::shell::Source;
use crate::shell::archivist::Archivist;
use crate::writer::Dice;
use crate::{Config, EventQuery, Lane, Owner, Store};

/// Log time of the fixture's making. Its messages must not expire while real time goes on, so time stands still.
const NOW: u64 = 1_800_000_000_000;
/// What the generator was told, line by line.
const TOLD: &str = "told.txt";

/// What makes a folder.
type Life = fn(&Running);

/// One for each format of the views, with what a folder of its time could hold.
const FIXTURES: [(&str, Life); 2] = [("data-1", live), ("data-3", live_3)];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

struct Running {
    store: Store,
    owner: Owner,
}

impl Running {
    fn on(dir: &Path, seed: u64) -> Self {
        let limits = Limits { disk_reserve_bytes: 0, ..Limits::default() };
        let config = Config { dir: dir.to_owned(), limits, workers: 1, build: "fixture".to_owned(), accept_clock: false };
        let folder = Folder::take(dir).expect("its format is known");
        let log = Arc::new(Segments::open(&folder.log(), 7, Sizes { segment_bytes: 2_000, ..Sizes::default() }).expect("it opens"));
        let newest = log.newest().expect("readable");
        let disk = OnDisk {
            epoch: newest.map_or(0, |header| header.epoch),
            last: newest.map(|header| header.at),
            jumped: 0,
            log_id: log.log_id(),
        };
        let outside = Outside { time: Source::Manual(Arc::new(AtomicU64::new(NOW))), dice: Dice::seeded(seed) };
        let (store, owner) = start(config, folder, Logs { log: log.clone(), segments: Some(log), disk }, outside).expect("it starts");
        Self { store, owner }
    }

    fn ask(&self, request: Request) -> Answer {
        let (tell, told) = sync_channel(1);
        assert!(self.store.ask(Lane::Devices, request, Box::new(move |answer| tell.send(answer).expect("somebody waits"))).is_ok());
        told.recv().expect("every request is answered")
    }

    fn register(&self, uid: &str, device: Option<&str>, socket: u64) -> Attached {
        let (uid, device_id) = (Uid::trusted(uid), device.map(DeviceId::trusted));
        let addr = IpAddr::from([127, 0, 0, 1]);
        let request = Register { app: AppNo::DEFAULT, uid, device_id, print: Print(1), addr, socket: SocketId(socket) };
        match self.ask(Request::Register(request)) {
            Answer::Attached(attached) => attached,
            other => panic!("{other:?}"),
        }
    }

    fn publish(&self, to: Target, text: &str, idempotency: Option<Idempotency>) -> Answer {
        let week = Lifetime::Ttl(7 * 24 * 3600);
        let draft = Draft { lifetime: week, idempotency, ..Draft::new(AppNo::DEFAULT, to, Content::data(Json::string(text))) };
        self.ask(Request::Publish(draft))
    }

    fn mailbox(&self, attached: &Attached) -> Page {
        let query = MailboxQuery {
            dev: attached.dev.expect("a device"),
            after: attached.cursor,
            upto: self.store.durable(),
            messages_max: 100,
            bytes_max: 1 << 20,
            first: true,
        };
        let (tell, told) = sync_channel(1);
        assert!(self.store.mailbox(query, Box::new(move |page| tell.send(page).expect("somebody waits"))).is_ok());
        told.recv().expect("every page is answered").expect("it can be read")
    }

    fn events(&self, kind: EventType) -> usize {
        let query = EventQuery { app: Some(AppNo::DEFAULT), sink: None, after: None, types: Some(vec![kind]), limit: 1000 };
        self.store.events(&query).expect("the log can be read").events.len()
    }

    /// What everybody is told who comes back.
    fn told(&self) -> String {
        let mut told = String::new();
        for (socket, (uid, device)) in [("42", None), ("42", Some("phone")), ("7", None)].into_iter().enumerate() {
            let attached = self.register(uid, device, 100 + socket as u64);
            let dev = attached.dev.map(|dev| dev.0);
            writeln!(told, "{uid} {device:?} {} {dev:?} {}", attached.token, attached.cursor).expect("written");
            for stored in self.mailbox(&attached).messages {
                writeln!(told, "  {} {} {}", stored.at, stored.message.id, stored.message.content.body.text()).expect("written");
            }
            self.ask(Request::Leave(Leave { reg: attached.reg, socket: SocketId(100 + socket as u64) }));
        }
        match self.publish(to("42"), "keyed", Some(key())) {
            Answer::Accepted(Accepted { id, replayed: true, .. }) => writeln!(told, "key {id}").expect("written"),
            other => panic!("{other:?}"),
        }
        let directory = self.store.directory();
        for app in directory.apps().filter(|app| app.no != AppNo::DEFAULT) {
            writeln!(told, "app {} {:?}", app.name, app.no).expect("written");
        }
        for key in directory.keys() {
            writeln!(told, "key {} {:?} {:?}", key.id.as_str(), key.app, key.scopes).expect("written");
        }
        for kind in [EventType::DeviceRegistered, EventType::MessageReported] {
            writeln!(told, "{kind:?} {}", self.events(kind)).expect("written");
        }
        told
    }
}

fn to(uid: &str) -> Target {
    Target::Uids(vec![Uid::trusted(uid)])
}

fn key() -> Idempotency {
    Idempotency { key: [9; 16], request: 9 }
}

/// A bit of everything that can be in a folder.
fn live(running: &Running) {
    let legacy = running.register("42", None, 1);
    let phone = running.register("42", Some("phone"), 2);
    let Answer::Accepted(first) = running.publish(to("42"), "first", None) else { panic!("refused") };
    let dev = legacy.dev.expect("a ghost");
    running.ask(Request::Prove(Proofs { cursors: vec![(dev, first.at)], direct: Vec::new() }));
    let status = Json::string("shown");
    let (reg, dev) = (Some(phone.reg), phone.dev);
    running.ask(Request::Report(Report { app: AppNo::DEFAULT, reg, dev, id: Some(first.id), inferred: None, written: first.at, status }));
    running.register("7", None, 3);
    running.publish(to("42"), "keyed", Some(key()));
    for n in 0..12 {
        running.publish(to("42"), &format!("{n} {}", "x".repeat(100)), None);
    }
    running.publish(Target::All, "to everyone", None);
}

/// ... and what came with the third format: apps and keys, content of its own, what apps emit, users who are gone.
fn live_3(running: &Running) {
    live(running);
    let key = |id, app, scopes: &[Scope]| {
        let scopes = scopes.iter().fold(Scopes::default(), |all, scope| all.with(*scope));
        let new = NewKey { id: KeyId::trusted(id), app, name: id.to_owned(), scopes, hash: [7; 32], until: None, standing: false };
        running.ask(Request::Administer(Administer::CreateKey(new)))
    };
    assert!(matches!(key("boss", AppNo::DEFAULT, &[Scope::Admin]), Answer::Key(_)));
    let shop = NewApp { name: AppName::trusted("/shop"), disabled: false, client_topics: vec!["news.*".to_owned()] };
    let Answer::App(shop) = running.ask(Request::Administer(Administer::CreateApp(shop))) else { panic!("refused") };
    assert!(matches!(key("till", shop.no, &[Scope::Send, Scope::Read]), Answer::Key(_)));
    let seven = running.register("7", None, 4);
    let (event_name, args) = (EventName::trusted("order.paid"), Json::trusted("[{\"id\":7}]"));
    let event = ClientEvent { reg: seven.reg, dev: seven.dev, event_name, args };
    assert!(matches!(running.ask(Request::Emit(event)), Answer::Done));
    for body in [Json::trusted("[1,\"two\"]"), Json::trusted("[3]")] {
        let content = Content {
            body: Body::Args(body),
            event_name: Some(EventName::trusted("news")),
            collapse_key: Some(CollapseKey::trusted("score")),
            label: Some("spring".into()),
            meta: Some("opaque".into()),
        };
        let draft = Draft { lifetime: Lifetime::Ttl(7 * 24 * 3600), ..Draft::new(AppNo::DEFAULT, to("42"), content) };
        assert!(matches!(running.ask(Request::Publish(draft)), Answer::Accepted(_)));
    }
    running.register("gone", None, 5);
    let gone = Named { app: AppNo::DEFAULT, uid: Uid::trusted("gone") };
    assert!(matches!(running.ask(Request::Disconnect(gone.clone())), Answer::Closed(1)));
    assert!(matches!(running.ask(Request::Erase(gone)), Answer::Done));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for found in fs::read_dir(from).expect("a folder") {
        let path = found.expect("a file").path();
        let target = to.join(path.file_name().expect("it has a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::write(&target, fs::read(&path).expect("read")).expect("written");
        }
    }
}

#[test]
fn folders_of_every_format_still_open_and_say_the_same() {
    FIXTURES.iter().for_each(|(name, _)| says_the_same(&fixture(name)));
}

fn says_the_same(fixture: &Path) {
    let dir = TempDir::new().expect("a folder");
    copy(fixture, dir.path());
    let told = fs::read_to_string(dir.path().join(TOLD)).expect("it is kept");
    for snapshot_only in [false, true] {
        if snapshot_only {
            fs::remove_file(dir.path().join("state.db")).expect("removed");
        }
        let running = Running::on(dir.path(), 2);
        let again = running.told();
        let differs = told.lines().zip(again.lines()).find(|(before, now)| before != now);
        assert!(differs.is_none() && told.len() == again.len(), "{differs:?}");
        running.owner.close().expect("it closes");
    }
}

/// `cargo test -p tidings-store --release make_the_fixture -- --ignored` makes it where it is missing. It is made once for a
/// format: a change that needs a new one breaks every folder there is.
#[test]
#[ignore = "it makes what the other test reads"]
fn make_the_fixture() {
    let (name, live) = FIXTURES[FIXTURES.len() - 1];
    let dir = fixture(name);
    assert!(!dir.exists(), "it is there already");
    let running = Running::on(&dir, 1);
    live(&running);
    let told = running.told();
    let (shared, log) = running.owner.parts();
    Archivist::new(shared, log).expect("readable").take_snapshot(Millis(NOW)).expect("made");
    running.publish(to("nobody"), "behind the snapshot", None);
    running.owner.close().expect("it closes");
    fs::write(dir.join(TOLD), told).expect("written");
    // A start seals what is full.
    Running::on(&dir, 3).owner.close().expect("it closes");
    for found in fs::read_dir(dir.join("log")).expect("a folder").flatten().chain(fs::read_dir(&dir).expect("a folder").flatten()) {
        let is_kept = found.path().extension().is_none_or(|kind| kind == "db" || kind == "txt") && found.file_name() != "lock";
        let is_empty = found.metadata().expect("there").len() == 0 || found.path().extension().is_some_and(|kind| kind == "db-shm");
        assert!(is_kept || is_empty, "{:?} holds something", found.path());
        if !is_kept {
            fs::remove_file(found.path()).expect("removed");
        }
    }
}

#[test]
fn views_of_earlier_formats_are_carried_over_and_not_made_anew() {
    ["data-1", "data-3"].into_iter().for_each(carried_over);
}

fn carried_over(name: &str) {
    let dir = TempDir::new().expect("a folder");
    let path = dir.path().join("state.db");
    fs::write(&path, fs::read(fixture(name).join("state.db")).expect("it is kept")).expect("written");
    let all = |sql: &str| -> Vec<(i64, i64, String)> {
        let conn = rusqlite::Connection::open(&path).expect("it opens");
        let mut select = conn.prepare(sql).expect("it has these columns");
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("readable");
        rows.collect::<Result<_, _>>().expect("readable")
    };
    let (users, regs) = ("SELECT u, a, ifnull(uid, '') FROM user ORDER BY u", "SELECT r, u, token FROM reg ORDER BY r");
    let before = (all(users), all(regs));
    let log_id = all("SELECT v, 0, '' FROM meta WHERE k = 'log_id'")[0].0 as u64;
    let state = crate::views::state::State::open_as_is(&path, log_id).expect("readable").expect("carried over");
    assert!(state.mark() > tidings_model::Position::ZERO && !before.0.is_empty());
    state.close().expect("it closes");
    assert_eq!((all(users), all(regs)), before);
    assert!(!all("SELECT made, r, token FROM reg").is_empty());
}

#[test]
fn what_waits_in_views_of_the_third_format_has_yet_to_end() {
    let dir = TempDir::new().expect("a folder");
    let path = dir.path().join("state.db");
    fs::write(&path, fs::read(fixture("data-3").join("state.db")).expect("it is kept")).expect("written");
    let number = |sql: &str| -> u64 {
        let conn = rusqlite::Connection::open(&path).expect("it opens");
        conn.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("readable") as u64
    };
    let proven = "EXISTS(SELECT 1 FROM rcpt WHERE rcpt.d = inbox.d AND rcpt.pos = inbox.pos)";
    let waiting = number(&format!("SELECT count(*) FROM inbox JOIN cur USING(d) WHERE inbox.pos > cur.pos AND NOT {proven}"));
    assert!(waiting > 0 && number("SELECT count(*) FROM inbox") > waiting, "some wait, some do not");
    let log_id = number("SELECT v FROM meta WHERE k = 'log_id'");
    let state = crate::views::state::State::open_as_is(&path, log_id).expect("readable").expect("carried over");
    state.close().expect("it closes");
    assert_eq!(number("SELECT count(*) FROM inbox WHERE fate > 0"), waiting);
    assert_eq!(number("SELECT count(*) FROM inbox WHERE fate NOT IN (0, 2, 5, exp + 10000)"), 0);
    assert_eq!(number("SELECT count(*) FROM cur WHERE proven <> pos"), 0);
}
