//! What each fact does to the rows: the only place that knows.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidings_model::{
    AppNo, Dev, Directory, End, Entry, Erased, Fact, Ghost, Limits, Millis, Position, Presence, Proof, Proven, Published, Recalled, RegNo,
    Registered, Reported, Sinks, State, Subscribed, Targets, TopicNo, Uid, Unregistered, UserNo, Why,
};

use super::{Cursor, Device, Fate, Kept, Key, Latest, Letter, Loss, Receipt, Reg, Row, Rows, Scope, Shelf, Topic, User};
use crate::ReadError;

/// Applies one fact. The caller keeps the mark: below it nothing is applied twice.
pub(crate) fn fold(rows: &mut impl Rows, entry: &Entry) -> Result<(), ReadError> {
    let (at, time) = (entry.at, entry.time);
    match &*entry.fact {
        Fact::Started(_) | Fact::Tick | Fact::Disconnected(_) | Fact::ClientEvent(_) => Ok(()),
        Fact::AppPut(_) | Fact::AppGone(_) | Fact::KeyPut(_) | Fact::KeyGone(_) => {
            enter(Arc::make_mut(&mut rows.numbers().directory), &entry.fact);
            if matches!(*entry.fact, Fact::AppGone(_)) {
                track(Arc::make_mut(&mut rows.numbers().sinks), entry);
            }
            Ok(())
        }
        Fact::SinkPut(_) | Fact::SinkGone(_) | Fact::SinkMoved(_) => {
            track(Arc::make_mut(&mut rows.numbers().sinks), entry);
            Ok(())
        }
        Fact::Registered(fact) => registered(rows, at, time, fact),
        Fact::Unregistered(fact) => unregistered(rows, at, time, fact),
        Fact::Presence(fact) => presence(rows, fact),
        Fact::Erased(fact) => erased(rows, at, time, fact),
        Fact::Ghost(fact) => ghost(rows, at, time, fact),
        Fact::Subscribed(fact) => subscribed(rows, at, fact),
        Fact::Published(fact) => published(rows, at, time, fact, &entry.fact),
        Fact::Proven(fact) => proven(rows, time, fact),
        Fact::Reported(fact) => {
            reported(rows, time, fact);
            Ok(())
        }
        Fact::Recalled(fact) => {
            recalled(rows, at, time, fact);
            Ok(())
        }
        Fact::Ended(fact) => {
            fact.direct.iter().for_each(|(message, dev, end)| rows.settle(*dev, *message, Fate::Ended(*end)));
            Ok(())
        }
        Fact::Overflowed(fact) => {
            let seen = rows.cursor(fact.dev)?.map_or(time, |cursor| cursor.seen);
            rows.lose_all(fact.dev, (fact.after, fact.upto), Loss { end: End::Overflow, time });
            rows.raise(fact.dev, Cursor { at: fact.upto, proven: Position::ZERO, seen })
        }
    }
}

/// What a fact does to the directory.
pub(crate) fn enter(directory: &mut Directory, fact: &Fact) {
    match fact {
        Fact::AppPut(app) => directory.put_app(app.clone()),
        Fact::AppGone(no) => directory.drop_app(*no),
        Fact::KeyPut(key) => directory.put_key(key.clone()),
        Fact::KeyGone(id) => directory.drop_key(id),
        _ => {}
    }
}

/// What a fact does to the sinks.
pub(crate) fn track(sinks: &mut Sinks, entry: &Entry) {
    match &*entry.fact {
        Fact::AppGone(no) => sinks.drop_app(*no),
        Fact::SinkPut(sink) => sinks.put(entry.at, sink.clone()),
        Fact::SinkGone(no) => sinks.drop_sink(*no),
        Fact::SinkMoved(moved) => sinks.moved(entry.at, moved),
        _ => {}
    }
}

fn registered(rows: &mut impl Rows, at: Position, time: Millis, fact: &Registered) -> Result<(), ReadError> {
    add_to_user(rows, fact)?;
    let before = rows.reg(fact.reg)?;
    let mut devs = before.as_ref().map_or(Vec::new(), |reg| reg.devs.clone());
    if !devs.contains(&fact.dev) {
        devs.push(fact.dev);
    }
    let is_new = before.is_none();
    let reg = Reg {
        app: fact.app,
        user: fact.user,
        uid: fact.uid.clone(),
        token: fact.token.clone(),
        device_id: fact.device_id.clone(),
        born: before.as_ref().map_or(at, |reg| reg.born),
        made: before.map_or(time, |reg| reg.made),
        dead: None,
        devs,
    };
    if is_new {
        join_users_topics(rows, at, fact)?;
    }
    rows.put(Key::Token(fact.token.clone()), Row::Token(fact.reg));
    rows.put(Key::Reg(fact.reg), Row::Reg(Arc::new(reg)));
    let device = Device { reg: fact.reg, print: fact.print, addr: fact.addr, heir_of: None, born: at, dead: None };
    add_device(rows, fact.app, fact.dev, device, Cursor { at: fact.cursor, proven: fact.cursor, seen: time })?;
    let numbers = rows.numbers();
    numbers.reg = numbers.reg.max(fact.reg.0 + 1);
    Ok(())
}

fn add_to_user(rows: &mut impl Rows, fact: &Registered) -> Result<(), ReadError> {
    let mut user = match rows.user(fact.user)? {
        Some(user) => (*user).clone(),
        None => {
            rows.put(Key::Uid(fact.app, fact.uid.clone()), Row::Uid(fact.user));
            User { app: fact.app, uid: Some(fact.uid.clone()), regs: Vec::new() }
        }
    };
    if !user.regs.contains(&fact.reg) {
        user.regs.push(fact.reg);
    }
    rows.put(Key::User(fact.user), Row::User(Arc::new(user)));
    let numbers = rows.numbers();
    numbers.user = numbers.user.max(fact.user.0 + 1);
    Ok(())
}

fn add_device(rows: &mut impl Rows, app: AppNo, dev: Dev, device: Device, cursor: Cursor) -> Result<(), ReadError> {
    if rows.device(dev)?.is_none() {
        count_in_topics(rows, device.reg, |devices| devices + 1)?;
        *rows.numbers().devices.entry(app).or_default() += 1;
        rows.put(Key::Cursor(dev), Row::Cursor(cursor));
    }
    rows.put(Key::Device(dev), Row::Device(Arc::new(device)));
    let numbers = rows.numbers();
    numbers.dev = numbers.dev.max(dev.0 + 1);
    Ok(())
}

fn ghost(rows: &mut impl Rows, at: Position, time: Millis, fact: &Ghost) -> Result<(), ReadError> {
    let Some(reg) = rows.reg(fact.reg)? else { return Ok(()) };
    let device = Device { reg: fact.reg, print: fact.print, addr: fact.addr, heir_of: fact.heir_of, born: at, dead: None };
    add_device(rows, reg.app, fact.dev, device, Cursor { at: fact.cursor, proven: fact.cursor, seen: time })?;
    let mut reg = (*reg).clone();
    if !reg.devs.contains(&fact.dev) {
        reg.devs.push(fact.dev);
    }
    rows.put(Key::Reg(fact.reg), Row::Reg(Arc::new(reg)));
    Ok(())
}

/// Where a fact stands, and its log time.
type When = (Position, Millis);

fn unregistered(rows: &mut impl Rows, at: Position, time: Millis, fact: &Unregistered) -> Result<(), ReadError> {
    for (reg, why) in &fact.regs {
        end_reg(rows, (at, time), *reg, *why)?;
    }
    for dev in &fact.ghosts {
        end_ghost(rows, (at, time), *dev)?;
    }
    Ok(())
}

fn end_reg(rows: &mut impl Rows, when: When, no: RegNo, why: Why) -> Result<(), ReadError> {
    let Some(reg) = rows.reg(no)?.filter(|reg| reg.dead.is_none()) else { return Ok(()) };
    for dev in &reg.devs {
        end_device(rows, reg.app, when, *dev)?;
    }
    let mut stays = rows.stays(no)?;
    if stays.now().next().is_some() {
        stays.leave_all(when.0);
        rows.put(Key::Stays(no), Row::Stays(stays));
    }
    forget(rows, reg.user, no)?;
    rows.told(no, false);
    let dead = Reg { dead: Some((when.0, why)), devs: Vec::new(), ..(*reg).clone() };
    rows.put(Key::Reg(no), Row::Reg(Arc::new(dead)));
    Ok(())
}

fn forget(rows: &mut impl Rows, user: UserNo, reg: RegNo) -> Result<(), ReadError> {
    if let Some(found) = rows.user(user)? {
        let mut left = (*found).clone();
        left.regs.retain(|other| *other != reg);
        rows.put(Key::User(user), Row::User(Arc::new(left)));
    }
    Ok(())
}

/// His name goes everywhere; the numbers stay, so that the log can be read past them.
fn erased(rows: &mut impl Rows, at: Position, time: Millis, fact: &Erased) -> Result<(), ReadError> {
    for no in &fact.regs {
        end_reg(rows, (at, time), *no, Why::Revoked)?;
        if let Some(reg) = rows.reg(*no)? {
            rows.put(Key::Reg(*no), Row::Reg(Arc::new(Reg { uid: Uid::trusted(""), ..(*reg).clone() })));
        }
    }
    let Some(user) = rows.user(fact.user)? else { return Ok(()) };
    if let Some(uid) = &user.uid {
        rows.put(Key::Uid(fact.app, uid.clone()), Row::Nobody);
    }
    rows.put(Key::User(fact.user), Row::User(Arc::new(User { app: fact.app, uid: None, regs: Vec::new() })));
    if !rows.follows(fact.user)?.is_empty() {
        rows.put(Key::Follows(fact.user), Row::Follows(Arc::default()));
    }
    Ok(())
}

fn end_ghost(rows: &mut impl Rows, when: When, dev: Dev) -> Result<(), ReadError> {
    let Some(device) = rows.device(dev)?.filter(|device| device.dead.is_none()) else { return Ok(()) };
    let Some(reg) = rows.reg(device.reg)? else { return Ok(()) };
    end_device(rows, reg.app, when, dev)?;
    let mut left = (*reg).clone();
    left.devs.retain(|other| *other != dev);
    rows.put(Key::Reg(device.reg), Row::Reg(Arc::new(left)));
    Ok(())
}

fn end_device(rows: &mut impl Rows, app: AppNo, (at, time): When, dev: Dev) -> Result<(), ReadError> {
    rows.lose_all(dev, (Position::ZERO, at), Loss { end: End::Unregistered, time });
    if let Some(device) = rows.device(dev)? {
        rows.put(Key::Device(dev), Row::Device(Arc::new(Device { dead: Some(at), ..(*device).clone() })));
        let devices = rows.numbers().devices.entry(app).or_default();
        *devices = devices.saturating_sub(1);
        count_in_topics(rows, device.reg, |devices| devices.saturating_sub(1))?;
    }
    Ok(())
}

/// The topics that a registration is in have one device more, or less.
fn count_in_topics(rows: &mut impl Rows, reg: RegNo, count: fn(u32) -> u32) -> Result<(), ReadError> {
    let stays = rows.stays(reg)?;
    stays.now().try_for_each(|topic| count_devices(rows, topic, count))
}

fn count_devices(rows: &mut impl Rows, topic: TopicNo, count: impl FnOnce(u32) -> u32) -> Result<(), ReadError> {
    let Some(found) = rows.topic(topic)? else { return Ok(()) };
    let counted = Topic { devices: count(found.devices), ..(*found).clone() };
    if counted != *found {
        rows.put(Key::Topic(topic), Row::Topic(Arc::new(counted)));
    }
    Ok(())
}

/// A new registration is in what its user follows.
fn join_users_topics(rows: &mut impl Rows, at: Position, fact: &Registered) -> Result<(), ReadError> {
    let follows = rows.follows(fact.user)?;
    if !follows.is_empty() {
        let mut stays = rows.stays(fact.reg)?;
        follows.iter().for_each(|topic| stays.enter(*topic, at));
        rows.put(Key::Stays(fact.reg), Row::Stays(stays));
    }
    Ok(())
}

fn subscribed(rows: &mut impl Rows, at: Position, fact: &Subscribed) -> Result<(), ReadError> {
    if let Some(name) = &fact.name {
        rows.put(Key::TopicNo(fact.app, name.clone()), Row::TopicNo(fact.topic));
        rows.put(Key::Topic(fact.topic), Row::Topic(Arc::new(Topic { app: fact.app, name: name.clone(), devices: 0 })));
        let numbers = rows.numbers();
        numbers.topic = numbers.topic.max(fact.topic.0 + 1);
    }
    for user in &fact.users {
        follow(rows, *user, fact)?;
    }
    let (mut came, mut went) = (0, 0);
    for reg in &fact.regs {
        let devices = stay(rows, at, *reg, fact)?;
        *(if fact.on { &mut came } else { &mut went }) += devices;
    }
    count_devices(rows, fact.topic, |devices| (devices + came).saturating_sub(went))
}

fn follow(rows: &mut impl Rows, user: UserNo, fact: &Subscribed) -> Result<(), ReadError> {
    let mut follows = rows.follows(user)?.to_vec();
    match (follows.binary_search(&fact.topic), fact.on) {
        (Err(place), true) => follows.insert(place, fact.topic),
        (Ok(place), false) => drop(follows.remove(place)),
        (Ok(_), true) | (Err(_), false) => return Ok(()),
    }
    rows.put(Key::Follows(user), Row::Follows(follows.into()));
    Ok(())
}

/// So many stays that are over are kept for timelines; more of them only where somebody may still read that far back.
const STAYS_OVER: usize = 100;

/// A registration comes into a topic or leaves it: the devices that did.
fn stay(rows: &mut impl Rows, at: Position, no: RegNo, fact: &Subscribed) -> Result<u32, ReadError> {
    let Some(reg) = rows.reg(no)?.filter(|reg| reg.dead.is_none()) else { return Ok(0) };
    let mut stays = rows.stays(no)?;
    if stays.is_in(fact.topic) == fact.on {
        return Ok(0);
    }
    if fact.on {
        stays.enter(fact.topic, at);
    } else {
        stays.leave(fact.topic, at);
    }
    if stays.closed() > STAYS_OVER {
        stays.forget(all_have_had(rows, &reg)?);
    }
    rows.put(Key::Stays(no), Row::Stays(stays));
    Ok(u32::try_from(reg.devs.len()).unwrap_or(u32::MAX))
}

/// No device of the registration reads at or below it any more.
fn all_have_had(rows: &mut impl Rows, reg: &Reg) -> Result<Position, ReadError> {
    let mut lowest = None;
    for dev in &reg.devs {
        let cursor = rows.cursor(*dev)?.map_or(Position::ZERO, |cursor| cursor.at);
        lowest = Some(lowest.map_or(cursor, |lowest: Position| lowest.min(cursor)));
    }
    Ok(lowest.unwrap_or(Position::ZERO))
}

fn presence(rows: &mut impl Rows, fact: &Presence) -> Result<(), ReadError> {
    for reg in &fact.on {
        rows.told(*reg, true);
    }
    for (reg, seen) in &fact.off {
        rows.told(*reg, false);
        see(rows, *reg, *seen)?;
    }
    Ok(())
}

/// The device heard of last is the one that the registration was last seen on.
fn see(rows: &mut impl Rows, reg: RegNo, seen: Millis) -> Result<(), ReadError> {
    let Some(reg) = rows.reg(reg)? else { return Ok(()) };
    let mut latest: Option<(Millis, Dev, Cursor)> = None;
    for dev in &reg.devs {
        let Some(cursor) = rows.cursor(*dev)? else { continue };
        if latest.is_none_or(|(seen, ..)| cursor.seen > seen) {
            latest = Some((cursor.seen, *dev, cursor));
        }
    }
    let Some((_, dev, before)) = latest else { return Ok(()) };
    rows.raise(dev, Cursor { seen, ..before })
}

fn published(rows: &mut impl Rows, at: Position, time: Millis, fact: &Published, whole: &Arc<Fact>) -> Result<(), ReadError> {
    let len = u32::try_from(fact.content.body.text().len()).unwrap_or(u32::MAX);
    let letter = Letter { expires: fact.expires, len, gone_by: None };
    match (&fact.targets, Shelf::of(fact)) {
        // One that expires as it is born is for who is connected: no mailbox has it.
        (_, Some(_)) if fact.expires <= time => {}
        (_, Some(shelf)) => rows.post(shelf, at, letter),
        // A direct one has a fate all the same, on each device.
        (Targets::Devices(devs), None) => devs.iter().for_each(|dev| rows.wait(*dev, at, letter)),
        (Targets::Everyone | Targets::Members(_), None) => {}
    }
    for replaced in &fact.replaces {
        match &replaced.devs {
            Some(devs) => {
                let loss = Loss { end: End::Superseded, time };
                devs.iter().for_each(|dev| rows.lose(*dev, replaced.message, at, loss));
            }
            None => rows.withdraw(replaced.message, at),
        }
    }
    if let Some(key) = &fact.content.collapse_key {
        for scope in scopes(rows, fact)? {
            rows.put(Key::Latest(scope, key.clone()), Row::Latest(Latest { at, expires: fact.expires }));
        }
    }
    if let Some(idempotency) = fact.idempotency {
        let until = time.after_s(Limits::IDEMPOTENCY_S);
        rows.put(Key::Kept(idempotency.key), Row::Kept(Kept { request: idempotency.request, at, until, fact: Some(whole.clone()) }));
    }
    Ok(())
}

/// Where its collapse key holds: in its app, in its topic, or in the registrations of its devices.
fn scopes(rows: &mut impl Rows, fact: &Published) -> Result<BTreeSet<Scope>, ReadError> {
    let devs = match &fact.targets {
        Targets::Devices(devs) => devs,
        Targets::Everyone => return Ok(BTreeSet::from([Scope::App(fact.app)])),
        Targets::Members(topic) => return Ok(BTreeSet::from([Scope::Topic(*topic)])),
    };
    let mut scopes = BTreeSet::new();
    for dev in devs {
        scopes.extend(rows.device(*dev)?.map(|device| Scope::Reg(device.reg)));
    }
    Ok(scopes)
}

fn recalled(rows: &mut impl Rows, at: Position, time: Millis, fact: &Recalled) {
    rows.put(Key::Recalled(fact.message), Row::Recalled);
    match &fact.devs {
        Some(devs) => devs.iter().for_each(|dev| rows.lose(*dev, fact.message, at, Loss { end: End::Recalled, time })),
        None => rows.withdraw(fact.message, at),
    }
}

fn proven(rows: &mut impl Rows, time: Millis, fact: &Proven) -> Result<(), ReadError> {
    let mut moved: Vec<(Dev, Position)> = fact.cursors.iter().flat_map(|(to, devs)| devs.iter().map(move |dev| (*dev, *to))).collect();
    moved.sort_unstable();
    for direct in &fact.direct {
        if direct.state >= State::Reached {
            rows.settle(direct.dev, direct.message, Fate::Proven);
        }
        // What the cursor passes with the same fact needs no receipt: nothing below a cursor is read.
        let passed = moved.binary_search_by_key(&direct.dev, |(dev, _)| *dev).is_ok_and(|index| moved[index].1 >= direct.message);
        if !passed {
            rows.put(
                Key::Receipt(direct.dev, direct.message),
                Row::Receipt(Receipt { state: direct.state, proof: direct.proof, since: time }),
            );
        }
    }
    for (dev, to) in moved {
        rows.raise(dev, Cursor { at: to, proven: to, seen: time })?;
    }
    Ok(())
}

fn reported(rows: &mut impl Rows, time: Millis, fact: &Reported) {
    if let (Some(dev), Some(message), Some(state)) = (fact.dev, fact.message, fact.state) {
        let proof = fact.proof.unwrap_or(Proof::Peer);
        if state >= State::Reached {
            rows.settle(dev, message, Fate::Proven);
        }
        rows.put(Key::Receipt(dev, message), Row::Receipt(Receipt { state, proof, since: time }));
    }
}
