//! The log seen as events: what each fact tells the business server, item by item.

use std::sync::Arc;

use tidings_model::{
    AppNo, Batch, ClientEvent, Dev, DirectProof, Directory, End, Entry, Event, EventId, Fact, MessageId, Position, Proof, RegNo,
    Registered, Reported, SinkMoved, State, Told, What, Who,
};

use super::{Base, Key, Reg, Row};
use crate::{EventPage, EventQuery, ReadError};

/// What events are made from: the log, and the names in the views, which outlive their registrations.
pub(crate) struct Source<'a> {
    pub base: &'a dyn Base,
    /// Names of apps.
    pub directory: &'a Directory,
    /// Entries in (after, upto].
    pub read: &'a dyn Fn(Position, Position) -> Result<Batch, ReadError>,
    pub published: super::mailbox::Bodies<'a>,
    /// The log begins behind it.
    pub oldest: Position,
    /// Who has no cursor begins behind it.
    pub begin: Position,
    /// The views have seen the log up to here, so it is told up to here.
    pub upto: Position,
}

/// Reads of the log, of a quarter MiB each, that one call makes.
const SCAN_READS: usize = 64;

/// One page of events.
pub(crate) fn page(source: &Source<'_>, query: &EventQuery) -> Result<EventPage, ReadError> {
    let start = query.after.unwrap_or(EventId { at: source.begin, n: 0 });
    let mut page = EventPage { events: Vec::new(), next: start, more: false, scanned: 0 };
    // The fact that the cursor stands in may have more items.
    let mut after = Position::from_raw(start.at.raw().saturating_sub(1)).max(source.oldest);
    for _ in 0..SCAN_READS {
        if after >= source.upto {
            return Ok(page);
        }
        let batch = (source.read)(after, source.upto)?;
        for entry in &batch.entries {
            if !tell(source, query, entry, &mut page)? {
                page.more = true;
                return Ok(page);
            }
        }
        after = batch.upto;
    }
    page.more = after < source.upto;
    Ok(page)
}

/// Adds what an entry tells; false: the page is full and something is left.
fn tell(source: &Source<'_>, query: &EventQuery, entry: &Entry, page: &mut EventPage) -> Result<bool, ReadError> {
    let first = query.after.filter(|after| after.at == entry.at).map_or(0, |after| after.n + 1);
    for n in first..items(&entry.fact) {
        let Some((app, what)) = item(source, query, entry, n)? else { continue };
        let is_wanted = query.types.as_ref().is_none_or(|types| types.contains(&what.kind())) || matches!(what, What::Gap { .. });
        if query.app.is_some_and(|asked| asked != app) || !is_wanted {
            continue;
        }
        // What belonged to an app that has ended is told no more.
        let Some(app) = source.directory.app(app) else { continue };
        if page.events.len() >= query.limit.max(1) {
            return Ok(false);
        }
        let id = EventId { at: entry.at, n };
        page.events.push(Event { id, app: app.name.clone(), at: entry.time, what });
        page.next = id;
    }
    page.scanned += u64::from(!matches!(*entry.fact, Fact::SinkMoved(_)));
    page.next = page.next.max(EventId { at: entry.at, n: items(&entry.fact).saturating_sub(1) });
    Ok(true)
}

/// How many items a fact has, for ever: a function of its tag.
fn items(fact: &Fact) -> u32 {
    let count = match fact {
        Fact::Registered(_) | Fact::Reported(_) | Fact::ClientEvent(_) => 1,
        Fact::Unregistered(fact) => fact.regs.len(),
        Fact::Presence(fact) => fact.on.len() + fact.off.len(),
        Fact::Proven(fact) => fact.direct.len(),
        Fact::Ended(fact) => fact.direct.len(),
        Fact::Started(_)
        | Fact::Tick
        | Fact::Ghost(_)
        | Fact::Erased(_)
        | Fact::Disconnected(_)
        | Fact::Subscribed(_)
        | Fact::Published(_)
        | Fact::Overflowed(_)
        | Fact::Recalled(_) => 0,
        Fact::AppPut(_) | Fact::AppGone(_) | Fact::KeyPut(_) | Fact::KeyGone(_) => 0,
        Fact::SinkMoved(fact) => usize::from(fact.gap.is_some()),
        Fact::SinkPut(_) | Fact::SinkGone(_) => 0,
    };
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn item(source: &Source<'_>, query: &EventQuery, entry: &Entry, n: u32) -> Result<Option<(AppNo, What)>, ReadError> {
    let n = n as usize;
    match &*entry.fact {
        Fact::Registered(fact) => Ok(reg(source, fact.reg)?.map(|_| (fact.app, registered(fact)))),
        Fact::Unregistered(fact) => of_reg(source, fact.regs.get(n).map(|(reg, _)| *reg), |who| What::Unregistered { who }),
        Fact::Presence(fact) if n < fact.on.len() => of_reg(source, fact.on.get(n).copied(), |who| What::Online { who }),
        Fact::Presence(fact) => of_reg(source, fact.off.get(n - fact.on.len()).map(|(reg, _)| *reg), |who| What::Offline { who }),
        Fact::Proven(fact) => fact.direct.get(n).map_or(Ok(None), |proof| proven(source, proof)),
        Fact::Ended(fact) => fact.direct.get(n).map_or(Ok(None), |(message, dev, end)| ended(source, *message, *dev, *end)),
        Fact::Reported(fact) => reported(source, fact),
        Fact::ClientEvent(fact) => of_reg(source, Some(fact.reg), |who| emitted(who, fact)),
        Fact::Started(_)
        | Fact::Tick
        | Fact::Ghost(_)
        | Fact::Erased(_)
        | Fact::Disconnected(_)
        | Fact::Subscribed(_)
        | Fact::Published(_)
        | Fact::Overflowed(_)
        | Fact::Recalled(_) => Ok(None),
        Fact::AppPut(_) | Fact::AppGone(_) | Fact::KeyPut(_) | Fact::KeyGone(_) => Ok(None),
        Fact::SinkMoved(fact) if query.sink == Some(fact.sink) => Ok(gap(query, fact)),
        Fact::SinkPut(_) | Fact::SinkGone(_) | Fact::SinkMoved(_) => Ok(None),
    }
}

/// For the sink alone that fell behind; one of all apps hears it of the default app.
fn gap(query: &EventQuery, fact: &SinkMoved) -> Option<(AppNo, What)> {
    let app = query.app.unwrap_or(AppNo::DEFAULT);
    fact.gap.map(|from| (app, What::Gap { from, to: fact.to }))
}

fn registered(fact: &Registered) -> What {
    let who = Who { uid: Some(fact.uid.clone()), token: Some(fact.token.clone()), device_id: fact.device_id.clone() };
    What::Registered { who, first: fact.first }
}

fn emitted(who: Who, fact: &ClientEvent) -> What {
    What::Emitted { who, event_name: fact.event_name.clone(), args: fact.args.clone() }
}

/// None: nobody may read of it any more, as its user is erased.
fn reg(source: &Source<'_>, reg: RegNo) -> Result<Option<Arc<Reg>>, ReadError> {
    let Some(Row::Reg(reg)) = source.base.get(&Key::Reg(reg))? else { return Ok(None) };
    let Some(Row::User(user)) = source.base.get(&Key::User(reg.user))? else { return Ok(None) };
    Ok(user.uid.is_some().then_some(reg))
}

fn who(reg: &Reg) -> Who {
    Who { uid: Some(reg.uid.clone()), token: Some(reg.token.clone()), device_id: reg.device_id.clone() }
}

fn of_reg(source: &Source<'_>, no: Option<RegNo>, what: impl FnOnce(Who) -> What) -> Result<Option<(AppNo, What)>, ReadError> {
    let Some(reg) = no.map_or(Ok(None), |no| reg(source, no))? else { return Ok(None) };
    Ok(Some((reg.app, what(who(&reg)))))
}

/// The id of a message, and what its sender gave it to come back.
fn message(source: &Source<'_>, at: Option<Position>) -> Result<(Option<MessageId>, Option<Arc<str>>), ReadError> {
    let found = at.map_or(Ok(None), |at| (source.published)(at))?;
    Ok(found.map_or((None, None), |message| (Some(message.id), message.content.meta.clone())))
}

/// What we know of a direct message on a device: as it is told by us.
fn direct(source: &Source<'_>, at: Position, dev: Dev, known: Known) -> Result<Option<(AppNo, What)>, ReadError> {
    let Some(Row::Device(device)) = source.base.get(&Key::Device(dev))? else { return Ok(None) };
    let Some(reg) = reg(source, device.reg)? else { return Ok(None) };
    let (message, meta) = message(source, Some(at))?;
    let Known { state, proof, reason } = known;
    Ok(Some((reg.app, What::Reported(Told { who: who(&reg), message, state, proof, status: None, inferred: false, reason, meta }))))
}

struct Known {
    state: Option<State>,
    proof: Option<Proof>,
    reason: Option<End>,
}

fn proven(source: &Source<'_>, proof: &DirectProof) -> Result<Option<(AppNo, What)>, ReadError> {
    direct(source, proof.message, proof.dev, Known { state: Some(proof.state), proof: Some(proof.proof), reason: None })
}

fn ended(source: &Source<'_>, message: Position, dev: Dev, end: End) -> Result<Option<(AppNo, What)>, ReadError> {
    direct(source, message, dev, Known { state: None, proof: None, reason: Some(end) })
}

fn reported(source: &Source<'_>, fact: &Reported) -> Result<Option<(AppNo, What)>, ReadError> {
    let reg = fact.reg.map_or(Ok(None), |no| reg(source, no))?;
    if fact.reg.is_some() && reg.is_none() {
        return Ok(None);
    }
    let (message, meta) = message(source, fact.message)?;
    let who = reg.map_or_else(Who::default, |reg| who(&reg));
    let (state, proof, status) = (fact.state, fact.proof, Some(fact.status.clone()));
    Ok(Some((fact.app, What::Reported(Told { who, message, state, proof, status, inferred: fact.inferred, reason: None, meta }))))
}
