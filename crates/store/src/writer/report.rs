//! What a device says: of a message (recorded unchanged, linked where it can be, a proof where it names what it got), or to
//! its business server.

use tidings_model::{Answer, ClientEvent, Code, Dev, Fact, Position, Proof, Published, Refusal, Report, Reported, State, Targets};

use super::{Beneath, Writer};
use crate::ReadError;
use crate::views::Rows;

impl<B: Beneath, T> Writer<B, T> {
    pub(super) fn report(&mut self, ask: &Report) -> Result<Answer, ReadError> {
        let reg = match ask.reg {
            Some(reg) => self.layers.reg(reg)?.map(|_| reg),
            None => None,
        };
        let named = match ask.id {
            Some(id) => self.layers.beneath().find(id)?.filter(|(_, message)| message.app == ask.app),
            None => None,
        };
        let proves = match (&named, reg) {
            (Some((at, message)), Some(_)) if *at <= ask.written => self.proves(ask.dev, *at, message)?,
            _ => false,
        };
        let (message, inferred) = match (named, ask.id, ask.inferred) {
            (Some((at, _)), ..) => (Some(at), false),
            (None, None, Some(at)) if self.is_message(at)? => (Some(at), true),
            _ => (None, false),
        };
        if let Err(refusal) = self.room(1, ask.status.as_str().len() + 64) {
            return Ok(Answer::Refused(refusal));
        }
        let fact = Reported {
            app: ask.app,
            reg,
            dev: ask.dev.filter(|_| reg.is_some()),
            message,
            inferred,
            state: proves.then_some(State::Reached),
            proof: proves.then_some(Proof::Peer),
            status: ask.status.clone(),
        };
        self.put(Fact::Reported(fact), 0)?;
        Ok(Answer::Done)
    }

    /// An event of an app, for as long as its registration lives.
    pub(super) fn emit(&mut self, event: &ClientEvent) -> Result<Answer, ReadError> {
        let lives = self.layers.reg(event.reg)?.is_some_and(|reg| reg.dead.is_none());
        if !lives {
            return Ok(Answer::Refused(Refusal::new(Code::Forbidden, "this registration has ended")));
        }
        let bytes = event.args.as_str().len() + event.event_name.as_str().len() + 32;
        if let Err(refusal) = self.room(1, bytes) {
            return Ok(Answer::Refused(refusal));
        }
        self.put(Fact::ClientEvent(event.clone()), 0)?;
        Ok(Answer::Done)
    }

    /// Whether the report is the first that shows that this device has the message. An extra has no mailbox to prove for.
    fn proves(&mut self, dev: Option<Dev>, at: Position, message: &Published) -> Result<bool, ReadError> {
        let Some(dev) = dev else { return Ok(false) };
        let (Some(device), Some(cursor)) = (self.layers.device(dev)?, self.layers.cursor(dev)?) else { return Ok(false) };
        let is_target = match &message.targets {
            Targets::Devices(devs) => devs.binary_search(&dev).is_ok(),
            Targets::Everyone => device.born < at,
            Targets::Members(topic) => device.born < at && self.layers.stays(device.reg)?.covers(*topic, at),
        };
        if !is_target || device.dead.is_some() || at <= cursor.proven {
            return Ok(false);
        }
        Ok(self.layers.receipt(dev, at)?.is_none_or(|receipt| receipt.state < State::Reached))
    }

    fn is_message(&mut self, at: Position) -> Result<bool, ReadError> {
        Ok(self.layers.beneath().published(at)?.is_some())
    }
}
