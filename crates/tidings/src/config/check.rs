//! What keys must agree on: rules that no key can check alone.

use std::collections::BTreeMap;

use super::{Config, Origin, Problem};
use crate::tls::Files;

/// The problems, each where the key that breaks the rule was set.
pub(crate) fn rules(config: &Config, origins: &BTreeMap<&'static str, Origin>, open_registration: bool) -> Vec<Problem> {
    let origin = |key: &str| origins.get(key).cloned().unwrap_or(Origin::Default);
    let first_set = |keys: [&str; 2]| keys.iter().find_map(|key| origins.get(key)).cloned().unwrap_or(Origin::Default);
    let auth_is_written = origins.contains_key("registration.auth") || open_registration;
    let found = [
        heartbeats(config).map(|text| (first_set(["devices.ping_timeout_ms", "devices.ping_interval_ms"]), text)),
        device_bind(config, auth_is_written).map(|text| (origin("devices.bind"), text)),
        certificate(&config.devices_tls, "devices").map(|text| (first_set(["devices.tls.cert", "devices.tls.key"]), text)),
        certificate(&config.backend_tls, "backend").map(|text| (first_set(["backend.tls.cert", "backend.tls.key"]), text)),
        same_port(config).map(|text| (first_set(["backend.bind", "devices.bind"]), text)),
        retention(config).map(|text| (first_set(["retention.events_s", "retention.bodies_s"]), text)),
        sockets_bind(config).map(|text| (origin("backend.sockets"), text)),
        ice_bind(config).map(|text| (origin("ice.bind"), text)),
        ice_plaintext(config).map(|text| (origin("ice.bind"), text)),
        config.ice_tls.load().err().map(|why| (first_set(["ice.tls.cert", "ice.tls.client_ca"]), format!("ice.tls {why}"))),
    ];
    let blamed = config.registration.problems().into_iter().chain(config.ice_listener.target().err());
    found
        .into_iter()
        .flatten()
        .chain(blamed.map(|(key, text)| (origin(key), text)))
        .map(|(origin, text)| Problem { origin, text })
        .collect()
}

/// In Engine.IO 3 the client's own timer must not pass for an answer of ours.
fn heartbeats(config: &Config) -> Option<String> {
    let engine = &config.sessions.engine;
    let (interval, timeout) = (engine.ping_interval.as_millis(), engine.ping_timeout.as_millis());
    (timeout >= interval)
        .then(|| format!("devices.ping_timeout_ms is {timeout}; it must be less than devices.ping_interval_ms, which is {interval}"))
}

/// With auth "none" anyone may claim any uid: nobody opens that by accident.
fn device_bind(config: &Config, auth_is_written: bool) -> Option<String> {
    let open = config.door.bind.iter().find(|bind| !bind.ip().is_loopback())?;
    (!auth_is_written).then(|| {
        format!(
            "devices.bind {open} can be reached from elsewhere, and with registration.auth \"none\" anyone may register as anyone; bind a loopback address, or \
             say that this is meant: registration.auth = \"none\" in the configuration, or --open-registration"
        )
    })
}

/// Found before a door is opened, and by `check-config`.
fn certificate(files: &Files, door: &str) -> Option<String> {
    files.load().err().map(|why| format!("{door}.tls {why}"))
}

/// Events are read from the log, which goes with the bodies.
fn retention(config: &Config) -> Option<String> {
    let retention = &config.limits.retention;
    (retention.events_s > retention.bodies_s).then(|| {
        format!("retention.events_s is {}; it must be at most retention.bodies_s, which is {}", retention.events_s, retention.bodies_s)
    })
}

fn sockets_bind(config: &Config) -> Option<String> {
    let door = config.sockets_door()?;
    let taken = |bind| door.bind.port() != 0 && door.bind == bind;
    (taken(config.backend) || config.door.bind.iter().any(|bind| taken(*bind)))
        .then(|| format!("backend.sockets is {}, where another listener is; what is on one must not be on the other", door.bind))
}

fn ice_bind(config: &Config) -> Option<String> {
    let bind = config.ice.filter(|bind| bind.port() != 0)?;
    let others = config.door.bind.iter().chain([&config.backend]).chain(&config.sockets);
    others
        .into_iter()
        .any(|other| *other == bind)
        .then(|| format!("ice.bind is {bind}, where another listener is; Ice needs one of its own"))
}

/// A key in the clear is anyone's on the way: nobody does that by accident.
fn ice_plaintext(config: &Config) -> Option<String> {
    let bind = config.ice.filter(|bind| !bind.ip().is_loopback())?;
    let is_plain = config.ice_tls.files == Files::default() && !config.ice_plaintext;
    is_plain.then(|| {
        format!(
            "ice.bind {bind} can be reached from elsewhere, and without TLS keys travel in the clear; set ice.tls.cert and ice.tls.key, bind a \
             loopback address, or say that this is meant: ice.allow_plaintext = true"
        )
    })
}

fn same_port(config: &Config) -> Option<String> {
    let same = config.backend.port() != 0 && config.door.bind.contains(&config.backend);
    same.then(|| format!("devices.bind and backend.bind are both {}; what is on one listener must not be on the other", config.backend))
}
