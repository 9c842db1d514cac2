use super::*;

const START: u64 = 1_700_000_000_000;
const DAY: u64 = 24 * HOUR_MS;

fn clock(last: u64) -> Clock {
    Clock::start(Some(Millis(last)), Reading { monotonic: 0, wall: START }, false).expect("near")
}

fn at(clock: &mut Clock, monotonic: u64, wall: u64) -> u64 {
    clock.read(Reading { monotonic, wall }).0
}

#[test]
fn it_starts_at_the_wall_clock_and_never_behind_the_last_fact() {
    assert_eq!(at(&mut clock(START - DAY), 0, START), START);
    assert_eq!(at(&mut clock(START + DAY), 0, START), START + DAY);
}

#[test]
fn a_start_400_days_ahead_is_refused_unless_accepted() {
    let now = Reading { monotonic: 0, wall: START };
    assert!(Clock::start(Some(Millis(START - 400 * DAY)), now, false).is_ok());
    assert_eq!(Clock::start(Some(Millis(START - 400 * DAY - 1)), now, false).map(|_| ()), Err(Millis(START)));
    assert!(Clock::start(Some(Millis(START - 4000 * DAY)), now, true).is_ok());
    assert!(Clock::start(None, now, false).is_ok());
}

#[test]
fn it_follows_the_monotonic_clock_and_is_slewed_by_an_eighth() {
    let mut clock = clock(START);
    assert_eq!(at(&mut clock, 1000, START + 1000), START + 1000);
    // The wall clock is set back by a second: log time slows down and does not go back.
    let slowed = at(&mut clock, 1800, START + 800);
    assert!(slowed > START + 1000 && slowed < START + 1800, "{slowed}");
    let mut last = slowed;
    for ms in (1900..20_000).step_by(100) {
        let now = at(&mut clock, ms, START + ms - 1000);
        assert!(now >= last + 100 - 100 / SLEW - 11);
        last = now;
    }
    assert_eq!(last, START + 19_900 - 1000);
}

#[test]
fn a_jump_of_over_an_hour_is_followed_only_after_ten_minutes_of_agreement() {
    let mut clock = clock(START);
    let jump = 10 * DAY;
    for ms in (0..AGREE_MS).step_by(1000) {
        assert_eq!(at(&mut clock, ms, START + jump + ms), START + ms);
    }
    assert_eq!(at(&mut clock, AGREE_MS, START + jump + AGREE_MS), START + jump + AGREE_MS);
}

#[test]
fn a_jump_that_goes_back_within_ten_minutes_ages_nothing() {
    let mut clock = clock(START);
    at(&mut clock, 1000, START + 10 * DAY);
    at(&mut clock, AGREE_MS - 1, START + 10 * DAY + AGREE_MS - 1001);
    assert_eq!(at(&mut clock, AGREE_MS, START + AGREE_MS), START + AGREE_MS);
    // The next one begins its ten minutes anew.
    assert_eq!(at(&mut clock, AGREE_MS + 1000, START + 10 * DAY), START + AGREE_MS + 1000);
}

#[test]
fn readings_out_of_order_do_not_turn_it_back() {
    let mut clock = clock(START);
    let later = at(&mut clock, 500, START + 500);
    assert!(at(&mut clock, 400, START + 400) >= later);
}
