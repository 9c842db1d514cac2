//! What a device wants: the rows of its mailbox, of its app's broadcasts and of its topics, merged; then the messages themselves.

use std::sync::Arc;

use tidings_model::{AppNo, BroadcastQuery, Dev, Limits, MailboxQuery, Millis, Overflowed, Page, Position, Published, Stored};

use super::{Base, Device, Key, Letter, Row, Shelf, Stays};
use crate::ReadError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Oldest,
    Newest,
}

/// The part (after, upto] of a shelf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub shelf: Shelf,
    pub after: Position,
    pub upto: Position,
}

/// Views that mailboxes can be read from.
pub(crate) trait Mail: Base {
    /// At most `limit` rows of a span, in this order.
    fn letters(&self, span: Span, order: Order, limit: usize) -> Result<Vec<(Position, Letter)>, ReadError>;
    /// What a device in (after, upto] is known to have although its cursor has not passed it; sorted.
    fn had(&self, dev: Dev, after: Position, upto: Position) -> Result<Vec<Position>, ReadError>;
}

/// Messages by their position.
pub(crate) type Bodies<'a> = &'a dyn Fn(Position) -> Result<Option<Arc<Published>>, ReadError>;

/// Rows fetched at once.
const FETCH: usize = 256;

/// A span read piece by piece.
struct Walk<'a, M: ?Sized> {
    mail: &'a M,
    order: Order,
    /// In the order of reading.
    spans: Vec<Span>,
    fetched: std::vec::IntoIter<(Position, Letter)>,
}

impl<M: Mail + ?Sized> Walk<'_, M> {
    fn peek(&mut self) -> Result<Option<(Position, Letter)>, ReadError> {
        while self.fetched.as_slice().is_empty() {
            let Some(span) = self.spans.first_mut() else { return Ok(None) };
            let rows = self.mail.letters(*span, self.order, FETCH)?;
            match (rows.last(), self.order) {
                (Some((last, _)), Order::Oldest) if rows.len() == FETCH => span.after = *last,
                (Some((last, _)), Order::Newest) if rows.len() == FETCH => span.upto = Position::from_raw(last.raw() - 1),
                _ => {
                    self.spans.remove(0);
                }
            }
            self.fetched = rows.into_iter();
        }
        Ok(self.fetched.as_slice().first().copied())
    }
}

/// What one reader wants, in order.
struct Wanted<'a, M: ?Sized> {
    /// One for each kind of what it reads; a topic is a kind of its own.
    walks: Vec<Walk<'a, M>>,
    had: Vec<Position>,
    now: Millis,
    order: Order,
}

impl<M: Mail + ?Sized> Wanted<'_, M> {
    fn next(&mut self) -> Result<Option<(Position, Letter)>, ReadError> {
        loop {
            let Some((at, letter)) = self.take_first()? else { return Ok(None) };
            if letter.gone_by.is_none() && letter.expires > self.now && self.had.binary_search(&at).is_err() {
                return Ok(Some((at, letter)));
            }
        }
    }
}

impl<M: Mail + ?Sized> Wanted<'_, M> {
    fn take_first(&mut self) -> Result<Option<(Position, Letter)>, ReadError> {
        let mut first: Option<(Position, usize)> = None;
        for (index, walk) in self.walks.iter_mut().enumerate() {
            let Some((at, _)) = walk.peek()? else { continue };
            if first.is_none_or(|(first, _)| (at < first) == (self.order == Order::Oldest)) {
                first = Some((at, index));
            }
        }
        Ok(first.and_then(|(_, index)| self.walks.get_mut(index)?.fetched.next()))
    }
}

/// Who reads.
struct Reader {
    app: AppNo,
    /// The device; None: a socket that never registered.
    dev: Option<(Dev, Arc<Device>)>,
    /// When its registration was in which topic.
    stays: Stays,
}

/// A part of the log to be read from a mailbox.
#[derive(Clone, Copy)]
struct Part {
    after: Position,
    upto: Position,
}

fn wanted<'a, M: Mail + ?Sized>(mail: &'a M, reader: &Reader, part: Part, order: Order, now: Millis) -> Result<Wanted<'a, M>, ReadError> {
    // Newest first.
    let mut kinds = vec![vec![Span { shelf: Shelf::Wide(reader.app), after: part.after, upto: part.upto }]];
    let mut had = Vec::new();
    if let Some((dev, device)) = &reader.dev {
        kinds.push(inherited(mail, *dev, device, part)?);
        kinds.extend(as_member(&reader.stays, part));
        had = mail.had(*dev, part.after, part.upto)?;
    }
    let walk = |mut spans: Vec<Span>| {
        if order == Order::Oldest {
            spans.reverse();
        }
        Walk { mail, order, spans, fetched: Vec::new().into_iter() }
    };
    Ok(Wanted { walks: kinds.into_iter().map(walk).collect(), had, now, order })
}

/// What each topic held while the registration was in it. A ghost is a member as its registration is: also of what it inherits.
/// Newest first.
fn as_member(stays: &Stays, part: Part) -> Vec<Vec<Span>> {
    let spans = stays.all().iter().rev().map(|stay| Span {
        shelf: Shelf::Topic(stay.topic),
        after: part.after.max(stay.since),
        upto: stay.until.map_or(part.upto, |until| until.min(part.upto)),
    });
    let spans: Vec<Span> = spans.filter(|span| span.after < span.upto).collect();
    spans.chunk_by(|one, next| one.shelf == next.shelf).map(<[Span]>::to_vec).collect()
}

/// A ghost reads, up to its own birth, the mailbox of the one that it is the heir of. Newest first.
fn inherited<M: Mail + ?Sized>(mail: &M, dev: Dev, device: &Arc<Device>, part: Part) -> Result<Vec<Span>, ReadError> {
    let (mut dev, mut device, mut upto) = (dev, device.clone(), part.upto);
    let mut spans = Vec::new();
    loop {
        let after = part.after.max(device.born.min(upto));
        spans.push(Span { shelf: Shelf::Inbox(dev), after, upto });
        let Some(heir_of) = device.heir_of.filter(|_| part.after < device.born) else { return Ok(spans) };
        let Some(Row::Device(before)) = mail.get(&Key::Device(heir_of))? else { return Ok(spans) };
        (dev, device, upto) = (heir_of, before, upto.min(device.born));
    }
}

/// A page, and what a first page found to be more than a mailbox may hold.
pub(crate) struct Paged {
    pub page: Page,
    pub cut: Option<Overflowed>,
}

/// One page of a device's mailbox; the views must have seen `query.upto`.
pub(crate) fn mailbox<M: Mail + ?Sized>(
    mail: &M,
    bodies: Bodies<'_>,
    query: &MailboxQuery,
    limits: &Limits,
    now: Millis,
) -> Result<Paged, ReadError> {
    let Some(reader) = reader_of(mail, query.dev)? else { return Ok(Paged { page: nothing(query.upto), cut: None }) };
    let mut part = Part { after: query.after, upto: query.upto };
    let cut = if query.first { cut(mail, &reader, part, limits, now)? } else { None };
    if let Some(cut) = &cut {
        part.after = cut.upto;
    }
    let page = page(mail, bodies, &reader, part, (query.messages_max, query.bytes_max), now)?;
    Ok(Paged { page, cut: cut.map(|cut| Overflowed { dev: query.dev, ..cut }) })
}

/// One page of an app's broadcasts, within the mailbox bound counted from the newest.
pub(crate) fn broadcasts<M: Mail + ?Sized>(
    mail: &M,
    bodies: Bodies<'_>,
    query: &BroadcastQuery,
    limits: &Limits,
    now: Millis,
) -> Result<Page, ReadError> {
    let reader = Reader { app: query.app, dev: None, stays: Stays::default() };
    let mut part = Part { after: query.after, upto: query.upto };
    if let Some(cut) = cut(mail, &reader, part, limits, now)? {
        part.after = cut.upto;
    }
    page(mail, bodies, &reader, part, (query.messages_max, query.bytes_max), now)
}

fn reader_of<M: Mail + ?Sized>(mail: &M, dev: Dev) -> Result<Option<Reader>, ReadError> {
    let Some(Row::Device(device)) = mail.get(&Key::Device(dev))? else { return Ok(None) };
    if device.dead.is_some() {
        return Ok(None);
    }
    let Some(Row::Reg(reg)) = mail.get(&Key::Reg(device.reg))? else { return Ok(None) };
    let stays = match mail.get(&Key::Stays(device.reg))? {
        Some(Row::Stays(stays)) => stays,
        _ => Stays::default(),
    };
    Ok(Some(Reader { app: reg.app, dev: Some((dev, device)), stays }))
}

fn nothing(upto: Position) -> Page {
    Page { messages: Vec::new(), upto, more: false }
}

/// What is beyond the bound, counted from the newest; `dev` is for the caller to fill in.
fn cut<M: Mail + ?Sized>(mail: &M, reader: &Reader, part: Part, limits: &Limits, now: Millis) -> Result<Option<Overflowed>, ReadError> {
    let mut newest = wanted(mail, reader, part, Order::Newest, now)?;
    let (mut kept, mut bytes) = (0, 0);
    let mut cut: Option<Overflowed> = None;
    while let Some((at, letter)) = newest.next()? {
        let len = letter.len as usize;
        if cut.is_none() && kept < limits.mailbox_messages && bytes + len <= limits.mailbox_bytes {
            (kept, bytes) = (kept + 1, bytes + len);
            continue;
        }
        let cut = cut.get_or_insert(Overflowed { dev: Dev(0), after: part.after, upto: at, count: 0, bytes: 0 });
        cut.count += 1;
        cut.bytes += u64::from(letter.len);
    }
    Ok(cut)
}

/// How much waits for a device behind its cursor, up to the mailbox bound.
pub(crate) fn depth<M: Mail + ?Sized>(
    mail: &M,
    dev: Dev,
    cursor: Position,
    limits: &Limits,
    now: Millis,
) -> Result<crate::Mailbox, ReadError> {
    let mut depth = crate::Mailbox::default();
    let Some(reader) = reader_of(mail, dev)? else { return Ok(depth) };
    let part = Part { after: cursor, upto: Position::from_raw(u64::MAX) };
    let mut newest = wanted(mail, &reader, part, Order::Newest, now)?;
    while let Some((_, letter)) = newest.next()? {
        let bytes = depth.bytes + u64::from(letter.len);
        if depth.messages >= limits.mailbox_messages as u64 || bytes > limits.mailbox_bytes as u64 {
            break;
        }
        depth = crate::Mailbox { messages: depth.messages + 1, bytes };
    }
    Ok(depth)
}

fn page<M: Mail + ?Sized>(
    mail: &M,
    bodies: Bodies<'_>,
    reader: &Reader,
    part: Part,
    max: (usize, usize),
    now: Millis,
) -> Result<Page, ReadError> {
    let mut oldest = wanted(mail, reader, part, Order::Oldest, now)?;
    let mut page = nothing(part.upto);
    let mut bytes = 0;
    while let Some((at, letter)) = oldest.next()? {
        let is_full = page.messages.len() >= max.0 || bytes + letter.len as usize > max.1;
        if let Some(last) = page.messages.last().filter(|_| is_full) {
            page.upto = last.at;
            page.more = true;
            break;
        }
        bytes += letter.len as usize;
        let message = bodies(at)?.ok_or(ReadError::Corrupt { at, what: "a message that waits is missing" })?;
        page.messages.push(Stored { at, time: Millis(message.id.time_ms()), message });
    }
    Ok(page)
}

impl Mail for super::maps::Maps {
    fn letters(&self, span: Span, order: Order, limit: usize) -> Result<Vec<(Position, Letter)>, ReadError> {
        let Span { shelf, after, upto } = span;
        if after >= upto {
            return Ok(Vec::new());
        }
        let first = Position::from_raw(after.raw() + 1);
        let rows: Box<dyn DoubleEndedIterator<Item = (Position, Letter)>> = match shelf {
            Shelf::Inbox(dev) => Box::new(self.inbox.range((dev, first)..=(dev, upto)).map(|((_, at), (letter, _))| (*at, *letter))),
            Shelf::Wide(_) | Shelf::Topic(_) => {
                Box::new(self.wide.range((shelf, first)..=(shelf, upto)).map(|((_, at), letter)| (*at, *letter)))
            }
        };
        Ok(match order {
            Order::Oldest => rows.take(limit).collect(),
            Order::Newest => rows.rev().take(limit).collect(),
        })
    }

    fn had(&self, dev: Dev, after: Position, upto: Position) -> Result<Vec<Position>, ReadError> {
        if after >= upto {
            return Ok(Vec::new());
        }
        let first = Position::from_raw(after.raw() + 1);
        Ok(self
            .receipts
            .range((dev, first)..=(dev, upto))
            .filter(|(_, receipt)| receipt.state >= tidings_model::State::Reached)
            .map(|((_, at), _)| *at)
            .collect())
    }
}
