//! Knowledge points one way: which room may name which, and which heavy dependency lives in one room only.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// What each room may name of ours. `tidings-json` may be named by all.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("tidings-json", &[]),
    ("tidings-model", &[]),
    ("tidings-engineio", &[]),
    ("tidings-socketio", &[]),
    ("tidings-ice", &[]),
    ("tidings-store", &["model"]),
    ("tidings-delivery", &["model", "engineio", "socketio"]),
    ("tidings-gateway", &["model", "engineio", "delivery", "store"]),
    ("tidings-registration", &["model"]),
    ("tidings-outbox", &["model", "ice", "store"]),
    ("tidings-api", &["model", "ice", "store", "outbox"]),
    ("tidings-pages", &["model", "engineio", "socketio", "gateway", "api"]),
    ("tidings", &["model", "engineio", "socketio", "store", "delivery", "gateway", "registration", "outbox", "api", "pages"]),
    ("tidings-tutorial", &["model", "store", "delivery", "gateway", "api", "pages"]),
    ("tidings-fuzz", &["model", "ice", "engineio", "socketio", "store", "gateway"]),
    ("tidings-sim", &["model", "engineio", "socketio", "delivery", "store"]),
];

/// Who may name what is heavy, or tied to a system.
const LIVES_IN: &[(&str, &[&str])] = &[
    ("rusqlite", &["tidings-store"]),
    ("rustix", &["tidings-gateway", "tidings-store", "tidings"]),
    ("httparse", &["tidings-gateway"]),
    ("axum", &["tidings-api"]),
    ("tokio", &["tidings-api", "tidings-ice", "tidings-outbox", "tidings-registration", "tidings"]),
    ("tokio-rustls", &["tidings-api", "tidings-ice"]),
    ("hyper", &["tidings-api", "tidings-outbox", "tidings-registration"]),
    ("hyper-rustls", &["tidings-outbox", "tidings-registration"]),
    ("hyper-util", &["tidings-api", "tidings-outbox", "tidings-registration"]),
    ("ring", &["tidings-outbox", "tidings-registration"]),
    ("spki", &["tidings-registration"]),
    ("clap", &["tidings"]),
    ("prometheus-client", &["tidings"]),
    ("toml", &["tidings"]),
    ("tracing-subscriber", &["tidings"]),
    ("crossbeam-channel", &["tidings-store"]),
];

/// The machines: bytes, facts and time in, bytes and requests out.
const PURE: &[&str] = &["tidings-json", "tidings-model", "tidings-engineio", "tidings-socketio", "tidings-delivery"];

/// What reads a clock, a socket, a disk or the system's dice.
const IMPURE: &[&str] = &["rusqlite", "rustix", "libc", "tokio", "hyper", "axum", "getrandom", "rand", "crossbeam-channel", "tempfile"];

/// Each member with what it names outside of its tests.
fn members() -> BTreeMap<String, BTreeSet<String>> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
    let told = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path", manifest])
        .output()
        .unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let packages = told["packages"].as_array().unwrap().iter();
    packages.map(|package| (text(&package["name"]), dependencies(package))).collect()
}

fn dependencies(package: &Value) -> BTreeSet<String> {
    let all = package["dependencies"].as_array().unwrap().iter();
    all.filter(|dependency| dependency["kind"] != "dev").map(|dependency| text(&dependency["name"])).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn rooms_name_only_what_lies_below_them() {
    for (room, names) in members() {
        let (_, may) =
            MAY_NAME.iter().find(|(known, _)| *known == room).unwrap_or_else(|| panic!("{room} is a new room: say here what it may name"));
        for ours in names.iter().filter_map(|name| name.strip_prefix("tidings-")).filter(|ours| *ours != "json") {
            assert!(may.contains(&ours), "{room} must not name {ours}");
        }
    }
}

#[test]
fn heavy_dependencies_live_in_one_room() {
    for (room, names) in members() {
        for (heavy, rooms) in LIVES_IN.iter().filter(|(heavy, _)| names.contains(*heavy)) {
            assert!(rooms.contains(&room.as_str()), "{room} must not name {heavy}");
        }
    }
}

#[test]
fn machines_cannot_reach_the_world() {
    let members = members();
    for room in PURE {
        let reached: Vec<_> = IMPURE.iter().filter(|name| members[*room].contains(**name)).collect();
        assert!(reached.is_empty(), "{room} names {reached:?}");
    }
}

#[test]
fn every_rule_speaks_of_something_that_exists() {
    let members = members();
    for (room, _) in MAY_NAME {
        assert!(members.contains_key(*room), "{room} is gone");
    }
    for (heavy, rooms) in LIVES_IN {
        assert!(rooms.iter().any(|room| members[*room].contains(*heavy)), "nobody names {heavy} any more");
    }
}
