//! Collapse keys: which older messages a new one takes the place of, and for whom.

use std::collections::{BTreeMap, BTreeSet};

use tidings_model::{CollapseKey, Dev, Draft, Position, RegNo, Replaced, Target};

use super::{Beneath, Writer};
use crate::ReadError;
use crate::views::{Rows, Scope};

impl<B: Beneath, T> Writer<B, T> {
    /// What still waits with the draft's key: among the broadcasts, or in the registrations that `devs` belong to.
    pub(super) fn replaced(&mut self, draft: &Draft, to: &Target, devs: &BTreeSet<Dev>) -> Result<Vec<Replaced>, ReadError> {
        let Some(key) = &draft.content.collapse_key else { return Ok(Vec::new()) };
        if *to == Target::All {
            let older = self.waiting(Scope::App(draft.app), key)?;
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
