//! One random history: some 200 steps chosen by a seed, then peace, then the accounts.

use std::time::Duration;

use tidings_delivery::{Config, Planted, Registration};
use tidings_engineio::Settings;
use tidings_store::Fault;

use crate::world::{TOPICS, World, limits};

/// What a history came to.
#[derive(Debug)]
pub struct Outcome {
    pub messages: usize,
    pub seen: usize,
    pub repeats: u64,
}

pub fn config(planted: Option<Planted>) -> Config {
    let engine = Settings {
        ping_interval: Duration::from_secs(25),
        ping_timeout: Duration::from_secs(20),
        upgrade_timeout: Duration::from_secs(10),
        max_payload: 1_000_000,
        spread: Duration::ZERO,
    };
    Config { workers: 2, engine, limits: limits(), planted, ..Config::default() }
}

pub fn run(seed: u64, planted: Option<Planted>) -> Result<Outcome, String> {
    live(&mut World::new(seed, config(planted), 4))
}

/// One in which a verifier is asked about each registration, answers when it likes, and now and then refuses.
pub fn run_checked(seed: u64, planted: Option<Planted>) -> Result<Outcome, String> {
    live(&mut checked(seed, planted))
}

fn checked(seed: u64, planted: Option<Planted>) -> World {
    let mut world = World::new(seed, Config { registration: Registration::Checked, ..config(planted) }, 4);
    world.is_strict = true;
    world
}

/// The same as `run` or `run_checked`, and what happened in it.
pub fn trace(seed: u64, is_checked: bool) -> (Result<Outcome, String>, Vec<String>) {
    let mut world = if is_checked { checked(seed, None) } else { World::new(seed, config(None), 4) };
    world.trace = Some(Vec::new());
    let outcome = live(&mut world);
    (outcome, world.trace.unwrap_or_default())
}

fn live(world: &mut World) -> Result<Outcome, String> {
    for _ in 0..200 {
        step(world);
        if let Some(fault) = world.fault.take() {
            return Err(fault);
        }
    }
    peace(world);
    if let Some(fault) = world.fault.take() {
        return Err(fault);
    }
    // Twins may take over each other's mail: the server cannot know better.
    let twins: Vec<usize> = (0..world.phones.len()).filter(|phone| world.phones[*phone].twin).collect();
    world.model.nothing_is_lost(world.time(), &twins)?;
    world.model.every_message_ends(world.time())?;
    let seen = world.model.seen.values().map(Vec::len).sum();
    Ok(Outcome { messages: world.model.sent.len(), seen, repeats: world.repeats })
}

fn step(world: &mut World) {
    let phone = world.dice.below(world.phones.len());
    match world.dice.below(100) {
        0..12 => {
            let (to, ttl) = (world.dice.below(5), [3600, 3600, 3600, 2, 0][world.dice.below(5)]);
            let uid = world.dice.below(3);
            match to {
                0..2 => world.publish(None, ttl),
                2..4 => world.publish(Some(uid), ttl),
                _ => world.publish_to_topic(uid % TOPICS, ttl),
            }
            if world.dice.once_in(6) {
                let n = world.dice.below(world.model.sent.len());
                world.recall(n);
            }
        }
        12..24 => world.decide(),
        24..34 => {
            let fault = match world.dice.below(30) {
                0 => Fault::Full,
                1 => Fault::UnknownStored,
                2 => Fault::UnknownLost,
                _ => Fault::None,
            };
            world.append(fault);
            world.notify();
        }
        34..37 => world.merge(),
        37 => {
            let (uid, topic, on) = (world.dice.below(3), world.dice.below(TOPICS), !world.dice.once_in(3));
            world.subscribe(uid, topic, on);
        }
        38..46 => {
            let worker = world.dice.below(world.rosters.len());
            world.deliver_feed(worker);
        }
        46..54 => {
            world.deliver_answer();
            world.deliver_verdict();
        }
        54..58 => world.deliver_page(),
        58..72 => pump(world),
        72..78 => world.connect(phone),
        78 => world.drop_phone(phone),
        79 => world.half_open(phone),
        80 => world.give_up(phone),
        81 => world.leave(phone),
        82 => world.phones[phone].stalled = !world.phones[phone].stalled,
        83 => world.kill_get(phone),
        84 => world.upgrade(phone),
        85 => {
            let uid = world.dice.below(3);
            world.register_as(phone, uid);
        }
        86 => world.client_ping(phone),
        87 => {
            if world.dice.once_in(6) {
                world.crash();
            }
        }
        88..90 => world.settle(),
        90..97 => {
            let ms = [1, 10, 100, 300][world.dice.below(4)];
            world.advance(ms);
        }
        _ => {
            let ms = [1000, 1500, 5000, 26_000][world.dice.below(4)];
            world.settle();
            world.advance(ms);
        }
    }
}

fn pump(world: &mut World) {
    for _ in 0..4 {
        let live: Vec<usize> = (0..world.wires.len()).filter(|wire| !world.wires[*wire].is_dead()).collect();
        if live.is_empty() {
            return;
        }
        let wire = *world.dice.pick(&live);
        if world.dice.once_in(2) {
            world.pump_up(wire);
        } else {
            world.pump_down(wire);
        }
    }
}

/// No more faults: everybody comes back, registers, and gets what was missed.
fn peace(world: &mut World) {
    world.is_strict = false;
    for phone in 0..world.phones.len() {
        world.phones[phone].stalled = false;
        world.drop_phone(phone);
    }
    world.settle();
    // Half-open ends are found dead, their ghosts are free.
    for _ in 0..50 {
        world.advance(1000);
        world.settle();
    }
    // A phone that was several users comes back as each of them.
    for uid in 0..3 {
        for phone in 0..world.phones.len() {
            if world.model.born.keys().any(|who| who.phone == phone && who.uid == uid) {
                world.phones[phone].uid = uid;
                world.drop_phone(phone);
                world.settle();
                world.connect(phone);
            }
        }
        for _ in 0..80 {
            world.settle();
            world.advance(100);
        }
    }
}
