use std::collections::BTreeMap;

use proptest::prelude::*;
use tidings_engineio::Moment;

use super::{TICK, Wheel};

fn due(wheel: &mut Wheel, now: u64) -> Vec<u32> {
    let mut keys: Vec<u32> = std::iter::from_fn(|| wheel.pop(Moment(now))).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn a_key_comes_once_it_is_due_and_only_once() {
    let mut wheel = Wheel::new(Moment(1003));
    wheel.set(1, Moment(1100));
    wheel.set(2, Moment(1100));
    wheel.set(3, Moment(1200));
    assert_eq!(due(&mut wheel, 1099), []);
    assert_eq!(due(&mut wheel, 1100 + TICK), [1, 2]);
    assert_eq!(due(&mut wheel, 1150), []);
    assert_eq!(due(&mut wheel, 5000), [3]);
    assert_eq!(wheel.next(), None);
}

#[test]
fn the_latest_wish_replaces_and_a_sooner_one_stays() {
    let mut wheel = Wheel::new(Moment(0));
    wheel.set(1, Moment(500));
    wheel.set_sooner(1, Moment(900));
    wheel.set_sooner(2, Moment(900));
    wheel.set_sooner(2, Moment(500));
    wheel.set(3, Moment(500));
    wheel.set(3, Moment(900));
    wheel.set(4, Moment(500));
    wheel.clear(4);
    assert_eq!(due(&mut wheel, 520), [1, 2]);
    assert_eq!(due(&mut wheel, 920), [3]);
}

#[test]
fn a_deadline_beyond_the_wheel_is_filed_again() {
    let mut wheel = Wheel::new(Moment(0));
    wheel.set(9, Moment(600_000));
    let mut now = 0;
    while let Some(next) = wheel.next() {
        assert!(next.0 > now, "it goes on");
        now = next.0;
        if due(&mut wheel, now) == [9] {
            break;
        }
    }
    assert!((600_000..600_000 + 2 * TICK).contains(&now), "{now}");
}

#[test]
fn a_wish_for_the_past_made_while_handing_out_waits_for_the_next_turn() {
    let mut wheel = Wheel::new(Moment(0));
    wheel.set(1, Moment(10));
    assert_eq!(wheel.pop(Moment(100)), Some(1));
    wheel.set(1, Moment(10));
    assert_eq!(wheel.pop(Moment(100)), Some(1), "a later tick of the same turn");
    while wheel.pop(Moment(100)).is_some() {}
    wheel.set(1, Moment(10));
    assert_eq!(wheel.pop(Moment(100)), None);
    assert_eq!(wheel.pop(Moment(100 + TICK)), Some(1));
}

proptest! {
    #[test]
    fn it_does_what_a_sorted_map_does(steps in prop::collection::vec((0u32..40, 0u64..60_000, 0u8..4, 0u64..9_000), 1..300)) {
        let (mut wheel, mut model, mut now) = (Wheel::new(Moment(77)), BTreeMap::new(), 77);
        for (key, ahead, verb, pause) in steps {
            match verb {
                0 => { wheel.clear(key); model.remove(&key); }
                1 => { wheel.set_sooner(key, Moment(now + ahead)); let due = model.entry(key).or_insert(u64::MAX); *due = (*due).min(now + ahead); }
                2 => { wheel.set(key, Moment(now + ahead)); model.insert(key, now + ahead); }
                _ => {
                    now += pause;
                    let came = due(&mut wheel, now);
                    for key in &came { prop_assert!(model.remove(key).is_some_and(|due| due <= now), "{key} came early"); }
                    for (key, due) in &model { prop_assert!(*due + TICK > now, "{key} is late"); }
                    let next = wheel.next();
                    prop_assert_eq!(next.is_none(), model.is_empty());
                    for due in model.values() { prop_assert!(next.is_some_and(|next| next.0 < due + TICK)); }
                }
            }
        }
    }
}
