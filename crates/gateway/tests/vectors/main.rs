//! The wire vectors of `e2e/vectors`, run against the conformance fixture: one by one, for many of them are about time.
//!
//! `cargo test --test vectors -- <part of a name>` runs some of them. One that fails is run once more, alone; failing twice fails.

#[path = "../../examples/conformance/fixture.rs"]
mod fixture;
#[path = "../../examples/conformance/script.rs"]
#[expect(dead_code, reason = "the probe's half of it is not asked for")]
mod script;
#[path = "../../examples/conformance/talk.rs"]
mod talk;

mod codec;
mod expect;
mod run;
#[path = "../client/socket.rs"]
mod socket;
#[path = "../client/web.rs"]
mod web;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;
use tidings_engineio::Settings;
use tidings_gateway::http::Cors;
use tidings_gateway::{Config, Gateway, inbox};

use fixture::{Fixture, PATHS, Session};

const VECTORS: &str = include_str!("../../../../e2e/vectors/wire_vectors.json");

#[expect(clippy::print_stdout, reason = "a test's report")]
fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let file: Value = serde_json::from_str(VECTORS).expect("the vectors are JSON");
    let server = start();
    let (mut passed, mut failed) = (0, 0);
    for vector in file["vectors"].as_array().expect("a list of vectors") {
        let name = vector["name"].as_str().expect("a vector has a name");
        if !wanted.is_empty() && !wanted.iter().any(|part| name.contains(part)) {
            continue;
        }
        match twice(name, vector, server.addr()) {
            Ok(()) => passed += 1,
            Err(why) => {
                failed += 1;
                println!("{name}: failed twice: {why}");
            }
        }
    }
    server.stop(Duration::ZERO);
    println!("{passed} passed, {failed} failed");
    if failed == 0 && server.join().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::print_stdout, reason = "a test's report")]
fn twice(name: &str, vector: &Value, addr: SocketAddr) -> Result<(), String> {
    once(vector, addr).or_else(|why| {
        println!("{name}: failed, once more: {why}");
        once(vector, addr)
    })
}

fn once(vector: &Value, addr: SocketAddr) -> Result<(), String> {
    match vector.get("codec") {
        Some(codec) => codec::check(codec),
        None => run::run(vector, addr),
    }
}

fn start() -> Gateway<Session> {
    let settings = Settings {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
        upgrade_timeout: Duration::from_secs(10),
        max_payload: 1_000_000,
        spread: Duration::ZERO,
    };
    let paths = PATHS.map(str::to_owned).to_vec();
    let config = Config { bind: vec![SocketAddr::from(([127, 0, 0, 1], 0))], paths, cors: Cors::Star, ..Config::default() };
    // Two workers, so that some requests of a session come to the wrong one.
    let house =
        |worker| (Fixture::new(worker, script::Script::Suite, settings.clone(), Duration::from_secs(1)), inbox().expect("an inbox").1);
    Gateway::start(&config, vec![house(0), house(1)]).expect("the fixture starts")
}
