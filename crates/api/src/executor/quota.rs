//! How often an app may call, send and broadcast: one window each, which begins with the first use after the last one ended.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tidings_model::{AppNo, Code, Limits, Millis, Refusal};

/// What is left of a window, for the headers `RateLimit-*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    pub limit: u32,
    pub remaining: u32,
    pub reset_ms: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    began: Millis,
    count: u32,
}

/// A window's bounds.
#[derive(Clone, Copy)]
struct Bound {
    /// 0: off.
    limit: u32,
    length_ms: u64,
}

const SECOND_MS: u64 = 1000;
const HOUR_MS: u64 = 3_600_000;

#[derive(Clone, Copy, Debug, Default)]
struct Used {
    calls: Window,
    messages: Window,
    broadcasts: Window,
}

/// What each app has used of its windows.
pub(crate) struct Quotas {
    calls: Bound,
    messages: Bound,
    broadcasts: Bound,
    used: Mutex<HashMap<AppNo, Used>>,
}

impl Window {
    fn is_over(self, bound: Bound, now: Millis) -> bool {
        self.count == 0 || now.0 >= self.began.0 + bound.length_ms
    }

    /// What would be left after one use more; None: there is no limit.
    fn look(&mut self, bound: Bound, now: Millis) -> Result<Option<Allowance>, Refusal> {
        if bound.limit == 0 {
            return Ok(None);
        }
        if self.is_over(bound, now) {
            *self = Self { began: now, count: 0 };
        }
        let reset_ms = self.began.0 + bound.length_ms - now.0;
        if self.count >= bound.limit {
            return Err(over(bound, reset_ms));
        }
        Ok(Some(Allowance { limit: bound.limit, remaining: bound.limit - self.count - 1, reset_ms }))
    }
}

impl Quotas {
    pub(crate) fn new(limits: &Limits) -> Self {
        let per = |limit, length_ms| Bound { limit, length_ms };
        Self {
            calls: per(limits.api_calls_per_s, SECOND_MS),
            messages: per(limits.messages_per_s, SECOND_MS),
            broadcasts: per(limits.broadcasts_per_hour, HOUR_MS),
            used: Mutex::default(),
        }
    }

    /// One call. None: calls are not limited.
    pub(crate) fn call(&self, app: AppNo, now: Millis) -> Result<Option<Allowance>, Refusal> {
        if self.calls.limit == 0 {
            return Ok(None);
        }
        self.with(app, now, |used| {
            let allowance = used.calls.look(self.calls, now)?;
            used.calls.count += 1;
            Ok(allowance)
        })
    }

    /// One message, to everyone or not. What is refused uses nothing.
    pub(crate) fn message(&self, app: AppNo, is_broadcast: bool, now: Millis) -> Result<(), Refusal> {
        if self.messages.limit == 0 && self.broadcasts.limit == 0 {
            return Ok(());
        }
        self.with(app, now, |used| {
            used.messages.look(self.messages, now)?;
            if is_broadcast {
                used.broadcasts.look(self.broadcasts, now)?;
                used.broadcasts.count += 1;
            }
            used.messages.count += 1;
            Ok(())
        })
    }

    fn is_over(&self, used: Used, now: Millis) -> bool {
        let windows = [(used.calls, self.calls), (used.messages, self.messages), (used.broadcasts, self.broadcasts)];
        windows.iter().all(|(window, bound)| window.is_over(*bound, now))
    }

    fn with<T>(&self, app: AppNo, now: Millis, f: impl FnOnce(&mut Used) -> T) -> T {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() > Limits::APPS {
            // Apps that are gone leave theirs behind.
            used.retain(|_, used| !self.is_over(*used, now));
        }
        f(used.entry(app).or_default())
    }
}

fn over(bound: Bound, reset_ms: u64) -> Refusal {
    let per = if bound.length_ms == HOUR_MS { "an hour" } else { "a second" };
    let (limit, actual) = (u64::from(bound.limit), u64::from(bound.limit) + 1);
    let mut refusal = Refusal::new(Code::RateLimited, format!("this app has used its {limit} {per}")).sizes(limit, actual);
    refusal.retry_after_ms = Some(reset_ms);
    refusal
}

#[cfg(test)]
mod tests;
