//! Each fact's fields in their order: one pair of functions a tag.

use std::sync::Arc;

use tidings_json::Json;
use tidings_model::{
    AppNo, Body, ClientEvent, Code, CollapseKey, Content, Dev, DeviceId, DirectProof, Disconnected, End, Ended, Erased, EventName, Fact,
    Ghost, Idempotency, Invalid, MessageId, Overflowed, Presence, Print, Proof, Proven, Published, Recalled, RegNo, Registered, Replaced,
    Reported, SinkNo, Started, State, Subscribed, Target, Targets, Token, TopicName, TopicNo, Uid, Unregistered, UserNo, Why,
};

use super::{Bytes, Encoded, Malformed, PUBLISHED_MORE, PUBLISHED_TOPIC, Put, VERSION, sinks, tag, tenancy};

type Taken<T> = Result<T, Malformed>;

pub(crate) fn encode(fact: &Fact) -> Encoded {
    let mut head = vec![version(fact)];
    let mut body = Vec::new();
    let tag = match fact {
        Fact::Started(fact) => put_started(&mut head, fact),
        Fact::Tick => tag::TICK,
        Fact::AppPut(app) => tenancy::put_app(&mut head, app),
        Fact::AppGone(no) => tenancy::put_app_gone(&mut head, *no),
        Fact::KeyPut(key) => tenancy::put_key(&mut head, key),
        Fact::KeyGone(id) => tenancy::put_key_gone(&mut head, id),
        Fact::Registered(fact) => put_registered(&mut head, fact),
        Fact::Unregistered(fact) => put_unregistered(&mut head, fact),
        Fact::Presence(fact) => put_presence(&mut head, fact),
        Fact::Ghost(fact) => put_ghost(&mut head, fact),
        Fact::Erased(fact) => put_erased(&mut head, fact),
        Fact::Disconnected(fact) => {
            put_regs(&mut head, &fact.regs);
            tag::DISCONNECTED
        }
        Fact::Subscribed(fact) => put_subscribed(&mut head, fact),
        Fact::Published(fact) => {
            body.extend_from_slice(fact.content.body.text().as_bytes());
            put_published(&mut head, fact)
        }
        Fact::Proven(fact) => put_proven(&mut head, fact),
        Fact::Reported(fact) => {
            body.extend_from_slice(fact.status.as_str().as_bytes());
            put_reported(&mut head, fact)
        }
        Fact::Overflowed(fact) => put_overflowed(&mut head, fact),
        Fact::Recalled(fact) => put_recalled(&mut head, fact),
        Fact::Ended(fact) => put_ended(&mut head, fact),
        Fact::ClientEvent(fact) => {
            body.extend_from_slice(fact.args.as_str().as_bytes());
            put_client_event(&mut head, fact)
        }
        Fact::SinkPut(sink) => sinks::put_sink(&mut head, sink),
        Fact::SinkGone(no) => sinks::put_sink_gone(&mut head, *no),
        Fact::SinkMoved(fact) => sinks::put_sink_moved(&mut head, fact),
    };
    Encoded { tag, head, body }
}

/// The lowest that has every field of the fact.
fn version(fact: &Fact) -> u8 {
    if let Fact::Published(fact) = fact { version_of(fact) } else { VERSION }
}

fn version_of(fact: &Published) -> u8 {
    if is_topical(fact) {
        PUBLISHED_TOPIC
    } else if fact.content.is_plain() && fact.replaces.is_empty() {
        VERSION
    } else {
        PUBLISHED_MORE
    }
}

/// Names a kind of target that version 2 does not know.
fn is_topical(fact: &Published) -> bool {
    matches!(fact.to, Target::Topic(_)) || matches!(fact.targets, Targets::Members(_))
}

pub(super) fn knows(tag: u8, version: u8) -> bool {
    let newest = if tag == tag::PUBLISHED { PUBLISHED_TOPIC } else { VERSION };
    let known = matches!(tag, tag::STARTED..=tag::KEY_GONE | tag::REGISTERED..=tag::PRESENCE | tag::ERASED..=tag::GHOST | tag::PUBLISHED..=tag::RECALLED | tag::ENDED..=tag::SINK_MOVED);
    known && version <= newest
}

pub(super) fn decode(tag: u8, head: &[u8], body: &[u8]) -> Taken<Fact> {
    let mut bytes = Bytes::new(head);
    let version = bytes.byte()?;
    if version == 0 {
        return Err(Malformed("a fact has no version"));
    }
    if !matches!(tag, tag::PUBLISHED | tag::REPORTED | tag::CLIENT_EVENT) && !body.is_empty() {
        return Err(Malformed("bytes are left over"));
    }
    let fact = match tag {
        tag::STARTED => Fact::Started(take_started(&mut bytes)?),
        tag::TICK => Fact::Tick,
        tag::APP_PUT => Fact::AppPut(tenancy::take_app(&mut bytes)?),
        tag::APP_GONE => Fact::AppGone(AppNo(bytes.small()?)),
        tag::KEY_PUT => Fact::KeyPut(tenancy::take_key(&mut bytes)?),
        tag::KEY_GONE => Fact::KeyGone(tenancy::take_key_id(&mut bytes)?),
        tag::REGISTERED => Fact::Registered(take_registered(&mut bytes)?),
        tag::UNREGISTERED => Fact::Unregistered(take_unregistered(&mut bytes)?),
        tag::PRESENCE => Fact::Presence(take_presence(&mut bytes)?),
        tag::GHOST => Fact::Ghost(take_ghost(&mut bytes)?),
        tag::ERASED => Fact::Erased(take_erased(&mut bytes)?),
        tag::DISCONNECTED => Fact::Disconnected(Disconnected { regs: take_regs(&mut bytes)? }),
        tag::SUBSCRIBED => Fact::Subscribed(take_subscribed(&mut bytes)?),
        tag::PUBLISHED => take_published(&mut bytes, body, version)?.into(),
        tag::PROVEN => Fact::Proven(take_proven(&mut bytes)?),
        tag::REPORTED => Fact::Reported(take_reported(&mut bytes, body)?),
        tag::OVERFLOWED => Fact::Overflowed(take_overflowed(&mut bytes)?),
        tag::RECALLED => Fact::Recalled(take_recalled(&mut bytes)?),
        tag::ENDED => Fact::Ended(take_ended(&mut bytes)?),
        tag::CLIENT_EVENT => Fact::ClientEvent(take_client_event(&mut bytes, body)?),
        tag::SINK_PUT => Fact::SinkPut(sinks::take_sink(&mut bytes)?),
        tag::SINK_GONE => Fact::SinkGone(SinkNo(bytes.small()?)),
        tag::SINK_MOVED => Fact::SinkMoved(sinks::take_sink_moved(&mut bytes)?),
        _ => return Err(Malformed("an unknown tag")),
    };
    bytes.end()?;
    Ok(fact)
}

fn put_started(head: &mut Vec<u8>, fact: &Started) -> u8 {
    head.number(u64::from(fact.epoch));
    head.fixed(&fact.writer.to_le_bytes());
    head.text(&fact.build);
    head.number(fact.after);
    tag::STARTED
}

fn take_started(bytes: &mut Bytes<'_>) -> Taken<Started> {
    Ok(Started {
        epoch: bytes.small()?,
        writer: u64::from_le_bytes(bytes.array()?),
        build: bytes.text()?.to_owned(),
        after: bytes.number()?,
    })
}

fn put_registered(head: &mut Vec<u8>, fact: &Registered) -> u8 {
    for number in [fact.app.0, fact.user.0, fact.reg.0, fact.dev.0] {
        head.number(u64::from(number));
    }
    head.text(fact.uid.as_str());
    head.text(fact.token.as_str());
    head.option(fact.device_id.as_ref(), |head, id| head.text(id.as_str()));
    head.fixed(&fact.print.0.to_le_bytes());
    head.addr(fact.addr);
    head.position(fact.cursor);
    head.flag(fact.first);
    tag::REGISTERED
}

fn take_registered(bytes: &mut Bytes<'_>) -> Taken<Registered> {
    let (app, user, reg, dev) = (AppNo(bytes.small()?), UserNo(bytes.small()?), RegNo(bytes.small()?), Dev(bytes.small()?));
    Ok(Registered {
        app,
        user,
        reg,
        dev,
        uid: Uid::trusted(bytes.text()?),
        token: Token::trusted(bytes.text()?),
        device_id: bytes.option(|bytes| bytes.text().map(DeviceId::trusted))?,
        print: take_print(bytes)?,
        addr: bytes.addr()?,
        cursor: bytes.position()?,
        first: bytes.flag()?,
    })
}

fn take_print(bytes: &mut Bytes<'_>) -> Taken<Print> {
    bytes.array().map(|bits| Print(u64::from_le_bytes(bits)))
}

fn put_unregistered(head: &mut Vec<u8>, fact: &Unregistered) -> u8 {
    head.list(&fact.regs, |head, (reg, why)| {
        head.number(u64::from(reg.0));
        head.byte(*why as u8);
    });
    head.list(&fact.ghosts, |head, dev| head.number(u64::from(dev.0)));
    tag::UNREGISTERED
}

fn take_unregistered(bytes: &mut Bytes<'_>) -> Taken<Unregistered> {
    let regs = bytes.list(|bytes| Ok((RegNo(bytes.small()?), take_why(bytes)?)))?;
    let ghosts = bytes.list(|bytes| bytes.small().map(Dev))?;
    Ok(Unregistered { regs, ghosts })
}

fn take_why(bytes: &mut Bytes<'_>) -> Taken<Why> {
    let number = bytes.byte()?;
    [Why::Asked, Why::Evicted, Why::Stale, Why::Revoked].into_iter().find(|why| *why as u8 == number).ok_or(Malformed("an unknown reason"))
}

fn put_presence(head: &mut Vec<u8>, fact: &Presence) -> u8 {
    head.list(&fact.on, |head, reg| head.number(u64::from(reg.0)));
    head.list(&fact.off, |head, (reg, seen)| {
        head.number(u64::from(reg.0));
        head.millis(*seen);
    });
    tag::PRESENCE
}

fn take_presence(bytes: &mut Bytes<'_>) -> Taken<Presence> {
    let on = bytes.list(|bytes| bytes.small().map(RegNo))?;
    let off = bytes.list(|bytes| Ok((RegNo(bytes.small()?), bytes.millis()?)))?;
    Ok(Presence { on, off })
}

fn put_ghost(head: &mut Vec<u8>, fact: &Ghost) -> u8 {
    head.number(u64::from(fact.reg.0));
    head.number(u64::from(fact.dev.0));
    head.fixed(&fact.print.0.to_le_bytes());
    head.addr(fact.addr);
    head.option(fact.heir_of, |head, dev| head.number(u64::from(dev.0)));
    head.position(fact.cursor);
    tag::GHOST
}

fn take_ghost(bytes: &mut Bytes<'_>) -> Taken<Ghost> {
    Ok(Ghost {
        reg: RegNo(bytes.small()?),
        dev: Dev(bytes.small()?),
        print: take_print(bytes)?,
        addr: bytes.addr()?,
        heir_of: bytes.option(|bytes| bytes.small().map(Dev))?,
        cursor: bytes.position()?,
    })
}

fn put_erased(head: &mut Vec<u8>, fact: &Erased) -> u8 {
    head.number(u64::from(fact.app.0));
    head.number(u64::from(fact.user.0));
    put_regs(head, &fact.regs);
    tag::ERASED
}

fn take_erased(bytes: &mut Bytes<'_>) -> Taken<Erased> {
    Ok(Erased { app: AppNo(bytes.small()?), user: UserNo(bytes.small()?), regs: take_regs(bytes)? })
}

fn put_subscribed(head: &mut Vec<u8>, fact: &Subscribed) -> u8 {
    head.number(u64::from(fact.app.0));
    head.number(u64::from(fact.topic.0));
    head.option(fact.name.as_ref(), |head, name| head.text(name.as_str()));
    head.flag(fact.on);
    head.list(&fact.users, |head, user| head.number(u64::from(user.0)));
    put_regs(head, &fact.regs);
    tag::SUBSCRIBED
}

fn take_subscribed(bytes: &mut Bytes<'_>) -> Taken<Subscribed> {
    Ok(Subscribed {
        app: AppNo(bytes.small()?),
        topic: TopicNo(bytes.small()?),
        name: bytes.option(|bytes| bytes.text().map(TopicName::trusted))?,
        on: bytes.flag()?,
        users: bytes.list(|bytes| bytes.small().map(UserNo))?,
        regs: take_regs(bytes)?,
    })
}

fn put_regs(head: &mut Vec<u8>, regs: &[RegNo]) {
    head.list(regs, |head, reg| head.number(u64::from(reg.0)));
}

fn take_regs(bytes: &mut Bytes<'_>) -> Taken<Vec<RegNo>> {
    bytes.list(|bytes| bytes.small().map(RegNo))
}

fn put_published(head: &mut Vec<u8>, fact: &Published) -> u8 {
    head.number(u64::from(fact.app.0));
    head.fixed(&fact.id.0);
    put_target(head, &fact.to);
    match &fact.targets {
        Targets::Devices(devs) => {
            head.byte(1);
            head.devs(devs);
        }
        Targets::Everyone => head.byte(2),
        Targets::Members(topic) => {
            head.byte(3);
            head.number(u64::from(topic.0));
        }
    }
    head.number(u64::from(fact.devices));
    head.number(u64::from(fact.online));
    head.list(&fact.invalid, |head, invalid| {
        head.text(&invalid.value);
        head.byte(invalid.code.number());
    });
    head.millis(fact.expires);
    head.option(fact.idempotency, |head, idempotency| {
        head.fixed(&idempotency.key);
        head.fixed(&idempotency.request.to_le_bytes());
    });
    if head.first() >= Some(&PUBLISHED_MORE) {
        put_more(head, &fact.content, &fact.replaces);
    }
    tag::PUBLISHED
}

/// What version 2 has behind the fields of version 1.
fn put_more(head: &mut Vec<u8>, content: &Content, replaces: &[Replaced]) {
    head.flag(matches!(content.body, Body::Args(_)));
    head.option(content.event_name.as_ref(), |head, name| head.text(name.as_str()));
    head.option(content.collapse_key.as_ref(), |head, key| head.text(key.as_str()));
    head.option(content.label.as_ref(), |head, label| head.text(label));
    head.option(content.meta.as_ref(), |head, meta| head.text(meta));
    head.list(replaces, |head, replaced| {
        head.position(replaced.message);
        head.option(replaced.devs.as_ref(), |head, devs| head.devs(devs));
    });
}

fn take_more(bytes: &mut Bytes<'_>, body: &[u8]) -> Taken<(Content, Vec<Replaced>)> {
    let body = if bytes.flag()? { Body::Args(take_json(body)?) } else { Body::Data(take_json(body)?) };
    let content = Content {
        body,
        event_name: bytes.option(|bytes| bytes.text().map(EventName::trusted))?,
        collapse_key: bytes.option(|bytes| bytes.text().map(CollapseKey::trusted))?,
        label: bytes.option(|bytes| bytes.text().map(Into::into))?,
        meta: bytes.option(|bytes| bytes.text().map(Into::into))?,
    };
    let replaces = bytes.list(|bytes| Ok(Replaced { message: bytes.position()?, devs: bytes.option(Bytes::devs)? }))?;
    Ok((content, replaces))
}

fn take_published(bytes: &mut Bytes<'_>, body: &[u8], version: u8) -> Taken<Published> {
    let mut fact = Published {
        app: AppNo(bytes.small()?),
        id: MessageId(bytes.array()?),
        to: take_target(bytes)?,
        targets: take_targets(bytes)?,
        devices: bytes.small()?,
        online: bytes.small()?,
        invalid: bytes.list(take_invalid)?,
        expires: bytes.millis()?,
        idempotency: bytes.option(|bytes| Ok(Idempotency { key: bytes.array()?, request: u64::from_le_bytes(bytes.array()?) }))?,
        content: Arc::new(Content::data(take_json(body)?)),
        replaces: Vec::new(),
    };
    if version >= PUBLISHED_MORE {
        let (content, replaces) = take_more(bytes, body)?;
        (fact.content, fact.replaces) = (Arc::new(content), replaces);
    }
    if version != version_of(&fact) {
        return Err(Malformed("a message has another version than it needs"));
    }
    Ok(fact)
}

fn take_json(body: &[u8]) -> Taken<Json> {
    std::str::from_utf8(body).map(Json::trusted).map_err(|_| Malformed("a body is not UTF-8"))
}

fn put_target(head: &mut Vec<u8>, target: &Target) {
    match target {
        Target::All => head.byte(0),
        Target::Uids(uids) => {
            head.byte(1);
            head.list(uids, |head, uid| head.text(uid.as_str()));
        }
        Target::Tokens(tokens) => {
            head.byte(2);
            head.list(tokens, |head, token| head.text(token.as_str()));
        }
        Target::TokenOrUid(either) => {
            head.byte(3);
            head.text(either);
        }
        Target::Topic(topic) => {
            head.byte(4);
            head.text(topic.as_str());
        }
    }
}

fn take_target(bytes: &mut Bytes<'_>) -> Taken<Target> {
    match bytes.byte()? {
        0 => Ok(Target::All),
        1 => bytes.list(|bytes| bytes.text().map(Uid::trusted)).map(Target::Uids),
        2 => bytes.list(|bytes| bytes.text().map(Token::trusted)).map(Target::Tokens),
        3 => bytes.text().map(|either| Target::TokenOrUid(either.to_owned())),
        4 => bytes.text().map(|topic| Target::Topic(TopicName::trusted(topic))),
        _ => Err(Malformed("an unknown kind of target")),
    }
}

fn take_targets(bytes: &mut Bytes<'_>) -> Taken<Targets> {
    match bytes.byte()? {
        1 => bytes.devs().map(Targets::Devices),
        2 => Ok(Targets::Everyone),
        3 => bytes.small().map(TopicNo).map(Targets::Members),
        _ => Err(Malformed("an unknown kind of targets")),
    }
}

fn take_invalid(bytes: &mut Bytes<'_>) -> Taken<Invalid> {
    let value = bytes.text()?.to_owned();
    let code = Code::from_number(bytes.byte()?).ok_or(Malformed("an unknown code"))?;
    Ok(Invalid { value, code })
}

fn put_proven(head: &mut Vec<u8>, fact: &Proven) -> u8 {
    head.list(&fact.cursors, |head, (position, devs)| {
        head.position(*position);
        head.devs(devs);
    });
    head.list(&fact.direct, |head, proof| {
        head.position(proof.message);
        head.number(u64::from(proof.dev.0));
        head.byte(proof.state as u8);
        head.byte(proof.proof as u8);
        head.number(u64::from(proof.after_ms));
    });
    tag::PROVEN
}

fn take_proven(bytes: &mut Bytes<'_>) -> Taken<Proven> {
    let cursors = bytes.list(|bytes| Ok((bytes.position()?, bytes.devs()?)))?;
    let direct = bytes.list(|bytes| {
        Ok(DirectProof {
            message: bytes.position()?,
            dev: Dev(bytes.small()?),
            state: take_state(bytes)?,
            proof: take_proof(bytes)?,
            after_ms: bytes.small()?,
        })
    })?;
    Ok(Proven { cursors, direct })
}

fn take_state(bytes: &mut Bytes<'_>) -> Taken<State> {
    state(bytes.byte()?).ok_or(Malformed("an unknown state"))
}

fn take_proof(bytes: &mut Bytes<'_>) -> Taken<Proof> {
    proof(bytes.byte()?).ok_or(Malformed("an unknown proof"))
}

/// The state with this number.
pub(crate) fn state(number: u8) -> Option<State> {
    [State::Queued, State::Sent, State::Reached, State::Delivered].into_iter().find(|state| *state as u8 == number)
}

/// The proof with this number.
pub(crate) fn proof(number: u8) -> Option<Proof> {
    [Proof::Poll, Proof::Peer, Proof::Engine, Proof::App].into_iter().find(|proof| *proof as u8 == number)
}

fn put_reported(head: &mut Vec<u8>, fact: &Reported) -> u8 {
    head.number(u64::from(fact.app.0));
    head.option(fact.reg, |head, reg| head.number(u64::from(reg.0)));
    head.option(fact.dev, |head, dev| head.number(u64::from(dev.0)));
    head.option(fact.message, |head, message| head.position(message));
    head.flag(fact.inferred);
    head.option(fact.state, |head, state| head.byte(state as u8));
    head.option(fact.proof, |head, proof| head.byte(proof as u8));
    tag::REPORTED
}

fn take_reported(bytes: &mut Bytes<'_>, body: &[u8]) -> Taken<Reported> {
    Ok(Reported {
        app: AppNo(bytes.small()?),
        reg: bytes.option(|bytes| bytes.small().map(RegNo))?,
        dev: bytes.option(|bytes| bytes.small().map(Dev))?,
        message: bytes.option(Bytes::position)?,
        inferred: bytes.flag()?,
        state: bytes.option(take_state)?,
        proof: bytes.option(take_proof)?,
        status: take_json(body)?,
    })
}

fn put_overflowed(head: &mut Vec<u8>, fact: &Overflowed) -> u8 {
    head.number(u64::from(fact.dev.0));
    head.position(fact.after);
    head.position(fact.upto);
    head.number(u64::from(fact.count));
    head.number(fact.bytes);
    tag::OVERFLOWED
}

fn take_overflowed(bytes: &mut Bytes<'_>) -> Taken<Overflowed> {
    Ok(Overflowed {
        dev: Dev(bytes.small()?),
        after: bytes.position()?,
        upto: bytes.position()?,
        count: bytes.small()?,
        bytes: bytes.number()?,
    })
}

fn put_recalled(head: &mut Vec<u8>, fact: &Recalled) -> u8 {
    head.position(fact.message);
    head.option(fact.by.as_ref(), |head, id| head.text(id.as_str()));
    head.option(fact.devs.as_ref(), |head, devs| head.devs(devs));
    tag::RECALLED
}

fn take_recalled(bytes: &mut Bytes<'_>) -> Taken<Recalled> {
    Ok(Recalled { message: bytes.position()?, by: bytes.option(tenancy::take_key_id)?, devs: bytes.option(Bytes::devs)? })
}

fn put_ended(head: &mut Vec<u8>, fact: &Ended) -> u8 {
    head.list(&fact.direct, |head, (message, dev, end)| {
        head.position(*message);
        head.number(u64::from(dev.0));
        head.byte(*end as u8);
    });
    tag::ENDED
}

fn take_ended(bytes: &mut Bytes<'_>) -> Taken<Ended> {
    let direct = bytes.list(|bytes| Ok((bytes.position()?, Dev(bytes.small()?), take_end(bytes)?)))?;
    Ok(Ended { direct })
}

fn take_end(bytes: &mut Bytes<'_>) -> Taken<End> {
    End::from_number(bytes.byte()?).ok_or(Malformed("an unknown end"))
}

fn put_client_event(head: &mut Vec<u8>, fact: &ClientEvent) -> u8 {
    head.number(u64::from(fact.reg.0));
    head.option(fact.dev, |head, dev| head.number(u64::from(dev.0)));
    head.text(fact.event_name.as_str());
    tag::CLIENT_EVENT
}

fn take_client_event(bytes: &mut Bytes<'_>, body: &[u8]) -> Taken<ClientEvent> {
    Ok(ClientEvent {
        reg: RegNo(bytes.small()?),
        dev: bytes.option(|bytes| bytes.small().map(Dev))?,
        event_name: EventName::trusted(bytes.text()?),
        args: take_json(body)?,
    })
}
