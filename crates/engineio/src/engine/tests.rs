//! The machine by itself: what it writes, when, and what it says that the client has shown.

use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::Sid;
use crate::websocket::client;

/// The client takes it as a number that it was not given.
const NO_STAMP: Option<&str> = None;

/// What came out for the caller, without lifetimes.
#[derive(Clone, Debug, PartialEq)]
enum Said {
    Message(String),
    Answered(u64, By),
    Unanswered,
    Upgraded,
    Closed(Reason),
}

struct Rig {
    engine: Engine,
    settings: Settings,
    now: Moment,
    out: Vec<Action>,
}

#[derive(Clone, Copy)]
struct Hello {
    revision: Revision,
    transport: Transport,
    base64: bool,
    jsonp: Option<u32>,
    stamp: Option<&'static str>,
    key: [u8; 12],
}

const fn hello(revision: Revision, transport: Transport) -> Hello {
    Hello { revision, transport, base64: false, jsonp: None, stamp: None, key: [0; 12] }
}

const SOCKET4: Hello = hello(Revision::V4, Transport::WebSocket);
const SOCKET3: Hello = hello(Revision::V3, Transport::WebSocket);
const POLL4: Hello = Hello { stamp: Some("h"), ..hello(Revision::V4, Transport::Polling) };
const POLL3: Hello = hello(Revision::V3, Transport::Polling);

fn settings(spread: Duration) -> Settings {
    Settings {
        ping_interval: Duration::from_secs(25),
        ping_timeout: Duration::from_secs(20),
        upgrade_timeout: Duration::from_secs(10),
        max_payload: 1_000_000,
        spread,
    }
}

impl Rig {
    fn open(hello: Hello) -> Self {
        Self::spread(hello, Duration::ZERO)
    }

    fn spread(hello: Hello, spread: Duration) -> Self {
        let settings = settings(spread);
        let sid = Sid { worker: 1, slot: 2, key: hello.key };
        let Hello { revision, transport, base64, jsonp, stamp, .. } = hello;
        let opening = Opening { sid, revision, transport, base64, jsonp, stamp, query: "" };
        let (now, mut out) = (Moment(1000), Vec::new());
        let engine = Engine::open(now, &settings, &opening, &mut |action| out.push(action));
        Self { engine, settings, now, out }
    }

    /// A session whose handshake has been read.
    fn opened(hello: Hello) -> Self {
        let mut rig = Self::open(hello);
        rig.out.clear();
        rig
    }

    /// A session on polling whose answers are kept; its first numbered GET waits.
    fn kept() -> Self {
        let mut rig = Self::opened(POLL4);
        rig.engine.keep_answers(false, &mut |_| {});
        assert_eq!(rig.get("a"), []);
        rig
    }

    fn input(&mut self, input: Input<'_>) -> Vec<Said> {
        let out = &mut self.out;
        let said: Vec<Said> =
            self.engine.handle_input(self.now, &self.settings, input, &mut |action| out.push(action)).into_iter().map(said).collect();
        self.engine.flush(&mut |action| out.push(action));
        said
    }

    fn get(&mut self, stamp: &str) -> Vec<Said> {
        self.input(Input::Poll { jsonp: None, stamp: Some(stamp), number: None, query: "EIO=4&transport=polling" })
    }

    fn get_numbered(&mut self, number: Option<u32>) -> Vec<Said> {
        self.input(Input::Poll { jsonp: None, stamp: NO_STAMP, number, query: "EIO=3&transport=polling" })
    }

    fn post(&mut self, body: &str) -> Vec<Said> {
        self.input(Input::Post { form: Form::Text, jsonp: false, body: body.as_bytes() })
    }

    fn hear(&mut self, message: Message<'_>) -> Vec<Said> {
        self.input(Input::Message { link: Link::Socket, message })
    }

    fn probe(&mut self, text: &str) -> Vec<Said> {
        self.input(Input::Message { link: Link::Probe, message: Message::Text(text) })
    }

    fn send(&mut self, packet: &str, mark: u64) {
        let out = &mut self.out;
        self.engine.send(Outgoing::Text(Frame::new(packet)), Some(mark), false, &mut |action| out.push(action));
        self.engine.flush(&mut |action| out.push(action));
    }

    fn ask(&mut self) -> bool {
        let out = &mut self.out;
        self.engine.ask(self.now, &mut |action| out.push(action))
    }

    fn pass(&mut self, ms: u64) -> Vec<Said> {
        self.now.0 += ms;
        let out = &mut self.out;
        self.engine.handle_timeout(self.now, &self.settings, &mut |action| out.push(action)).into_iter().map(said).collect()
    }

    /// What was done since the last look.
    fn did(&mut self) -> Vec<String> {
        self.out.drain(..).flat_map(|action| did(&action)).collect()
    }
}

fn said(event: Event<'_>) -> Said {
    match event {
        Event::Message(Data::Text(text)) => Said::Message(text.into_owned()),
        Event::Message(Data::Binary(bytes)) => Said::Message(format!("{bytes:?}")),
        Event::Answered { mark, by, .. } => Said::Answered(mark, by),
        Event::Unanswered => Said::Unanswered,
        Event::Upgraded => Said::Upgraded,
        Event::Closed(reason) => Said::Closed(reason),
    }
}

fn did(action: &Action) -> Vec<String> {
    match action {
        Action::Respond { exchange, response } => {
            let place = response.location.as_deref().map(|location| format!(" {location}")).unwrap_or_default();
            vec![format!("{exchange:?} {}{place} {}", response.status, String::from_utf8_lossy(&response.body))]
        }
        Action::Write { link, bytes } => frames(bytes).into_iter().map(|frame| format!("{link:?} {frame}")).collect(),
        action => vec![format!("{action:?}")],
    }
}

fn frames(bytes: &Bytes) -> Vec<String> {
    let (mut bytes, mut frames, mut at) = (bytes.to_vec(), Vec::new(), 0);
    let mut reader = client::Reader::new();
    while let Ok(Some((used, message))) = reader.read(&mut bytes[at..], 1 << 20) {
        frames.extend(message.map(|message| match message {
            Message::Text(text) => text.to_owned(),
            other => format!("{other:?}"),
        }));
        at += used;
    }
    frames
}

const FIN: &str = "Shut { link: Socket, goodbye: Fin }";

#[test]
fn the_handshake_tells_what_the_reference_tells_in_each_framing() {
    let sid = Sid { worker: 1, slot: 2, key: [0; 12] };
    let open = |upgrades: &str| {
        format!("0{{\"sid\":\"{sid}\",\"upgrades\":[{upgrades}],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}}")
    };
    let (socket, polling) = (open(""), open("\"websocket\""));
    let text = format!("Poll 200 {}:{polling}", polling.len());
    let script = format!("Poll 200 ___eio[7](\"{}:{}\");", polling.len(), polling.replace('"', "\\\""));
    let table = [
        (SOCKET4, format!("Socket {socket}")),
        (SOCKET3, format!("Socket {socket}")),
        (POLL4, format!("Poll 200 {polling}")),
        (POLL3, text.clone()),
        (Hello { base64: true, stamp: Some("h"), ..POLL3 }, text),
        (Hello { jsonp: Some(7), stamp: Some("h"), ..POLL3 }, script),
    ];
    for (hello, expected) in table {
        assert_eq!(Rig::open(hello).did(), [expected]);
    }
    // Stamped EIO3 speaks binary framing: marker, three digits of one byte each, ff.
    let mut rig = Rig::open(Hello { stamp: Some("h"), ..POLL3 });
    let Some(Action::Respond { response, .. }) = rig.out.pop() else { panic!("no answer") };
    let digits: Vec<u8> = polling.len().to_string().bytes().map(|digit| digit - b'0').collect();
    assert_eq!(response.content, Content::Octets);
    assert_eq!(&response.body[..], [&[0], &*digits, &[0xff], polling.as_bytes()].concat());
}

#[test]
fn the_first_heartbeat_is_never_early_and_spread_by_the_sid() {
    let mut dues = Vec::new();
    for (high, late_ms) in [(0, 0), (0x80, 2510), (0xff, 5000)] {
        let key = if high == 0xff { [0xff; 12] } else { [high, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] };
        let mut rig = Rig::spread(Hello { key, ..SOCKET4 }, Duration::from_secs(5));
        rig.out.clear();
        let due = rig.engine.poll_timeout(&rig.settings).unwrap();
        assert!(due.0.abs_diff(1000 + 25_000 + late_ms) < 20, "{due:?}");
        rig.now = due;
        assert_eq!((rig.pass(0), rig.did()), (vec![], vec!["Socket 2".to_owned()]));
        dues.push(due);
    }
    assert!(dues.is_sorted());
    let mut rig = Rig::opened(SOCKET4);
    rig.pass(24_999);
    assert_eq!(rig.did(), [""; 0]);
    rig.pass(1);
    assert_eq!(rig.did(), ["Socket 2"]);
}

#[test]
fn an_eio4_client_that_answers_lives_and_one_that_does_not_ends_after_ping_timeout() {
    let mut rig = Rig::opened(SOCKET4);
    rig.pass(25_000);
    rig.now.0 += 19_999;
    assert_eq!(rig.hear(Message::Text("3")), [Said::Answered(0, By::Engine)]);
    rig.did();
    assert_eq!(rig.pass(24_999), []);
    assert_eq!(rig.did(), [""; 0]);
    rig.pass(1);
    assert_eq!(rig.did(), ["Socket 2"]);
    assert_eq!(rig.pass(19_999), []);
    assert_eq!(rig.pass(1), [Said::Closed(Reason::PingTimeout)]);
    assert_eq!(rig.did(), [FIN]);
}

#[test]
fn an_eio3_client_ends_when_nothing_comes_for_interval_and_timeout() {
    let mut rig = Rig::opened(SOCKET3);
    assert_eq!(rig.pass(44_999), []);
    assert_eq!(rig.hear(Message::Text("2")), []);
    assert_eq!(rig.did(), ["Socket 3"]);
    assert_eq!(rig.pass(44_999), []);
    assert_eq!(rig.pass(1), [Said::Closed(Reason::PingTimeout)]);
}

#[test]
fn a_heartbeat_of_the_wrong_side_ends_the_session() {
    for (hello, wrong) in [(SOCKET3, "3"), (SOCKET4, "2")] {
        let mut rig = Rig::opened(hello);
        assert_eq!(rig.hear(Message::Text(wrong)), [Said::Closed(Reason::Violation)], "{wrong}");
        assert_eq!(rig.did(), [FIN], "{wrong}");
    }
    for (hello, wrong, close) in [(POLL3, "1:3", "1:1"), (POLL4, "2", "1")] {
        let mut rig = Rig::opened(hello);
        rig.get("a");
        assert_eq!(rig.post(wrong), [Said::Closed(Reason::Violation)], "{wrong}");
        let did = rig.did();
        assert!(did[0].starts_with("Post 400") && did[1] == format!("Poll 200 {close}"), "{did:?}");
    }
}

#[test]
fn a_surplus_3_is_dropped() {
    let mut rig = Rig::opened(SOCKET4);
    rig.send("4a", 7);
    assert_eq!(rig.hear(Message::Text("3")), []);
    assert!(rig.ask());
    assert!(!rig.ask(), "one question is outstanding at a time");
    rig.send("4b", 8);
    assert_eq!(rig.hear(Message::Text("3")), [Said::Answered(7, By::Engine)], "what was written behind the question is not proven");
    assert_eq!(rig.hear(Message::Text("3")), []);
}

#[test]
fn an_eio3_pong_counts_only_with_its_own_serial() {
    let mut rig = Rig::opened(SOCKET3);
    rig.send("4a", 7);
    assert!(rig.ask());
    let serial = (rig.engine.next_serial() - 1).to_be_bytes();
    for other in [&[][..], &[0, 0, 0, 99], &serial[1..]] {
        assert_eq!(rig.hear(Message::Pong(other)), []);
    }
    assert_eq!(rig.hear(Message::Pong(&serial)), [Said::Answered(7, By::Peer)]);
    assert_eq!(rig.hear(Message::Pong(&serial)), [], "and only once");
    assert!(rig.ask());
    assert_eq!(rig.pass(20_000), [Said::Unanswered]);
}

#[test]
fn an_eio3_clients_ping_proves_what_lay_before_our_last_3_unless_it_comes_too_soon() {
    let mut rig = Rig::opened(SOCKET3);
    rig.send("4a", 7);
    assert_eq!(rig.hear(Message::Text("2")), [], "no 3 lies behind the message yet");
    rig.send("4b", 8);
    rig.pass(12_499);
    assert_eq!(rig.hear(Message::Text("2")), [], "it may have crossed our 3");
    rig.pass(12_500);
    assert_eq!(rig.hear(Message::Text("2")), [Said::Answered(8, By::Slow)]);
}

#[test]
fn an_upgrade_ends_the_get_holds_messages_and_writes_them_in_order_behind_5() {
    let mut rig = Rig::kept();
    rig.send("4a", 1);
    assert_eq!(rig.did(), ["Poll 200 4a"]);
    assert_eq!(rig.get("b"), [Said::Answered(1, By::Poll)]);
    rig.input(Input::Probe);
    assert_eq!(rig.did(), [""; 0]);
    rig.probe("2probe");
    assert_eq!(rig.did(), ["Probe 3probe", "Poll 200 6"], "the open GET ends, so that the client can pause");
    rig.send("4b", 2);
    rig.send("4c", 3);
    assert_eq!(rig.get("c"), [Said::Answered(0, By::Poll)]);
    assert_eq!(rig.did(), ["Poll 200 6"], "messages wait for the WebSocket");
    assert_eq!(rig.probe("5"), [Said::Answered(0, By::Poll), Said::Upgraded]);
    assert_eq!(rig.did(), ["Promote", "Socket 4b", "Socket 4c"]);
    assert_eq!(rig.engine.written(), 3);
    assert_eq!(rig.get("d"), []);
    assert!(rig.did()[0].starts_with("NewPoll 400"));
}

#[test]
fn a_probe_that_speaks_out_of_turn_or_takes_too_long_is_shut_and_polling_goes_on() {
    let shut = "Shut { link: Probe, goodbye: Fin }";
    let mut rig = Rig::kept();
    rig.input(Input::Probe);
    rig.input(Input::Probe);
    assert_eq!(rig.did(), ["Refuse"], "one probe at a time");
    assert_eq!(rig.probe("5"), []);
    assert_eq!(rig.did(), [shut]);
    rig.input(Input::Probe);
    rig.probe("2probe");
    rig.send("4a", 1);
    rig.get("b");
    rig.did();
    rig.get("c");
    rig.did();
    rig.pass(10_000);
    assert!(rig.did().contains(&shut.to_owned()));
    rig.get("d");
    assert_eq!(rig.did(), ["NewPoll 200 4a"].map(|text| text.replace("NewPoll", "Poll")));
    assert!(rig.engine.is_polling());
}

#[test]
fn a_kept_answer_is_sent_again_twice_and_then_the_session_is_closed() {
    let mut rig = Rig::kept();
    rig.send("4a", 1);
    assert_eq!(rig.did(), ["Poll 200 4a"]);
    for _ in 0..2 {
        assert_eq!(rig.get("a"), []);
        assert_eq!(rig.did(), ["NewPoll 200 4a"]);
    }
    assert_eq!(rig.get("a"), [Said::Closed(Reason::Unreachable)]);
    assert_eq!(rig.did(), ["NewPoll 200 1"]);
}

#[test]
fn a_repeated_get_takes_the_place_of_the_one_that_waits() {
    let mut rig = Rig::kept();
    assert_eq!(rig.get("a"), []);
    assert_eq!(rig.did(), ["Abandon(Poll)"]);
    rig.send("4a", 1);
    assert_eq!(rig.did(), ["Poll 200 4a"]);
}

#[test]
fn two_gets_at_once_end_the_session() {
    let mut rig = Rig::kept();
    assert_eq!(rig.get("b"), [Said::Closed(Reason::Violation)]);
    let did = rig.did();
    assert!(did[0] == "Poll 200 1" && did[1].starts_with("NewPoll 400"), "{did:?}");
}

#[test]
fn a_number_from_further_back_gets_a_noop_and_proves_nothing() {
    let mut rig = Rig::kept();
    rig.send("4a", 1);
    assert_eq!(rig.get("b"), [Said::Answered(1, By::Poll)]);
    rig.send("4b", 2);
    rig.did();
    assert_eq!(rig.get("a"), []);
    assert_eq!(rig.did(), ["NewPoll 200 6"]);
    assert_eq!(rig.get("c"), [Said::Answered(2, By::Poll)], "the right one still does");
}

#[test]
fn before_answers_are_kept_a_new_number_proves_nothing() {
    let mut rig = Rig::opened(POLL4);
    rig.get("a");
    rig.send("4a", 1);
    assert_eq!(rig.get("b"), [Said::Answered(1, By::Nothing)]);
}

#[test]
fn a_client_without_numbers_is_sent_to_ours() {
    let mut rig = Rig::opened(POLL3);
    rig.get_numbered(None);
    let out = &mut rig.out;
    rig.engine.keep_answers(true, &mut |action| out.push(action));
    assert_eq!(rig.did(), ["Poll 200 1:6"], "the open GET has no number: it ends");
    rig.get_numbered(None);
    assert_eq!(rig.did(), ["NewPoll 302 ?EIO=3&transport=polling&_n=1 "]);
    assert!(rig.engine.never_followed());
    rig.get_numbered(Some(1));
    assert!(!rig.engine.never_followed());
    rig.send("4a", 1);
    assert_eq!(rig.did(), ["Poll 200 2:4a"]);
    rig.get_numbered(Some(1));
    assert_eq!(rig.did(), ["NewPoll 200 2:4a"]);
    rig.get_numbered(None);
    assert_eq!(rig.did(), ["NewPoll 302 ?EIO=3&transport=polling&_n=2 "]);
    assert_eq!(rig.get_numbered(Some(2)), [Said::Answered(1, By::Poll)]);
}

#[test]
fn a_get_without_a_number_is_sent_to_the_one_that_still_waits() {
    let mut rig = Rig::opened(POLL3);
    rig.engine.keep_answers(true, &mut |_| {});
    rig.get_numbered(None);
    rig.get_numbered(Some(1));
    rig.did();
    rig.get_numbered(None);
    assert_eq!(rig.did(), ["NewPoll 302 ?EIO=3&transport=polling&_n=1 "]);
    assert_eq!(rig.get_numbered(Some(1)), []);
    assert_eq!(rig.did(), ["Abandon(Poll)"]);
}

/// Kept answers, a probe that was greeted, and an answer with `4a` that left before it.
fn probed(older_get_last: bool) -> Rig {
    let mut rig = Rig::kept();
    rig.send("4z", 1);
    rig.get("b");
    rig.send("4a", 2);
    if older_get_last {
        rig.get("a");
    }
    rig.input(Input::Probe);
    rig.probe("2probe");
    rig.out.clear();
    rig
}

#[test]
fn five_proves_the_answer_written_last_and_what_is_unproven_comes_again() {
    let mut rig = probed(false);
    assert_eq!(rig.probe("5"), [Said::Answered(2, By::Poll), Said::Upgraded]);
    assert_eq!(rig.did(), ["Promote"]);
    // A noop to an older GET was written last: that one is proven, the kept one is not.
    let mut rig = probed(true);
    assert_eq!(rig.probe("5"), [Said::Answered(2, By::Nothing), Said::Upgraded]);
    assert_eq!(rig.did(), ["Promote", "Socket 4a"]);
}

#[test]
fn a_polling_2_that_may_not_have_arrived_puts_the_next_3_in_doubt() {
    let mut rig = Rig::kept();
    rig.send("4z", 1);
    rig.get("b");
    rig.pass(25_000);
    assert_eq!(rig.did().last().unwrap(), "Poll 200 2");
    // Its 3 has not come; an older GET is answered last, so nobody knows whether the 2 arrived.
    rig.get("a");
    rig.input(Input::Probe);
    rig.probe("2probe");
    rig.probe("5");
    rig.did();
    rig.send("4a", 5);
    rig.pass(0);
    assert_eq!(rig.did(), ["Socket 4a", "Socket 2"], "the heartbeat asks, the old 2 is not sent again");
    assert_eq!(rig.hear(Message::Text("3")), [Said::Answered(5, By::Nothing)]);
    assert!(!rig.ask(), "in doubt only the heartbeat asks");
    assert_eq!(rig.hear(Message::Text("3")), [], "the surplus one ends the doubt");
    assert!(rig.ask());
    assert_eq!(rig.hear(Message::Text("3")), [Said::Answered(5, By::Engine)]);
}

#[test]
fn a_polling_3_proves_nothing() {
    let mut rig = Rig::kept();
    rig.send("4a", 1);
    rig.pass(25_000);
    rig.did();
    assert_eq!(rig.post("3"), [Said::Answered(0, By::Nothing)]);
}

#[test]
fn closing_on_polling_keeps_what_waits_for_the_next_get() {
    let mut rig = Rig::opened(POLL4);
    rig.send("4a", 1);
    let out = &mut rig.out;
    assert!(!rig.engine.close(rig.now, Goodbye::Fin, &mut |action| out.push(action)));
    assert_eq!(rig.did(), [""; 0]);
    assert_eq!(rig.get("a"), [Said::Closed(Reason::Closed)]);
    assert_eq!(rig.did(), ["NewPoll 200 4a\u{1e}1"]);
    // Nobody comes for it: 30 s later it is over.
    let mut rig = Rig::opened(POLL4);
    assert!(!rig.engine.close(rig.now, Goodbye::Fin, &mut |_| {}));
    assert_eq!(rig.pass(29_999), []);
    assert_eq!(rig.pass(1), [Said::Closed(Reason::Closed)]);
}

#[test]
fn an_open_get_is_answered_after_50_s() {
    let mut rig = Rig::opened(POLL3);
    rig.get_numbered(None);
    rig.pass(40_000);
    rig.post("1:2");
    assert_eq!(rig.did(), ["Poll 200 1:3", "Post 200 ok"].map(str::to_owned).into_iter().rev().collect::<Vec<_>>());
    rig.get_numbered(None);
    rig.pass(40_000);
    rig.post("1:6");
    rig.did();
    rig.pass(9_999);
    assert_eq!(rig.did(), [""; 0]);
    rig.pass(1);
    assert_eq!(rig.did(), ["Poll 200 1:6"]);
}

#[test]
fn at_most_16_packets_leave_by_one_stamped_get() {
    let mut rig = Rig::opened(POLL4);
    (0..20).for_each(|n| rig.send(&format!("4{n}"), n));
    rig.get("a");
    let first = rig.did();
    assert_eq!(first[0].split('\u{1e}').count(), 16);
    rig.get("b");
    assert_eq!(rig.did(), ["Poll 200 416\u{1e}417\u{1e}418\u{1e}419"]);
}
