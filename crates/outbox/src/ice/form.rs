//! In which calls events are told, and what of an event goes into them.

use tidings_ice::push::{self, Attributes, Notice, Registration, Report};
use tidings_model::{Event, Told, What, Who};

use crate::event::data;

#[cfg(test)]
mod tests;

/// What a listener takes, from most to least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Form {
    /// All events in one call.
    #[default]
    Events,
    /// Runs of one kind.
    Batches,
    Singles,
}

/// The first events of some, as one call.
#[derive(Debug, PartialEq)]
pub(super) struct Part {
    /// None: the form has no call for any of them.
    pub notice: Option<Notice>,
    pub events: usize,
    /// Of these, those that no call tells.
    pub passed_over: u64,
}

impl Form {
    pub(super) fn first(self, events: &[Event]) -> Part {
        let mut run = Run::Empty;
        let mut passed_over = 0;
        let mut count = 0;
        let most = if self == Self::Singles { 1 } else { usize::MAX };
        if self == Self::Events {
            let notice = Some(Notice::Events(events.iter().map(whole).collect()));
            return Part { notice, events: events.len(), passed_over };
        }
        for event in events {
            match &event.what {
                What::Registered { who, first } if run.may_take_registration(most) => run.register(registration(event, who, *first)),
                What::Reported(told) if run.may_take_report(most) => run.report(report(event, told)),
                What::Registered { .. } | What::Reported(_) => break,
                _ => passed_over += 1,
            }
            count += 1;
        }
        Part { notice: run.notice(self), events: count, passed_over }
    }
}

/// Events of one kind, one after the other.
enum Run {
    Empty,
    Registrations(Vec<Registration>),
    Reports(Vec<Report>),
}

impl Run {
    fn may_take_registration(&self, most: usize) -> bool {
        match self {
            Self::Empty => true,
            Self::Registrations(taken) => taken.len() < most,
            Self::Reports(_) => false,
        }
    }

    fn may_take_report(&self, most: usize) -> bool {
        match self {
            Self::Empty => true,
            Self::Reports(taken) => taken.len() < most,
            Self::Registrations(_) => false,
        }
    }

    fn register(&mut self, registration: Registration) {
        match self {
            Self::Registrations(taken) => taken.push(registration),
            _ => *self = Self::Registrations(vec![registration]),
        }
    }

    fn report(&mut self, report: Report) {
        match self {
            Self::Reports(taken) => taken.push(report),
            _ => *self = Self::Reports(vec![report]),
        }
    }

    fn notice(self, form: Form) -> Option<Notice> {
        Some(match self {
            Self::Empty => return None,
            Self::Registrations(mut taken) if form == Form::Singles => Notice::Registered(taken.pop()?),
            Self::Reports(mut taken) if form == Form::Singles => Notice::Reported(taken.pop()?),
            Self::Registrations(taken) => Notice::RegisteredBatch(taken),
            Self::Reports(taken) => Notice::ReportedBatch(taken),
        })
    }
}

fn whole(event: &Event) -> push::Event {
    push::Event {
        event_id: event.id.to_string(),
        r#type: event.what.kind().as_str().to_owned(),
        app: event.app.to_string(),
        at_ms: at_ms(event),
        payload: data(&event.what),
        extra: Attributes::new(),
    }
}

fn registration(event: &Event, who: &Who, first: bool) -> Registration {
    let Names { uid, device_id, token } = names(who);
    Registration {
        event_id: event.id.to_string(),
        app: event.app.to_string(),
        uid,
        device_id,
        token,
        platform: String::new(),
        app_version: String::new(),
        first,
        at_ms: at_ms(event),
        extra: Attributes::new(),
    }
}

fn report(event: &Event, told: &Told) -> Report {
    let Names { uid, device_id, token } = names(&told.who);
    Report {
        event_id: event.id.to_string(),
        app: event.app.to_string(),
        message_id: told.message.map(|id| id.to_string()).unwrap_or_default(),
        uid,
        device_id,
        token,
        state: told.state().unwrap_or_default().to_owned(),
        proof: told.proof.map_or("", |proof| proof.as_str()).to_owned(),
        status: told.status.as_ref().map_or("", |status| status.as_str()).to_owned(),
        meta: told.meta.as_deref().unwrap_or_default().to_owned(),
        at_ms: at_ms(event),
        extra: extra(told),
    }
}

fn extra(told: &Told) -> Attributes {
    let inferred = told.inferred.then_some(("inferred", "true"));
    let reason = told.reason.map(|end| ("reason", end.as_str()));
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    inferred.into_iter().chain(reason).map(owned).collect()
}

/// "" for what is absent.
struct Names {
    uid: String,
    device_id: String,
    token: String,
}

fn names(who: &Who) -> Names {
    let text = |name: Option<&str>| name.unwrap_or_default().to_owned();
    Names {
        uid: text(who.uid.as_ref().map(|uid| uid.as_str())),
        device_id: text(who.device_id.as_ref().map(|id| id.as_str())),
        token: text(who.token.as_ref().map(|token| token.as_str())),
    }
}

fn at_ms(event: &Event) -> i64 {
    i64::try_from(event.at.0).unwrap_or(i64::MAX)
}
