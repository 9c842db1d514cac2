//! What the client's answers prove, and when it is asked.

use super::*;
use crate::config::Planted;
use crate::context::FormerProof;
use crate::output::Output;

/// A question that had to wait for others.
const ASK_AGAIN: Duration = Duration::from_secs(1);

impl Session {
    pub(super) fn answered(&mut self, cx: &mut Context<'_>, serial: u32, mark: u64, by: By) {
        self.heard(cx, serial);
        // After the client's own `41` nothing counts.
        if self.joined != Joined::Yes {
            return;
        }
        if by != By::Nothing {
            self.answered_for_itself(serial);
        }
        match by {
            By::Peer if cx.config.planted == Some(Planted::NoHold) => self.count(cx, mark, Proof::Peer),
            By::Poll if cx.config.planted == Some(Planted::NoHold) => self.count(cx, mark, Proof::Poll),
            By::Engine | By::Slow => self.count(cx, mark, Proof::Engine),
            By::Poll => self.hold_poll(cx, mark),
            By::Peer if self.peer.pongs_prove && !self.slow => {
                if let Some(registered) = self.registered_mut() {
                    registered.proving.misses = 0;
                    registered.proving.hold(mark, Proof::Peer, cx.now);
                }
            }
            By::Peer | By::Nothing => {}
        }
        self.ask_if_unproven(cx);
    }

    /// The client has asked for more: mail goes on at once, and counts when it has stayed.
    fn hold_poll(&mut self, cx: &mut Context<'_>, mark: u64) {
        let (epoch, at) = Epoch::of(mark);
        if epoch == self.epoch {
            self.stream.prove(at);
        }
        match self.registered_mut() {
            Some(registered) => registered.proving.hold(mark, Proof::Poll, cx.now),
            None => self.count(cx, mark, Proof::Poll),
        }
    }

    /// What has waited out its time, and the question that live broadcasts are due.
    pub(super) fn time_proofs(&mut self, cx: &mut Context<'_>) {
        while let Some((mark, proof)) = self.registered_mut().and_then(|registered| registered.proving.ripe(cx.now)) {
            self.count(cx, mark, proof);
        }
        let Some(registered) = self.registered_mut() else { return };
        if registered.proving.ask_at.is_none_or(|at| cx.now < at) {
            return;
        }
        registered.proving.ask_at = None;
        if self.slow_on_socket() {
            return;
        }
        if cx.questions.allow(cx.now) {
            self.ask(cx);
        } else if let Some(registered) = self.registered_mut() {
            registered.proving.ask_at = Some(cx.now + ASK_AGAIN);
        }
    }

    /// Everything up to `mark` has arrived.
    fn count(&mut self, cx: &mut Context<'_>, mark: u64, proof: Proof) {
        let (epoch, at) = Epoch::of(mark);
        self.count_formers(cx, epoch, at, proof);
        if epoch == self.epoch {
            self.count_current(cx, at, proof);
        }
        // It has answered for itself, whatever that proved.
        if let Some(registered) = self.registered_mut()
            && registered.adopting == Adopting::Answered
        {
            registered.adopting = Adopting::Asked;
            cx.effect(Effect::Adopt);
        }
    }

    /// A displaced socket becomes a device of its own by an answer to a question that was asked after it was displaced.
    fn answered_for_itself(&mut self, answered: u32) {
        let Some(registered) = self.registered_mut() else { return };
        if let Adopting::Waiting { serial } = registered.adopting
            && answered >= serial
        {
            registered.adopting = Adopting::Answered;
        }
    }

    fn count_current(&mut self, cx: &mut Context<'_>, at: Position, proof: Proof) {
        self.stream.prove(at);
        let Some(registered) = self.registered_mut() else { return };
        let news = registered.proving.count(at, proof, cx.time);
        if news {
            cx.effect(Effect::Proven);
        }
        if self.draining.is_some() && !self.has_unproven() {
            // The roster takes the proof first.
            self.draining = Some(cx.now);
        }
    }

    /// A proof that comes after a detach still counts, for whom the socket served then.
    fn count_formers(&mut self, cx: &mut Context<'_>, epoch: Epoch, at: Position, proof: Proof) {
        let time = cx.time;
        let mut proofs = Vec::new();
        for former in self.past.iter_mut().flat_map(|past| &mut past.formers) {
            let upto = match former.epoch.cmp(&epoch) {
                std::cmp::Ordering::Less => former.given,
                std::cmp::Ordering::Equal => at.min(former.given),
                std::cmp::Ordering::Greater => continue,
            };
            if former.proving.count(upto, proof, time) {
                let (upto, direct) = former.proving.take(former.dev);
                proofs.push(FormerProof { dev: former.dev, upto, direct });
            }
        }
        for proof in proofs {
            cx.effect(Effect::FormerProven(proof));
        }
    }

    /// An EIO3 question went unanswered: after two the socket's pongs are not waited for any more.
    pub(super) fn unanswered(&mut self, cx: &mut Context<'_>) {
        let Some(registered) = self.registered_mut() else { return };
        registered.proving.misses += 1;
        if registered.proving.misses >= 2 {
            self.slow = true;
        }
        self.ask_if_unproven(cx);
    }

    pub(super) fn has_unproven(&self) -> bool {
        let written = Epoch::of(self.engine.written());
        let unproven = |registered: &Registered| {
            let current = written.0 == self.epoch && written.1 > registered.proving.proven;
            current || registered.proving.is_holding() || self.past.iter().flat_map(|past| &past.formers).any(Former::is_unproven)
        };
        self.registered().is_some_and(unproven)
    }

    /// If something unproven remains when an answer comes, the next question leaves at once.
    pub(super) fn ask_if_unproven(&mut self, cx: &mut Context<'_>) {
        let Some(registered) = self.registered() else { return };
        let awaits_listener = matches!(registered.listening, Listening::Unanswered { .. } | Listening::Unsure { .. });
        let written = Epoch::of(self.engine.written());
        let waits = self.engine.written() <= registered.proving.held_mark();
        let unproven = registered.dev.is_some() && written.0 == self.epoch && written.1 > registered.proving.proven && !waits;
        if awaits_listener || matches!(registered.adopting, Adopting::Waiting { .. }) || (unproven && !self.slow_on_socket()) {
            self.ask(cx);
        }
    }

    pub(super) fn ask(&mut self, cx: &mut Context<'_>) {
        let (slot, out) = (cx.slot, &mut *cx.out);
        self.engine.ask(cx.now, &mut |action| out.push_back(Output::Do(slot, action)));
        if cx.config.planted == Some(Planted::CursorEarly) {
            self.count(cx, self.engine.written(), Proof::Engine);
        }
    }

    /// EIO3 on a WebSocket whose pongs prove nothing: it is proven by the client's own pings.
    pub(super) fn slow_on_socket(&self) -> bool {
        self.slow && self.engine.revision() == Revision::V3
    }

    /// The old socket of a ghost that another socket has taken: live only, until it answers for itself.
    pub(crate) fn displace(&mut self, cx: &mut Context<'_>) {
        let serial = self.engine.next_serial();
        let Some(registered) = self.registered_mut() else { return };
        if cx.config.planted != Some(Planted::WrongSocket) {
            registered.dev = None;
            registered.proving.disown();
        }
        registered.adopting = Adopting::Waiting { serial };
        self.ask(cx);
        self.engine.prod();
        self.settle(cx);
    }

    /// The writer made the extra a device of its own, or would not: then it is live only, whatever it had missed.
    pub(crate) fn adopted(&mut self, cx: &mut Context<'_>, dev: Option<Dev>) {
        let Some(registered) = self.registered_mut() else { return };
        registered.adopting = Adopting::No;
        registered.dev = dev;
        let listens = matches!(registered.listening, Listening::Over | Listening::Unsure { until: None, .. });
        if listens && self.stream.flow == Flow::Shut {
            self.start_giving(cx);
        } else if dev.is_none() && !self.stream.is_flowing() && self.stream.flow != Flow::Shut {
            self.stream.clear(cx.budget);
            self.stream = Stream::live_from(cx.processed.max(self.stream.given));
            self.tenant = cx.dice.roll() as u32;
        }
    }

    /// Nothing follows `_register` until the client has answered behind it, and then for the delay.
    pub(super) fn await_listener(&mut self, cx: &mut Context<'_>) {
        if cx.config.planted == Some(Planted::NoListening) {
            return;
        }
        let serial = self.engine.next_serial();
        let listening = Listening::Unanswered { serial, give_up: cx.now + ANSWER_WITHIN };
        if let Some(registered) = self.registered_mut() {
            registered.listening = listening;
        }
        self.ask(cx);
    }

    /// After a silent registration: the delay begins when the client has shown that it has its `40`. A phone on a slow line
    /// takes its time to get there, and its app registers and listens only then.
    pub(super) fn await_connected(&mut self, cx: &mut Context<'_>) {
        if !self.engine.is_polling() {
            return self.await_listener(cx);
        }
        let Some(serial) = self.engine.unanswered() else { return };
        let listening = Listening::Unanswered { serial, give_up: cx.now + ANSWER_WITHIN };
        if let Some(registered) = self.registered_mut()
            && cx.config.planted != Some(Planted::NoListening)
        {
            registered.listening = listening;
        }
    }

    /// The client has answered question or answer `answered`.
    fn heard(&mut self, cx: &mut Context<'_>, answered: u32) {
        let until = cx.now + cx.config.listen_delay;
        let Some(registered) = self.registered_mut() else { return };
        match registered.listening {
            Listening::Unanswered { serial, .. } | Listening::Unsure { serial, until: Some(_) } if answered >= serial => {
                registered.listening = Listening::Until(until);
            }
            // What followed `_register` unanswered may have met no listener: it is given again, rather than lost.
            Listening::Unsure { serial, until: None } if answered >= serial => {
                registered.listening = Listening::Until(until);
                let proven = registered.proving.proven;
                self.restart(cx, proven);
            }
            Listening::Unanswered { .. } | Listening::Unsure { .. } | Listening::Until(_) | Listening::Over => {}
        }
    }

    /// What it missed is its own mail as soon as it is a device of its own: until then nothing is read for it.
    pub(super) fn is_adopting(&self) -> bool {
        self.registered().is_some_and(|registered| registered.adopting != Adopting::No)
    }

    fn restart(&mut self, cx: &mut Context<'_>, proven: Position) {
        let Some(epoch) = self.epoch.next() else { return self.violate(cx) };
        self.epoch = epoch;
        self.stream.clear(cx.budget);
        self.stream = Stream::shut_from(proven);
        self.tenant = cx.dice.roll() as u32;
        cx.effect(Effect::Restarted);
    }

    pub(super) fn time_listening(&mut self, cx: &mut Context<'_>) {
        let (now, until) = (cx.now, cx.now + cx.config.listen_delay);
        // Where `_register` itself still waits (for a GET, for the kernel) nothing may follow it.
        let waits = self.engine.is_polling() || self.blocked;
        let Some(registered) = self.registered_mut() else { return };
        match &mut registered.listening {
            Listening::Unanswered { give_up, .. } if now >= *give_up && waits => *give_up = now + ANSWER_WITHIN,
            Listening::Unanswered { give_up, serial } if now >= *give_up => {
                registered.listening = Listening::Unsure { serial: *serial, until: Some(until) };
            }
            Listening::Unsure { until: pending @ Some(_), .. } if pending.is_some_and(|at| now >= at) => {
                *pending = None;
                self.start_giving(cx);
            }
            Listening::Until(at) if now >= *at => {
                registered.listening = Listening::Over;
                self.start_giving(cx);
            }
            Listening::Unanswered { .. } | Listening::Unsure { .. } | Listening::Until(_) | Listening::Over => {}
        }
    }

    /// The app listens: first what was missed, in order, then live. An extra has no mailbox.
    fn start_giving(&mut self, cx: &mut Context<'_>) {
        let extra = self.registered().is_some_and(|registered| registered.dev.is_none());
        if self.is_adopting() {
            return;
        }
        if self.stream.flow != Flow::Shut {
            return;
        }
        if extra || cx.config.planted == Some(Planted::SeamDrop) {
            self.stream = Stream::live_from(cx.processed.max(self.stream.given));
        } else {
            self.stream.replay(cx.processed, cx.budget);
        }
    }
}
