//! Which apps there are, and what a change of them means to the sockets here.

use tidings_engineio::Moment;
use tidings_model::{App, AppNo};

use super::Roster;

impl Roster {
    pub(super) fn app_put(&mut self, now: Moment, app: &App) {
        let was_shared = self.apps.is_shared();
        self.apps.put_app(app.clone());
        if app.disabled {
            self.expel(now, app.no, false);
        }
        self.share(now, was_shared);
    }

    pub(super) fn app_gone(&mut self, now: Moment, no: AppNo) {
        let was_shared = self.apps.is_shared();
        self.apps.drop_app(no);
        self.expel(now, no, true);
        self.members.remove(&no);
        self.share(now, was_shared);
    }

    /// A traveller whose app ended while it was under way.
    pub(super) fn is_gone(&self, slot: u32) -> bool {
        let Some(session) = self.sessions.get(slot) else { return false };
        // An app that this worker has not heard of yet is not gone.
        session.app < self.apps.next_app() && self.apps.app(session.app).is_none_or(|app| app.disabled)
    }

    /// Closes an app's sockets; `for_good`: they need not come back.
    fn expel(&mut self, now: Moment, no: AppNo, for_good: bool) {
        let is_there = |slot: &u32| self.sessions.get(*slot).is_some_and(|session| session.app == no && session.has_joined());
        let slots: Vec<u32> = self.sessions.slots().filter(is_there).collect();
        for slot in slots {
            self.with(now, slot, |session, cx| session.expel(cx, for_good));
        }
    }

    /// Whether an unasked `/` may be heard has changed.
    fn share(&mut self, now: Moment, was_shared: bool) {
        if self.apps.is_shared() == was_shared {
            return;
        }
        let slots: Vec<u32> = self.sessions.slots().collect();
        for slot in slots {
            self.with(now, slot, |session, cx| session.heed_others(cx));
        }
    }
}
