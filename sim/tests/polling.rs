//! Polling through networks that lose connections: numbers, kept answers, upgrades.

#![expect(clippy::unwrap_used, reason = "a test's helpers")]

use tidings_engineio::{Exchange, Input};
use tidings_sim::phone::Kind;
use tidings_sim::script::{LISTEN_MS, Script};
use tidings_sim::wire::{Down, Up};

fn carries(payload: &str, n: usize) -> bool {
    payload.contains(&format!("{{\"data\":{n}}}"))
}

/// The open GET again, as a library repeats it, and its successor.
fn repeat_and_next(s: &mut Script) -> (Up, Vec<Up>) {
    let life = s.life(0);
    match life.kind {
        Kind::Java3 => {
            let number = life.number.unwrap();
            let unnumbered = Up::Get { stamp: None, number: None };
            (Up::Get { stamp: None, number: Some(number) }, vec![unnumbered, Up::Get { stamp: None, number: Some(number + 1) }])
        }
        _ => {
            let stamp = |n: u64| Up::Get { stamp: Some(format!("s{n}")), number: None };
            (stamp(life.stamp), vec![stamp(life.stamp + 1)])
        }
    }
}

#[test]
fn on_polling_one_answer_is_in_flight_until_it_is_proven() {
    for kind in [Kind::Poll4, Kind::Java3] {
        let mut s = Script::new(&[(kind, 0)]);
        s.join(0);
        s.pass(1000);
        s.stall(0, true);
        let first = s.deliver(Some(0), 3600);
        let others = [s.deliver(None, 3600), s.deliver(Some(0), 3600)];
        let sent = s.intercept(0);
        assert!(sent.len() == 1 && carries(&sent[0], first), "{kind:?}: {sent:?}");
        let (repeat, next) = repeat_and_next(&mut s);
        s.say(0, repeat);
        assert_eq!(s.intercept(0), sent, "{kind:?}");
        next.into_iter().for_each(|up| s.say(0, up));
        let sent = s.intercept(0).pop().unwrap();
        assert!(!carries(&sent, first) && others.iter().all(|n| carries(&sent, *n)), "{kind:?}: {sent}");
    }
}

/// Where a connection dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// Before the server has read all of the request.
    Request,
    /// While the answer is waited for; the server may notice.
    Waiting { noticed: bool },
    /// Before the phone has read all of the answer.
    Answer,
    /// The POST's answer is lost, and the library posts again.
    Post,
}

/// A proxy that dies once: at the `at`-th chance for such a death.
struct Proxy {
    cut: Cut,
    at: usize,
    chances: usize,
    died: bool,
}

impl Proxy {
    fn dies(&mut self, cut: Cut) -> bool {
        let dies = cut == self.cut && self.chances == self.at;
        self.chances += usize::from(cut == self.cut);
        self.died |= dies;
        dies
    }

    fn carry_up(&mut self, s: &mut Script, wire: usize) {
        let Some(up) = s.world.wires[wire].up.front().cloned() else { return };
        match up {
            Up::Get { .. } if self.dies(Cut::Request) => {
                s.world.wires[wire].up.pop_front();
                return s.world.wires[wire].down.push_back(Down::Died);
            }
            Up::Post(_) if self.dies(Cut::Post) => s.world.wires[wire].up.push_front(up),
            _ => {}
        }
        s.world.pump_up(wire);
        let waits = s.world.wires[wire].gets.back() == Some(&true);
        if waits
            && let Cut::Waiting { noticed } = self.cut
            && self.dies(self.cut)
        {
            s.world.wires[wire].gets.pop_back();
            if noticed {
                s.world.input(wire, Input::Lost(Exchange::Poll));
            } else {
                s.world.wires[wire].gets.push_back(false);
            }
            s.world.wires[wire].down.push_back(Down::Died);
        }
    }

    fn carry_down(&mut self, s: &mut Script, wire: usize) {
        if matches!(s.world.wires[wire].down.front(), Some(Down::Answer(_))) && self.dies(Cut::Answer) {
            s.world.wires[wire].down[0] = Down::Died;
        }
        s.world.pump_down(wire);
    }

    /// All that can happen without time passing.
    fn settle(&mut self, s: &mut Script) {
        let wire = s.wire(0);
        loop {
            s.commit();
            s.feed();
            while s.world.waiting().0 > 0 {
                s.world.deliver_answer();
            }
            s.world.deliver_page();
            if s.world.wires[wire].up.is_empty() && s.world.wires[wire].down.is_empty() {
                return;
            }
            self.carry_up(s, wire);
            self.carry_down(s, wire);
        }
    }
}

/// A conversation from `register` on, where answers begin to be kept; true if the proxy died in it.
fn converse(cut: Cut, at: usize) -> bool {
    let mut s = Script::new(&[(Kind::Java3, 0)]);
    s.join(0);
    s.kill(0);
    let mut all = s.mail(0, 2);
    s.connect_anonymously(0);
    s.world.register_as(0, 0);
    let mut proxy = Proxy { cut, at, chances: 0, died: false };
    proxy.settle(&mut s);
    for _ in 0..3 {
        s.world.advance(LISTEN_MS);
        proxy.settle(&mut s);
        all.push(s.deliver(Some(0), 3600));
        proxy.settle(&mut s);
        all.push(s.deliver(None, 3600));
        proxy.settle(&mut s);
    }
    assert_eq!(s.saw(0), all, "{cut:?} {at}");
    assert!(s.life(0).number.is_some(), "{cut:?} {at}: it was redirected");
    s.save();
    assert!(s.is_proven(0, 0, all[all.len() - 2]), "{cut:?} {at}");
    s.end();
    proxy.died
}

#[test]
fn a_java_client_on_polling_is_redirected_to_its_number_and_survives_a_proxy_that_dies_between_any_two_bytes() {
    // For the server there are no more places than these: a part of a request or an answer counts as none of it.
    for cut in [Cut::Request, Cut::Waiting { noticed: true }, Cut::Waiting { noticed: false }, Cut::Answer, Cut::Post] {
        let deaths = (0..100).take_while(|at| converse(cut, *at)).count();
        let at_least = if cut == Cut::Post { 1 } else { 8 };
        assert!(deaths >= at_least && deaths < 100, "{cut:?}: {deaths} places");
    }
}

#[test]
fn an_upgrade_in_mid_replay_keeps_order() {
    let mut in_the_middle = 0;
    for steps in 0..30 {
        let mut s = Script::new(&[(Kind::Upgrade4, 0)]);
        s.join(0);
        s.kill(0);
        let missed = s.mail(0, 150);
        s.connect(0);
        s.world.advance(LISTEN_MS);
        let wire = s.wire(0);
        for step in 0..steps {
            match step % 3 {
                0 => s.world.deliver_page(),
                1 => s.world.pump_down(wire),
                _ => s.world.pump_up(wire),
            }
        }
        s.world.upgrade(0);
        in_the_middle += usize::from((1..150).contains(&s.saw(0).len()));
        let live = s.deliver(Some(0), 3600);
        s.settle();
        s.pass(1000);
        assert!(s.life(0).on_socket, "{steps}");
        assert_eq!(s.saw(0), [missed, vec![live]].concat(), "after {steps} steps");
        s.end();
    }
    assert!(in_the_middle > 5, "{in_the_middle} upgrades fell into the replay");
}
