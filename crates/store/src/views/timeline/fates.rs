//! What became of each message on each device.
//!
//! The views know what waits and what is above a cursor; of what a cursor has passed the log ahead tells.

use std::collections::BTreeMap;

use tidings_model::{Dev, End, Entry, Fact, Millis, Position, Proof, Published, Replaced, State};

use super::{Found, Owned, SCAN_BYTES, Source, Subject};
use crate::log::recent;
use crate::views::mailbox::{Order, Span};
use crate::views::{Fate as Known, Key, Receipt, Row, Shelf};
use crate::{Fate, Happened, ReadError};

/// A message on a device whose cursor has passed it: its fate lies ahead in the log.
struct Passed {
    /// Where it is shown: which happening, which outcome.
    place: (usize, usize),
    sent: Millis,
    expires: Millis,
    is_direct: bool,
    /// It was taken away before the cursor passed: a newer one with its key had come, or it was recalled.
    gone: Option<End>,
}

pub(super) fn settle(source: &Source<'_>, subject: &Subject, found: &mut [Found]) -> Result<(), ReadError> {
    let mut passed: BTreeMap<(Position, Dev), Passed> = BTreeMap::new();
    for (index, one) in found.iter_mut().enumerate() {
        let sent = one.happening.at;
        let (Some((at, message)), Happened::Sent { outcomes, .. }) = (&one.message, &mut one.happening.what) else { continue };
        for (inner, outcome) in outcomes.iter_mut().enumerate() {
            let Some(owned) = subject.devs.get(&outcome.dev) else { continue };
            match known(source, (*at, sent), message, (outcome.dev, owned))? {
                Some(fate) => outcome.fate = fate,
                None => {
                    let is_direct = !message.targets.is_wide();
                    let (place, expires) = ((index, inner), message.expires);
                    passed.insert((*at, outcome.dev), Passed { place, sent, expires, is_direct, gone: None });
                }
            }
        }
    }
    ahead(source, found, passed)
}

/// What the views know; None: the cursor has passed it.
fn known(
    source: &Source<'_>,
    (at, sent): (Position, Millis),
    message: &Published,
    (dev, owned): (Dev, &Owned),
) -> Result<Option<Fate>, ReadError> {
    if let Some(Row::Receipt(receipt)) = source.base.get(&Key::Receipt(dev, at))?
        && receipt.state >= State::Reached
    {
        return Ok(Some(reached(receipt, sent)));
    }
    match source.base.get(&Key::Fate(dev, at))? {
        Some(Row::Fate(Known::Ended(end) | Known::Ending(end))) => return Ok(Some(Fate::Lost(end))),
        // By what, and when, only the log says.
        Some(Row::Fate(Known::Proven)) => return Ok(None),
        _ => {}
    }
    if owned.cursor >= at {
        return Ok(None);
    }
    Ok(Some(if owned.device.dead.is_some() {
        Fate::Lost(End::Unregistered)
    } else if let Some(end) = gone(source, at, message, dev)? {
        Fate::Lost(end)
    } else if message.expires <= source.now {
        Fate::Lost(End::Expired)
    } else {
        Fate::Waiting
    }))
}

/// What took it away, as the mailbox knows it, which forgets what has expired.
fn gone(source: &Source<'_>, at: Position, message: &Published, dev: Dev) -> Result<Option<End>, ReadError> {
    let shelf = Shelf::of(message).unwrap_or(Shelf::Inbox(dev));
    let span = Span { shelf, after: Position::from_raw(at.raw().saturating_sub(1)), upto: at };
    let gone_by = source.base.letters(span, Order::Oldest, 1)?.first().and_then(|(_, letter)| letter.gone_by);
    let Some(by) = gone_by else { return Ok(None) };
    Ok(Some(if (source.published)(by)?.is_some() { End::Superseded } else { End::Recalled }))
}

fn reached(receipt: Receipt, sent: Millis) -> Fate {
    let after = receipt.since.0.saturating_sub(sent.0);
    Fate::Reached { state: receipt.state, proof: Some(receipt.proof), after_ms: Some(u32::try_from(after).unwrap_or(u32::MAX)) }
}

/// Reads the log from the oldest of them on until each is told, or the bound is reached.
fn ahead(source: &Source<'_>, found: &mut [Found], mut passed: BTreeMap<(Position, Dev), Passed>) -> Result<(), ReadError> {
    let Some(mut after) = passed.keys().next().map(|(at, _)| *at) else { return Ok(()) };
    let mut bytes = 0;
    while after < source.upto && bytes < SCAN_BYTES && !passed.is_empty() {
        let batch = (source.read)(after, source.upto)?;
        for entry in &batch.entries {
            bytes += recent::weight(entry);
            tell(entry, &mut passed, &mut |passed, fate| show(found, passed, fate));
        }
        after = batch.upto;
    }
    Ok(())
}

fn show(found: &mut [Found], passed: &Passed, fate: Fate) {
    let (index, inner) = passed.place;
    if let Some(Found { happening, .. }) = found.get_mut(index)
        && let Happened::Sent { outcomes, .. } = &mut happening.what
        && let Some(outcome) = outcomes.get_mut(inner)
    {
        outcome.fate = fate;
    }
}

fn tell(entry: &Entry, passed: &mut BTreeMap<(Position, Dev), Passed>, show: &mut dyn FnMut(&Passed, Fate)) {
    match &*entry.fact {
        Fact::Proven(proven) => {
            for direct in &proven.direct {
                if let Some(told) = passed.remove(&(direct.message, direct.dev)) {
                    show(&told, Fate::Reached { state: direct.state, proof: Some(direct.proof), after_ms: Some(direct.after_ms) });
                }
            }
            for (to, devs) in &proven.cursors {
                let moved = |(at, dev): &(Position, Dev)| at <= to && devs.binary_search(dev).is_ok();
                take(passed, moved, |told| show(told, passed_by(told, entry.time)));
            }
        }
        Fact::Reported(fact) => {
            let named = fact.message.zip(fact.dev).filter(|_| fact.state.is_some()).and_then(|key| passed.remove(&key));
            if let (Some(told), Some(state)) = (named, fact.state) {
                let after = entry.time.0.saturating_sub(told.sent.0);
                let after_ms = Some(u32::try_from(after).unwrap_or(u32::MAX));
                show(&told, Fate::Reached { state, proof: fact.proof.or(Some(Proof::Peer)), after_ms });
            }
        }
        Fact::Published(newer) => supersede(&newer.replaces, passed),
        Fact::Recalled(recalled) => {
            for (_, one) in passed.range_mut((recalled.message, Dev(0))..=(recalled.message, Dev(u32::MAX))) {
                one.gone = one.gone.or(Some(End::Recalled));
            }
        }
        Fact::Ended(ended) => {
            for (message, dev, end) in &ended.direct {
                if let Some(told) = passed.remove(&(*message, *dev)) {
                    show(&told, Fate::Lost(*end));
                }
            }
        }
        Fact::Overflowed(cut) => {
            let cut_off = |(at, dev): &(Position, Dev)| *dev == cut.dev && *at > cut.after && *at <= cut.upto;
            take(passed, cut_off, |told| show(told, Fate::Lost(End::Overflow)));
        }
        _ => {}
    }
}

fn supersede(replaced: &[Replaced], passed: &mut BTreeMap<(Position, Dev), Passed>) {
    for Replaced { message, devs } in replaced {
        for ((_, dev), one) in passed.range_mut((*message, Dev(0))..=(*message, Dev(u32::MAX))) {
            if devs.as_ref().is_none_or(|devs| devs.binary_search(dev).is_ok()) {
                one.gone = one.gone.or(Some(End::Superseded));
            }
        }
    }
}

/// The first that moved the cursor over a message did it by a proof of something behind it.
fn passed_by(passed: &Passed, time: Millis) -> Fate {
    match (passed.is_direct, passed.gone, passed.expires <= time) {
        // It was written before, as everything that still waited is.
        (false, None, false) => Fate::Reached { state: State::Reached, proof: None, after_ms: None },
        // A direct message has a proof of its own, or none.
        (true, Some(end), _) => Fate::Lost(end),
        (true, None, true) => Fate::Lost(End::Expired),
        (true, None, false) | (false, ..) => Fate::Unknown,
    }
}

/// Takes out what fits.
fn take(passed: &mut BTreeMap<(Position, Dev), Passed>, fits: impl Fn(&(Position, Dev)) -> bool, mut told: impl FnMut(&Passed)) {
    passed.retain(|key, one| {
        let goes = fits(key);
        if goes {
            told(one);
        }
        !goes
    });
}
