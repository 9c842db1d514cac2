//! When a try is repeated, and when it is given up.

/// How long it waits after the first failure, the second, ...; after one more it is given up. About: give or take a fifth.
pub const SCHEDULE_MS: [u64; 8] = [5_000, 30_000, 120_000, 600_000, 3_600_000, 10_800_000, 21_600_000, 43_200_000];
/// A single event that is refused is tried once more after about this.
pub const SUSPICION_MS: u64 = 5_000;
/// A wait that the other side names is obeyed within these.
const NAMED_MS: std::ops::RangeInclusive<u64> = 100..=3_600_000;
/// How often the reason of named waits is kept.
const NEWS_MS: u64 = 60_000;

/// What lasts since the last success.
#[derive(Default)]
pub(super) struct Trouble {
    since: Option<u64>,
    /// Waits of the schedule that are used up.
    steps: usize,
    told: Option<u64>,
}

pub(super) enum Verdict {
    GiveUp,
    Wait {
        ms: u64,
        /// The reason is worth keeping.
        is_news: bool,
    },
}

impl Trouble {
    /// `after`: what the other side says. A wait that it names uses up no step of the schedule; but where it has said so for as
    /// long as the whole schedule lasts, it is given up as well.
    pub(super) fn again(&mut self, now: u64, after: Option<u64>, dice: &mut Dice) -> Verdict {
        let since = *self.since.get_or_insert(now);
        let Some(after) = after else { return self.step(now, dice) };
        if now - since >= SCHEDULE_MS.iter().sum() {
            return Verdict::GiveUp;
        }
        let is_news = self.told.is_none_or(|told| now >= told + NEWS_MS);
        if is_news {
            self.told = Some(now);
        }
        Verdict::Wait { ms: after.clamp(*NAMED_MS.start(), *NAMED_MS.end()), is_news }
    }

    fn step(&mut self, now: u64, dice: &mut Dice) -> Verdict {
        let Some(nominal) = SCHEDULE_MS.get(self.steps) else { return Verdict::GiveUp };
        self.steps += 1;
        self.told = Some(now);
        Verdict::Wait { ms: dice.about(*nominal), is_news: true }
    }
}

/// `SplitMix64`.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Give or take a fifth.
    pub(super) fn about(&mut self, ms: u64) -> u64 {
        ms * (800 + self.draw() % 401) / 1000
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}
