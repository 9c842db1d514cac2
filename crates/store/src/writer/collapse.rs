//! Collapse keys: which older messages a new one takes the place of, and for whom.

use std::collections::{BTreeMap, BTreeSet};

use tidings_model::{CollapseKey, Dev, Draft, Position, RegNo, Replaced, Targets};

use super::{Beneath, Writer};
use crate::ReadError;
use crate::views::{Rows, Scope};

impl<B: Beneath, T> Writer<B, T> {
    /// What still waits with the draft's key: among the broadcasts, in the topic, or in the registrations that the devices belong to.
    pub(super) fn replaced(&mut self, draft: &Draft, targets: &Targets) -> Result<Vec<Replaced>, ReadError> {
        let Some(key) = &draft.content.collapse_key else { return Ok(Vec::new()) };
        let (devs, wide) = match targets {
            Targets::Devices(devs) => (devs.as_slice(), None),
            Targets::Everyone => (&[][..], Some(Scope::App(draft.app))),
            Targets::Members(topic) => (&[][..], Some(Scope::Topic(*topic))),
        };
        if let Some(scope) = wide {
            let older = self.waiting(scope, key)?;
            return Ok(older.map(|message| Replaced { message, devs: None }).into_iter().collect());
        }
        let mut regs = BTreeSet::new();
        for dev in devs {
            regs.extend(self.layers.device(*dev)?.map(|device| device.reg));
        }
        let mut older: BTreeMap<Position, BTreeSet<Dev>> = BTreeMap::new();
        for reg in regs {
            if let Some(message) = self.waiting(Scope::Reg(reg), key)? {
                let devs = self.targets_at(reg, message)?;
                older.entry(message).or_default().extend(devs);
            }
        }
        Ok(older.into_iter().map(|(message, devs)| Replaced { message, devs: Some(devs.into_iter().collect()) }).collect())
    }

    fn waiting(&mut self, scope: Scope, key: &CollapseKey) -> Result<Option<Position>, ReadError> {
        Ok(self.layers.latest(scope, key)?.filter(|latest| latest.expires > self.now).map(|latest| latest.at))
    }

    /// The devices that a message to a registration was for, as far as somebody still reads their mail: those that live,
    /// and those that a living ghost is the heir of.
    fn targets_at(&mut self, reg: RegNo, message: Position) -> Result<BTreeSet<Dev>, ReadError> {
        let mut unseen = self.layers.reg(reg)?.map_or(Vec::new(), |reg| reg.devs.clone());
        let (mut seen, mut targets) = (BTreeSet::new(), BTreeSet::new());
        while let Some(dev) = unseen.pop() {
            let Some(device) = self.layers.device(dev)?.filter(|_| seen.insert(dev)) else { continue };
            if device.born < message && device.dead.is_none_or(|dead| dead > message) {
                targets.insert(dev);
            }
            unseen.extend(device.heir_of);
        }
        Ok(targets)
    }
}
