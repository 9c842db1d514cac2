//! Sinks: made, changed, moved and ended.

use std::sync::Arc;

use tidings_model::{
    Answer, AppNo, Code, Fact, Limits, NewSink, Refusal, Sink, SinkChange, SinkConf, SinkError, SinkMove, SinkMoved, SinkNo, SinkState,
    Standing, Tracked, Webhook,
};

use super::administer::{Decided, FACT_BYTES, full, no_app};
use super::{Beneath, Writer};
use crate::ReadError;
use crate::views::Rows;

impl<B: Beneath, T> Writer<B, T> {
    pub(super) fn create_sink(&mut self, new: &NewSink) -> Result<Decided, ReadError> {
        let numbers = self.layers.numbers();
        if new.app.is_some_and(|app| numbers.directory.app(app).is_none()) {
            return Ok(Err(no_app()));
        }
        let sinks = &numbers.sinks;
        if sinks.named(new.id.as_str()).is_some() {
            return Ok(Err(Refusal::new(Code::Conflict, "a sink has this id")));
        }
        if sinks.iter().count() >= Limits::SINKS {
            return Ok(Err(full(Limits::SINKS, "sinks")));
        }
        if new.app.is_some_and(|app| of_app(sinks.iter(), app) >= Limits::SINKS_PER_APP) {
            return Ok(Err(full(Limits::SINKS_PER_APP, "webhooks of this app")));
        }
        let sink = Sink { no: sinks.next(), id: new.id.clone(), app: new.app, conf: new.conf.clone(), created: self.now };
        self.put_sink(sink)
    }

    pub(super) fn change_sink(&mut self, change: &SinkChange) -> Result<Decided, ReadError> {
        let Some(tracked) = self.layers.numbers().sinks.get(change.no) else { return Ok(Err(no_sink())) };
        let SinkConf::Webhook(before) = &tracked.sink.conf else {
            return Ok(Err(Refusal::new(Code::Conflict, "this sink is what the configuration says")));
        };
        let sink = Sink { conf: SinkConf::Webhook(changed(before, change)), ..(*tracked.sink).clone() };
        self.put_sink(sink)
    }

    fn put_sink(&mut self, sink: Sink) -> Result<Decided, ReadError> {
        if let Err(refusal) = self.room(1, FACT_BYTES + conf_bytes(&sink.conf)) {
            return Ok(Err(refusal));
        }
        let no = sink.no;
        self.put(Fact::SinkPut(sink), 0)?;
        Ok(Ok(self.tracked(no)))
    }

    pub(super) fn remove_sink(&mut self, no: SinkNo) -> Result<Decided, ReadError> {
        if self.layers.numbers().sinks.get(no).is_none() {
            return Ok(Err(no_sink()));
        }
        if let Err(refusal) = self.room(1, FACT_BYTES) {
            return Ok(Err(refusal));
        }
        self.put(Fact::SinkGone(no), 0)?;
        Ok(Ok(Answer::Done))
    }

    pub(super) fn move_sink(&mut self, ask: &SinkMove) -> Result<Answer, ReadError> {
        self.layers.rests = self.newest();
        let Some(tracked) = self.layers.numbers().sinks.get(ask.sink).cloned() else { return Ok(Answer::Refused(no_sink())) };
        let standing = &tracked.standing;
        if ask.expected.is_some_and(|expected| expected != standing.cursor) {
            return Ok(Answer::Refused(Refusal::new(Code::Conflict, "the sink was moved meanwhile")));
        }
        if ask.to.is_some_and(|to| to.at > self.seen()) {
            return Ok(Answer::Refused(Refusal::new(Code::InvalidField, "the log does not reach this cursor").field("cursor")));
        }
        let moved = moved(standing, ask);
        if stays(standing, &moved) {
            return Ok(Answer::Sink(tracked));
        }
        if let Err(refusal) = self.room(1, FACT_BYTES + Limits::SINK_ERROR_BYTES) {
            return Ok(Answer::Refused(refusal));
        }
        self.put(Fact::SinkMoved(moved), 0)?;
        Ok(self.tracked(ask.sink))
    }

    fn tracked(&mut self, no: SinkNo) -> Answer {
        let tracked = self.layers.numbers().sinks.get(no).cloned();
        tracked.map_or_else(|| Answer::Refused(no_sink()), Answer::Sink)
    }
}

fn of_app<'a>(sinks: impl Iterator<Item = &'a Arc<Tracked>>, app: AppNo) -> usize {
    sinks.filter(|tracked| tracked.sink.app == Some(app)).count()
}

fn changed(before: &Webhook, change: &SinkChange) -> Webhook {
    let mut webhook = before.clone();
    webhook.url = change.url.clone().unwrap_or(webhook.url);
    webhook.types = change.types.clone().unwrap_or(webhook.types);
    if let Some(secret) = &change.rotate {
        webhook.secrets.insert(0, secret.clone());
    }
    webhook.secrets.truncate(if change.retire { 1 } else { 2 });
    webhook
}

fn conf_bytes(conf: &SinkConf) -> usize {
    match conf {
        SinkConf::Webhook(webhook) => webhook.url.len() + webhook.types.as_ref().map_or(0, Vec::len) * 24,
        SinkConf::Ice => 0,
    }
}

/// What is asked for, as a fact: where more is parked than may be, the sink pauses by it.
fn moved(standing: &Standing, ask: &SinkMove) -> SinkMoved {
    let overflows = ask.park.is_some() && standing.parked.len() >= Limits::PARKED;
    let asked = ask.state.unwrap_or(standing.state);
    let to = if overflows { standing.cursor } else { ask.to.unwrap_or(standing.cursor) };
    SinkMoved {
        sink: ask.sink,
        to,
        state: if overflows { SinkState::Paused } else { asked },
        last_error: ask.last_error.clone().unwrap_or_else(|| standing.last_error.clone()).map(bounded),
        park: ask.park.filter(|park| !overflows && *park <= to),
        // A gap that was never told becomes part of the newer one.
        gap: ask.gap.then(|| standing.gap.map_or(standing.cursor, |gap| gap.from)),
    }
}

fn bounded(error: SinkError) -> SinkError {
    let mut end = error.why.len().min(Limits::SINK_ERROR_BYTES);
    while !error.why.is_char_boundary(end) {
        end -= 1;
    }
    SinkError { why: error.why[..end].into(), ..error }
}

fn stays(standing: &Standing, moved: &SinkMoved) -> bool {
    let same = moved.to == standing.cursor && moved.state == standing.state && moved.last_error == standing.last_error;
    same && moved.park.is_none() && moved.gap.is_none()
}

fn no_sink() -> Refusal {
    Refusal::new(Code::NotFound, "there is no such sink")
}
