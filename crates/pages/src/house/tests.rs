use std::net::{IpAddr, Ipv4Addr};

use tempfile::TempDir;
use tidings_api::Executor;
use tidings_engineio::{Form, Link, Message, Revision, Transport};
use tidings_gateway::{Mailbox, inbox};
use tidings_model::Limits;
use tidings_store::{Owner, Store};

use super::*;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(45);
const CLIENT: Client<'static> = Client { addr: IpAddr::V4(Ipv4Addr::LOCALHOST), agent: "", proxied: false, trusted: false, place: 0 };

/// A house on a real store; the test is its worker.
struct Hall {
    pages: Pages,
    _mail: Mailbox<Answered>,
    _owner: Owner,
    _dir: TempDir,
}

fn hall() -> Hall {
    let dir = tempfile::tempdir().unwrap();
    let config = tidings_store::Config {
        dir: dir.path().to_owned(),
        limits: Limits::default(),
        workers: 1,
        build: "test".to_owned(),
        accept_clock: false,
    };
    let (store, owner) = Store::open(config).unwrap();
    let events = PageEvents::new(Executor::new(store, Limits::default(), None), 60);
    let (sender, mail) = inbox().unwrap();
    let settings = Settings {
        ping_interval: Duration::from_secs(3600),
        ping_timeout: Duration::from_secs(60),
        upgrade_timeout: Duration::from_secs(10),
        max_payload: 1_000_000,
        spread: Duration::ZERO,
    };
    Hall { pages: Pages::new(settings, CONNECT_TIMEOUT, events, sender), _mail: mail, _owner: owner, _dir: dir }
}

impl Hall {
    fn open(&mut self, revision: Revision, key: u8) -> Slot {
        self.open_by(Transport::WebSocket, revision, key)
    }

    fn open_by(&mut self, transport: Transport, revision: Revision, key: u8) -> Slot {
        let slot = self.pages.vacancy();
        let sid = Sid { worker: 0, slot: slot.0, key: [key; 12] };
        let opening = Opening { sid, revision, transport, base64: false, jsonp: None, stamp: None, query: "" };
        self.pages.open(Moment(0), opening, CLIENT).unwrap();
        slot
    }

    fn say(&mut self, slot: Slot, text: &str) {
        self.pages.input(Moment(1), slot, Input::Message { link: Link::Socket, message: Message::Text(text) });
    }

    /// Everything that was written, as text; `gone` where a session ended.
    fn outputs(&mut self) -> String {
        let mut told = String::new();
        while let Some(output) = self.pages.output() {
            match output {
                Output::Do(_, Action::Write { bytes, .. }) => told += &String::from_utf8_lossy(&bytes),
                Output::Gone(_) => told += "gone",
                _ => {}
            }
        }
        told
    }
}

#[test]
fn a_client_that_does_not_join_in_time_is_let_go() {
    for revision in [Revision::V3, Revision::V4] {
        let mut hall = hall();
        let (idle, caller) = (hall.open(revision, 1), hall.open(revision, 2));
        hall.say(caller, "40/backend,");
        hall.outputs();
        let late = Moment(0) + CONNECT_TIMEOUT;
        hall.pages.timeout(Moment(late.0 - 1), idle);
        assert_eq!(hall.pages.len(), 2);
        hall.pages.timeout(late, idle);
        hall.pages.timeout(late, caller);
        assert_eq!(hall.outputs(), "gone", "{revision:?}");
        assert_eq!(hall.pages.len(), 1);
    }
}

#[test]
fn a_stop_lets_go_at_once_who_waits_for_nothing_and_the_others_with_their_answers() {
    let mut hall = hall();
    let (quiet, caller) = (hall.open(Revision::V4, 1), hall.open(Revision::V4, 2));
    for slot in [quiet, caller] {
        hall.say(slot, "40/backend,");
    }
    hall.say(caller, "42/backend,7[\"broadcast\",{\"data\":1}]");
    hall.pages.drain(Moment(2));
    assert_eq!(hall.pages.len(), 1);
    hall.outputs();
    let answer = Ok(MessageId::v7(1, [0; 10]));
    hall.pages.mail(Moment(3), Answered { slot: caller, key: [2; 12], ack: Some(7), answer });
    let told = hall.outputs();
    assert!(told.contains("43/backend,7[{\"ok\":true") && told.ends_with("gone"), "{told}");
    assert!(hall.pages.is_empty());
}

#[test]
fn an_answer_for_who_has_gone_is_not_told_to_who_came_after() {
    let mut hall = hall();
    let first = hall.open(Revision::V4, 1);
    hall.say(first, "40/backend,");
    hall.say(first, "42/backend,7[\"broadcast\",{\"data\":1}]");
    hall.pages.input(Moment(1), first, Input::Closed { link: Link::Socket });
    let second = hall.open(Revision::V4, 2);
    assert_eq!(second, first);
    hall.say(second, "40/backend,");
    hall.outputs();
    let answer = Ok(MessageId::v7(1, [0; 10]));
    hall.pages.mail(Moment(2), Answered { slot: first, key: [1; 12], ack: Some(7), answer });
    assert_eq!(hall.outputs(), "");
}

#[test]
fn a_client_that_posts_and_never_gets_is_let_go() {
    let mut hall = hall();
    let slot = hall.open_by(Transport::Polling, Revision::V4, 1);
    let post = |hall: &mut Hall, body: &str| {
        hall.pages.input(Moment(1), slot, Input::Post { form: Form::Text, jsonp: false, body: body.as_bytes() })
    };
    post(&mut hall, "40/backend,");
    let nonsense = vec!["42/backend,[\"nonsense\"]"; 1000].join("\x1e");
    let posts = (1..100).find(|_| {
        post(&mut hall, &nonsense);
        hall.outputs().ends_with("gone")
    });
    assert!(posts.is_some_and(|posts| posts > 1), "{posts:?}");
}
