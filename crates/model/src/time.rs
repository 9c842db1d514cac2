//! Times as answers write them, RFC 3339 in UTC with milliseconds, and as callers may.

use crate::Millis;

impl Millis {
    /// `2026-11-23T10:00:00.123Z`.
    pub fn rfc3339(self) -> String {
        let (seconds, ms) = (self.0 / 1000, self.0 % 1000);
        let (year, month, day) = civil(seconds / 86_400);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
    }

    /// Reads RFC 3339 with any offset, to the millisecond; None: it is none, or before 1970.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        parse(text)
    }
}

/// Year, month and day of a day since 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    // Counted from 0000-03-01, so that a leap day ends its year.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

fn parse(text: &str) -> Option<Millis> {
    let (date, rest) = text.split_at_checked(10)?;
    let (clock, rest) = rest.strip_prefix(['T', 't'])?.split_at_checked(8)?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let (fraction, zone) = rest.split_at(rest.find(['Z', 'z', '+', '-'])?);
    let ms = fraction_ms(fraction)?;
    if hour > 23 || minute > 59 || second > 59 || civil(days(year, month, day)?) != (year, month, day) {
        return None;
    }
    let seconds = ((days(year, month, day)? * 24 + hour) * 60 + minute) * 60 + second;
    let seconds = i64::try_from(seconds).ok()? - offset_s(zone)?;
    Some(Millis(u64::try_from(seconds).ok()? * 1000 + ms))
}

/// Three numbers of so many digits, with `between` between them.
fn numbers(text: &str, between: char, digits: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(between);
    let mut next = |width| parts.next().filter(|part| part.len() == width).and_then(number);
    let found = [next(digits[0])?, next(digits[1])?, next(digits[2])?];
    parts.next().is_none().then_some(found)
}

fn number(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Nothing, or a dot and digits; what is finer than a millisecond is dropped.
fn fraction_ms(text: &str) -> Option<u64> {
    if text.is_empty() {
        return Some(0);
    }
    let digits = text.strip_prefix('.').filter(|digits| !digits.is_empty())?;
    number(digits.get(..digits.len().min(15))?)?;
    number(&format!("{digits:0<3}")[..3])
}

/// `Z`, or a sign, hours and minutes: how far ahead of UTC.
fn offset_s(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, clock) = zone.split_at_checked(1)?;
    let [hour, minute, _] = numbers(&format!("{clock}:00"), ':', [2, 2, 2])?;
    let seconds = i64::try_from(hour * 60 + minute).ok()? * 60;
    (hour <= 23 && minute <= 59).then_some(if sign == "-" { -seconds } else { seconds })
}

/// The day since 1970-01-01 of a date; None: before. The inverse of [`civil`].
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = year.checked_sub(u64::from(month <= 2))?;
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.checked_sub(1)?;
    (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year).checked_sub(719_468)
}

#[cfg(test)]
mod tests;
