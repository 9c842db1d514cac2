//! A message is taken back: who has not been given it never gets it.

use std::collections::BTreeSet;

use tidings_model::{Answer, Code, Dev, Fact, Recall, Recalled, Refusal, RegNo, Targets};

use super::{Beneath, Writer};
use crate::ReadError;
use crate::views::{Key, Rows};

/// What a device takes in a fact, at most, and the fact around them.
const DEV_BYTES: usize = 5;
const FACT_BYTES: usize = 48;

impl<B: Beneath, T> Writer<B, T> {
    /// Asked again, or after it has expired, it has nothing to do.
    pub(super) fn recall(&mut self, ask: &Recall) -> Result<Answer, ReadError> {
        let message = self.layers.beneath().published(ask.message)?.filter(|message| message.app == ask.app);
        let Some(message) = message else {
            return Ok(Answer::Refused(Refusal::new(Code::NotFound, "there is no message with this id, or it is not kept any more")));
        };
        if message.expires <= self.now || self.layers.get(&Key::Recalled(ask.message))?.is_some() {
            return Ok(Answer::Done);
        }
        let (devs, concerns) = match &message.targets {
            Targets::Devices(devs) => (Some(devs.clone()), self.workers_of(devs)?),
            Targets::Everyone | Targets::Members(_) => (None, u64::MAX),
        };
        if let Err(refusal) = self.room(1, devs.as_ref().map_or(0, Vec::len) * DEV_BYTES + FACT_BYTES) {
            return Ok(Answer::Refused(refusal));
        }
        self.put(Fact::Recalled(Recalled { message: ask.message, by: ask.by.clone(), devs }), concerns)?;
        Ok(Answer::Done)
    }

    /// The workers that these devices' registrations live on.
    fn workers_of(&mut self, devs: &[Dev]) -> Result<u64, ReadError> {
        let mut regs: BTreeSet<RegNo> = BTreeSet::new();
        for dev in devs {
            regs.extend(self.layers.device(*dev)?.map(|device| device.reg));
        }
        let mut bits = 0;
        for reg in regs {
            bits |= self.layers.reg(reg)?.map_or(0, |reg| self.worker_bit(reg.app, &reg.uid));
        }
        Ok(bits)
    }
}
