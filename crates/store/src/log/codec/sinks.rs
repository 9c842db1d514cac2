//! The fields of sinks.

use tidings_model::{AppNo, EventId, EventType, Sink, SinkConf, SinkError, SinkId, SinkMoved, SinkNo, SinkSecret, SinkState, Webhook};

use super::{Bytes, Malformed, Put, tag};

type Taken<T> = Result<T, Malformed>;

pub(super) fn put_sink(head: &mut Vec<u8>, sink: &Sink) -> u8 {
    head.number(u64::from(sink.no.0));
    head.option(sink.app, |head, app| head.number(u64::from(app.0)));
    head.text(sink.id.as_str());
    head.millis(sink.created);
    put_conf(head, &sink.conf);
    tag::SINK_PUT
}

pub(super) fn take_sink(bytes: &mut Bytes<'_>) -> Taken<Sink> {
    Ok(Sink {
        no: SinkNo(bytes.small()?),
        app: bytes.option(|bytes| bytes.small().map(AppNo))?,
        id: SinkId::trusted(bytes.text()?),
        created: bytes.millis()?,
        conf: take_conf(bytes)?,
    })
}

pub(crate) fn put_conf(head: &mut Vec<u8>, conf: &SinkConf) {
    match conf {
        SinkConf::Webhook(webhook) => {
            head.byte(1);
            head.text(&webhook.url);
            head.option(webhook.types.as_ref(), |head, types| head.list(types, |head, kind| head.text(kind.as_str())));
            head.list(&webhook.secrets, |head, secret| {
                head.count(secret.bytes().len());
                head.fixed(secret.bytes());
            });
        }
        SinkConf::Ice => head.byte(2),
    }
}

pub(crate) fn take_conf(bytes: &mut Bytes<'_>) -> Taken<SinkConf> {
    match bytes.byte()? {
        1 => Ok(SinkConf::Webhook(Webhook {
            url: bytes.text()?.to_owned(),
            types: bytes.option(|bytes| bytes.list(take_type))?,
            secrets: bytes.list(take_secret)?,
        })),
        2 => Ok(SinkConf::Ice),
        _ => Err(Malformed("an unknown kind of sink")),
    }
}

fn take_type(bytes: &mut Bytes<'_>) -> Taken<EventType> {
    EventType::parse(bytes.text()?).ok_or(Malformed("an unknown type of event"))
}

fn take_secret(bytes: &mut Bytes<'_>) -> Taken<SinkSecret> {
    let count = usize::try_from(bytes.number()?).map_err(|_| Malformed("it ends early"))?;
    bytes.take(count).map(SinkSecret::new)
}

pub(super) fn put_sink_gone(head: &mut Vec<u8>, no: SinkNo) -> u8 {
    head.number(u64::from(no.0));
    tag::SINK_GONE
}

pub(super) fn put_sink_moved(head: &mut Vec<u8>, fact: &SinkMoved) -> u8 {
    head.number(u64::from(fact.sink.0));
    put_event(head, fact.to);
    head.byte(fact.state as u8);
    head.option(fact.last_error.as_ref(), put_error);
    head.option(fact.park, put_event);
    head.option(fact.gap, put_event);
    tag::SINK_MOVED
}

pub(super) fn take_sink_moved(bytes: &mut Bytes<'_>) -> Taken<SinkMoved> {
    Ok(SinkMoved {
        sink: SinkNo(bytes.small()?),
        to: take_event(bytes)?,
        state: take_sink_state(bytes)?,
        last_error: bytes.option(take_error)?,
        park: bytes.option(take_event)?,
        gap: bytes.option(take_event)?,
    })
}

pub(crate) fn take_sink_state(bytes: &mut Bytes<'_>) -> Taken<SinkState> {
    let number = bytes.byte()?;
    [SinkState::Active, SinkState::Paused].into_iter().find(|state| *state as u8 == number).ok_or(Malformed("an unknown state of a sink"))
}

pub(crate) fn put_error(head: &mut Vec<u8>, error: &SinkError) {
    head.millis(error.at);
    head.text(&error.why);
}

pub(crate) fn take_error(bytes: &mut Bytes<'_>) -> Taken<SinkError> {
    Ok(SinkError { at: bytes.millis()?, why: bytes.text()?.into() })
}

pub(crate) fn put_event(head: &mut Vec<u8>, id: EventId) {
    head.position(id.at);
    head.number(u64::from(id.n));
}

pub(crate) fn take_event(bytes: &mut Bytes<'_>) -> Taken<EventId> {
    Ok(EventId { at: bytes.position()?, n: bytes.small()? })
}
