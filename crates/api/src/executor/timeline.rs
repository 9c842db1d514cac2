//! A user's timeline, and which of his devices have a socket now.

use std::collections::{BTreeSet, HashSet};

use tidings_model::{Dev, RegNo};
use tidings_store::{Fate, Happened, Happening, Timeline, TimelineQuery};

use super::users::unknown_user;
use super::{AskError, Executor};

/// A page of what happened, newest first.
#[derive(Clone, Debug)]
pub struct Told {
    pub timeline: Timeline,
    /// Devices for which something waits although a socket serves them.
    pub served: HashSet<Dev>,
}

impl Executor {
    /// What happened to a user, as far as the log is kept.
    pub async fn timeline(&self, query: TimelineQuery) -> Result<Told, AskError> {
        let timeline = self.read(move |store| store.timeline(&query)).await?.ok_or_else(unknown_user)?;
        let waiting: BTreeSet<RegNo> = timeline.happenings.iter().flat_map(waiting).collect();
        let connected = self.connected(waiting.into_iter().collect()).await?;
        Ok(Told { timeline, served: connected.into_iter().flat_map(|connected| connected.devs).collect() })
    }
}

/// Registrations for which a message waits.
fn waiting(happening: &Happening) -> Vec<RegNo> {
    match &happening.what {
        Happened::Sent { outcomes, .. } => {
            outcomes.iter().filter(|outcome| outcome.fate == Fate::Waiting).map(|outcome| outcome.reg).collect()
        }
        _ => Vec::new(),
    }
}
