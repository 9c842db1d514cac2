//! Finding records across segments: by number, by time, by a message's id; over what a restore jumped.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use tidings_model::{MessageId, Millis, Position, Published};

use super::Segments;
use crate::ReadError;
use crate::log::segment::{Found, Segment};

impl Segments {
    pub(super) fn search(&self, id: MessageId) -> Result<Option<(Position, Arc<Published>)>, ReadError> {
        let last = self.last.load(Ordering::Acquire);
        let mut from = self.first_at(Millis(id.time_ms()), last)?;
        while from <= last {
            let stretch = self.stretch(from)?;
            let end = stretch.end.min(last);
            match stretch.segment.find(id, stretch.from, end)? {
                Found::Here(at, message) => return Ok(Some((at, message))),
                Found::Nowhere => return Ok(None),
                Found::GoOn => from = end + 1,
            }
        }
        Ok(None)
    }

    /// The segment that has record `from`, or, where a restore jumped over it, the next that exists.
    pub(super) fn stretch(&self, from: u64) -> Result<Stretch, ReadError> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let first = all.first().map_or(1, |segment| segment.first());
        let mut index = all.partition_point(|segment| segment.mark.after < from).checked_sub(1).ok_or(ReadError::Trimmed { first })?;
        let mut from = from;
        while let Some(next) = all.get(index + 1).filter(|next| from > next.follows) {
            (index, from) = (index + 1, next.first());
        }
        let end = all.get(index + 1).map_or(u64::MAX >> 8, |next| next.follows);
        Ok(Stretch { segment: all[index].clone(), from, end })
    }

    /// The first record at or after this time: log time only rises.
    pub(super) fn first_at(&self, time: Millis, last: u64) -> Result<u64, ReadError> {
        let segments = self.segments();
        let ends = segments.iter().skip(1).map(|next| next.follows.min(last)).chain([last]);
        // One that was jumped over twice has no record.
        let all: Vec<_> = segments.iter().zip(ends).filter(|(segment, end)| segment.first() <= *end).collect();
        // The last segment that begins before that time has it, or the next one's first record is it.
        let (mut low, mut high) = (0, all.len());
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let (segment, _) = &all[middle];
            let begins_before = segment.time(segment.first())?.is_some_and(|begin| begin < time);
            if begins_before { low = middle } else { high = middle }
        }
        match all.get(low) {
            Some((segment, end)) => first_within(segment, time, *end),
            None => Ok(last + 1),
        }
    }
}

/// Records of one segment: from `from` to the last one that it has or will have.
pub(super) struct Stretch {
    pub segment: Arc<Segment>,
    pub from: u64,
    pub end: u64,
}

/// The first record at or after `time`; `end + 1`: none.
fn first_within(segment: &Segment, time: Millis, end: u64) -> Result<u64, ReadError> {
    let (mut low, mut high) = (segment.first(), end + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let missing = ReadError::Corrupt { at: Position::new(middle, 0), what: "a record is missing" };
        if segment.time(middle)?.ok_or(missing)? < time { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}

/// What has left with its segment meanwhile is not there.
pub(super) fn or_trimmed<T>(found: Result<Option<T>, ReadError>) -> Result<Option<T>, ReadError> {
    match found {
        Err(ReadError::Trimmed { .. }) => Ok(None),
        found => found,
    }
}
