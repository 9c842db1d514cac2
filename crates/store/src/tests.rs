//! Random histories: the real store, the store in memory and a small reference must agree, answer by answer.

mod dump;
mod fixture;
mod history;
mod pipeline;
mod reference;
mod subject;

use tidings_model::Limits;

use history::Rng;
use reference::Reference;
use subject::{InMemory, OnDisk, Subject, Under};

/// Small bounds, so that histories reach them.
fn limits() -> Limits {
    Limits {
        devices_per_uid: 2,
        topics_per_device: 2,
        sockets_per_uid: 6,
        mailbox_messages: 5,
        mailbox_bytes: 60,
        disk_reserve_bytes: 0,
        ..Limits::default()
    }
}

const SEEDS: std::ops::Range<u64> = 1..13;
const STEPS: usize = 250;

/// Runs one history on all subjects; the first one's answers are also held against the reference.
fn run(seed: u64, faults: bool, subjects: &mut [&mut dyn Subject]) {
    let mut rng = Rng::new(seed);
    let mut known = history::Known::default();
    let mut reference = (!faults).then(|| Reference::new(limits()));
    for subject in &mut *subjects {
        subject.advance(1_700_000_000_000);
    }
    for step in 0..STEPS {
        let act = history::next(&mut rng, &known, faults);
        let mut told = Vec::new();
        for subject in &mut *subjects {
            let before = subject.end();
            let outcome = act.run(&mut **subject);
            told.push((outcome, subject.facts(before)));
        }
        for other in &told[1..] {
            assert_eq!(format!("{:#?}", told[0]), format!("{other:#?}"), "seed {seed}, step {step}: {act:?}");
        }
        let (outcome, facts) = &told[0];
        known.learn(outcome, facts);
        if let Some(reference) = &mut reference {
            reference.check(&act, outcome, facts, &format!("seed {seed}, step {step}: {act:?}\n{outcome:?}\n{facts:?}"));
        }
    }
    let events: Vec<_> = subjects.iter().map(|subject| format!("{:#?}", subject.events())).collect();
    assert!(events.iter().all(|other| *other == events[0]), "seed {seed}: the events differ");
}

#[test]
fn the_real_store_the_one_in_memory_and_the_reference_agree() {
    for seed in SEEDS {
        let mut disk = OnDisk::new(seed, Under::Segments);
        run(seed, false, &mut [&mut InMemory::new(seed), &mut disk]);
        disk.check_rebuild();
    }
}

#[test]
fn they_agree_also_where_appends_fail_and_processes_die() {
    for seed in SEEDS {
        let mut disk = OnDisk::new(seed, Under::Memory);
        run(seed, true, &mut [&mut InMemory::new(seed), &mut disk]);
        disk.check_rebuild();
    }
}

#[test]
fn the_reference_alone_follows_many_more_histories() {
    for seed in 1000..1200 {
        run(seed, false, &mut [&mut InMemory::new(seed)]);
    }
}
