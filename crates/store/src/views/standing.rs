//! How a message stands, as the views know it: what each device's mailbox says of it.

use std::sync::Arc;

use tidings_model::{Dev, End, Millis, Position, Published, Targets};

use super::mailbox::{Mail, Order, Span};
use super::{Fate, Key, Row, Shelf};
use crate::{ReadError, Shares, Standing, Whole};

pub(crate) fn standing<M: Mail>(mail: &M, at: Position, message: Arc<Published>, now: Millis) -> Result<Standing, ReadError> {
    let is_recalled = mail.get(&Key::Recalled(at))?.is_some();
    let shares = match &message.targets {
        Targets::Devices(devs) => shares(mail, at, devs)?,
        Targets::Everyone | Targets::Members(_) => None,
    };
    let whole = match &shares {
        _ if is_recalled => Whole::Recalled,
        Some(shares) if !shares.waiting.is_empty() => Whole::Active,
        Some(shares) if shares.lost.contains_key(&End::Expired) => Whole::Expired,
        Some(_) => Whole::Completed,
        None if message.expires <= now => Whole::Expired,
        None if is_gone(mail, at, &message)? => Whole::Completed,
        None => Whole::Active,
    };
    Ok(Standing { at, message, whole, shares })
}

/// None: of some device it is not kept any more.
fn shares<M: Mail>(mail: &M, at: Position, devs: &[Dev]) -> Result<Option<Shares>, ReadError> {
    let mut shares = Shares::default();
    for dev in devs {
        let Some(Row::Fate(fate)) = mail.get(&Key::Fate(*dev, at))? else { return Ok(None) };
        match fate {
            Fate::Proven => shares.reached += 1,
            Fate::Ending(end) | Fate::Ended(end) => *shares.lost.entry(end).or_default() += 1,
            Fate::Open { .. } => {
                let Some(Row::Device(device)) = mail.get(&Key::Device(*dev))? else { return Ok(None) };
                shares.waiting.push((device.reg, *dev));
            }
        }
    }
    Ok(Some(shares))
}

/// A newer one has taken its place for everybody.
fn is_gone<M: Mail>(mail: &M, at: Position, message: &Published) -> Result<bool, ReadError> {
    let Some(shelf) = Shelf::of(message) else { return Ok(false) };
    let span = Span { shelf, after: Position::from_raw(at.raw().saturating_sub(1)), upto: at };
    Ok(mail.letters(span, Order::Oldest, 1)?.iter().any(|(_, letter)| letter.gone_by.is_some()))
}
