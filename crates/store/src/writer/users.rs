//! What a backend asks of one user: who is connected, close it, forget him.

use std::sync::Arc;

use tidings_model::{Answer, Code, Connected, Disconnected, Erased, Fact, Millis, Named, Refusal, RegNo, UserNo};

use super::batch::Undo;
use super::layers::Rests;
use super::{Beneath, Writer};
use crate::ReadError;
use crate::views::{Rows, User};

/// What one registration takes in a fact, at most, and the fact around it.
const REG_BYTES: usize = 5;
const FACT_BYTES: usize = 32;

impl<B: Beneath, T> Writer<B, T> {
    pub(super) fn connected(&mut self, regs: &[RegNo]) -> Result<Answer, ReadError> {
        let mut connected = Vec::with_capacity(regs.len());
        for no in regs {
            connected.push(match self.presence.connected(*no) {
                Some(connected) => connected,
                None => Connected { left: self.left(*no)?, ..Connected::default() },
            });
        }
        Ok(Answer::Connected(connected))
    }

    fn left(&mut self, no: RegNo) -> Result<Option<Millis>, ReadError> {
        let reg = self.layers.reg(no)?;
        Ok(reg.and_then(|reg| reg.devs.iter().filter_map(|dev| self.presence.left(*dev)).max()))
    }

    /// Only who is connected is named: a register that is decided later stays.
    pub(super) fn disconnect(&mut self, named: &Named) -> Result<Answer, ReadError> {
        let Some((_, user)) = self.user_named(named)? else { return Ok(nobody()) };
        let sockets = |no: &RegNo| self.presence.sockets_at(*no);
        let regs: Vec<RegNo> = user.regs.iter().copied().filter(|no| sockets(no) > 0).collect();
        let closed = user.regs.iter().map(sockets).sum::<usize>();
        if !regs.is_empty() {
            if let Err(refusal) = self.room(1, regs.len() * REG_BYTES + FACT_BYTES) {
                return Ok(Answer::Refused(refusal));
            }
            let bit = self.worker_bit(named.app, &named.uid);
            self.put(Fact::Disconnected(Disconnected { regs }), bit)?;
        }
        Ok(Answer::Closed(u32::try_from(closed).unwrap_or(u32::MAX)))
    }

    pub(super) fn erase(&mut self, named: &Named) -> Result<Answer, ReadError> {
        let Some((no, user)) = self.user_named(named)? else { return Ok(nobody()) };
        if let Err(refusal) = self.room(1, user.regs.len() * REG_BYTES + FACT_BYTES) {
            return Ok(Answer::Refused(refusal));
        }
        let bit = self.worker_bit(named.app, &named.uid);
        self.put(Fact::Erased(Erased { app: named.app, user: no, regs: user.regs.clone() }), bit)?;
        for reg in &user.regs {
            let ended = self.presence.end(*reg);
            self.batching.undo(Undo::Ended(ended), Rests::Open);
        }
        Ok(Answer::Done)
    }

    fn user_named(&mut self, named: &Named) -> Result<Option<(UserNo, Arc<User>)>, ReadError> {
        let Some(no) = self.layers.user_no(named.app, &named.uid)? else { return Ok(None) };
        Ok(self.layers.user(no)?.map(|user| (no, user)))
    }
}

fn nobody() -> Answer {
    Answer::Refused(Refusal::new(Code::NotFound, "nobody has registered as this uid").field("uid"))
}
