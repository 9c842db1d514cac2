//! What a house wants done, done.

use tidings_engineio::{Action, Exchange, Fault, Goodbye, Link, Response, websocket};

use super::Worker;
use super::conn::{Conn, Phase, State};
use super::conns::{Links, NONE};
use crate::{Door, Output, Slot};

impl<D: Door> Worker<D> {
    /// Everything that the last input led to. Sessions that move wait for `settle`.
    pub(super) fn obey(&mut self) {
        while let Some(output) = self.parts.door.output() {
            match output {
                Output::Do(slot, action) => self.act(slot, action),
                Output::Wake(slot, at) => self.sessions.set_sooner(slot.0, at),
                Output::Move(slot, worker) => self.turn.departures.push((slot, worker)),
                Output::Answer(visitor, document) => self.visited(visitor, &document),
                Output::Gone(slot) => self.gone(slot),
            }
        }
    }

    /// As `obey`, where no input is half dealt with: sessions that want to move go.
    pub(super) fn settle(&mut self) {
        self.obey();
        while let Some((slot, worker)) = self.turn.departures.pop() {
            self.depart(slot, worker);
        }
    }

    fn act(&mut self, slot: Slot, action: Action) {
        match action {
            Action::Write { link, bytes } => {
                let index = *self.conns.links(slot).of(link);
                if index != NONE {
                    self.write(index, bytes);
                }
            }
            Action::Respond { exchange, response } => {
                if let Some(index) = self.take_exchange(slot, exchange) {
                    self.respond(index, &response);
                }
            }
            Action::Abandon(exchange) => {
                if let Some(index) = self.take_exchange(slot, exchange) {
                    self.finish(index);
                }
            }
            Action::Refuse => drop(self.take_arriving(slot)),
            Action::Promote => self.promote(slot),
            Action::Shut { link, goodbye } => self.shut(slot, link, goodbye),
        }
    }

    /// The connection that waits for this answer; it waits no longer.
    fn take_exchange(&mut self, slot: Slot, exchange: Exchange) -> Option<u32> {
        let links = self.conns.links(slot);
        let place = match exchange {
            Exchange::Poll => &mut links.poll,
            Exchange::Post => &mut links.post,
            Exchange::NewPoll => return self.take_arriving(slot),
        };
        match std::mem::replace(place, NONE) {
            NONE if exchange == Exchange::Poll => self.take_arriving(slot),
            NONE => None,
            index => Some(index),
        }
    }

    fn take_arriving(&mut self, slot: Slot) -> Option<u32> {
        self.turn.arriving.take_if(|(arriving, _)| *arriving == slot).map(|(_, index)| index)
    }

    fn respond(&mut self, index: u32, response: &Response) {
        let Some(phase) = self.conns.get(index).and_then(Conn::phase) else { return };
        let Phase::Waits { mut reply, .. } = std::mem::replace(phase, Phase::Head { begun: false }) else { return };
        reply.close |= self.is_stopping();
        self.respond_with(index, &reply, response);
    }

    fn promote(&mut self, slot: Slot) {
        let links = self.conns.links(slot);
        let index = std::mem::replace(&mut links.probe, NONE);
        links.socket = index;
        let Some(conn) = self.conns.get(index) else { return };
        let blocked = conn.rest.is_some();
        if let State::Socket(socket) = &mut conn.state {
            socket.link = Link::Socket;
        }
        if blocked {
            self.parts.door.input(self.turn.now, slot, tidings_engineio::Input::Blocked);
        }
    }

    fn shut(&mut self, slot: Slot, link: Link, goodbye: Goodbye) {
        let index = std::mem::replace(self.conns.links(slot).of(link), NONE);
        if index == NONE {
            return;
        }
        match goodbye {
            Goodbye::Fin => self.finish(index),
            Goodbye::Frame(code) => self.say_last(index, websocket::close_frame(code)),
        }
    }

    /// The session is over: what it still has ends with FIN.
    fn gone(&mut self, slot: Slot) {
        self.sessions.clear(slot.0);
        self.turn.departures.retain(|(moving, _)| *moving != slot);
        let links = std::mem::replace(self.conns.links(slot), Links::EMPTY);
        for index in links.all() {
            self.finish(index);
        }
        // A request whose session ended without an answer to it; a probe is refused by being taken.
        if let Some(index) = self.take_arriving(slot) {
            self.respond(index, &Fault::UnknownSid.response());
        }
    }
}
