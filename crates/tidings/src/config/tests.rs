use std::ffi::OsString;
use std::fs;

use tempfile::TempDir;
use tidings_delivery::DirectEvent;

use super::*;

/// A file `tidings.toml` with this text; the folder must outlive its use.
fn file(text: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tidings.toml");
    fs::write(&path, text).unwrap();
    (dir, path)
}

/// The problems of a file, without its folder.
fn problems(text: &str) -> Vec<String> {
    let (dir, path) = file(text);
    let folder = format!("{}/", dir.path().display());
    match Config::check_file(&path) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|problem| problem.to_string().replace(&folder, "")).collect(),
    }
}

fn variables(given: &[(&str, &str)]) -> Environment {
    Environment::read(given.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))))
}

fn flag(key: &str, name: &'static str, text: &str) -> Given {
    Given { key: key.to_owned(), value: Value::Text(text.to_owned()), origin: Origin::Flag(name) }
}

#[test]
fn the_documented_defaults_are_those_of_the_rooms() {
    let config = Draft::new().config;
    let rooms = Config::blank();
    assert_eq!(format!("{:?}", config.sessions), format!("{:?}", rooms.sessions));
    assert_eq!(format!("{:?}", config.door), format!("{:?}", rooms.door));
    assert_eq!(config.limits, rooms.limits);
    assert_eq!((config.drain.as_secs(), config.legacy_ttl_s, config.backend.port()), (30, 86_400, 5001));
    assert!(check::rules(&config, &BTreeMap::new(), false).is_empty());
}

#[test]
fn keys_are_unique_and_say_what_they_do() {
    let mut names: Vec<&str> = keys::KEYS.iter().map(|key| key.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), keys::KEYS.len());
    assert!(keys::KEYS.iter().all(|key| key.says.len() > 10));
}

#[test]
fn the_written_defaults_are_a_file_without_problems() {
    let lines: Vec<String> = keys::KEYS.iter().map(|key| format!("{} = {}", key.name, key.written_default())).collect();
    assert_eq!(problems(&lines.join("\n")), Vec::<String>::new());
}

#[test]
fn flags_win_over_variables_over_the_file_over_defaults() {
    let (_dir, path) =
        file("data = 'from-file'\ndrain_s = 7\n[devices]\nbind = '127.0.0.1:1'\npath = '/file/'\n[backend]\nbind = '127.0.0.1:2'\n");
    let environment = variables(&[
        ("TIDINGS_CONFIG", path.to_str().unwrap()),
        ("TIDINGS_DATA", "from-variable"),
        ("TIDINGS_DEVICES", "127.0.0.1:3"),
        ("TIDINGS_DEVICES__BIND", "127.0.0.1:4"),
        ("HOME", "/root"),
    ]);
    let flags = Flags { given: vec![flag("data", "--data", "from-flag")], ..Flags::default() };
    let config = Config::load(&flags, &environment).unwrap();
    assert_eq!(config.data, PathBuf::from("from-flag"));
    assert_eq!(config.drain.as_secs(), 7);
    assert_eq!(config.door.paths, ["/file/"]);
    assert_eq!(config.door.bind[0].port(), 4, "the nested name is read later");
    assert_eq!(config.backend.port(), 2);
    assert_eq!(config.limits.payload, 4096);
}

#[test]
fn a_named_file_that_is_missing_is_a_problem() {
    let flags = Flags { config: Some("/nowhere/tidings.toml".into()), ..Flags::default() };
    let problems = Config::load(&flags, &Environment::default()).unwrap_err();
    assert!(problems[0].to_string().starts_with("/nowhere/tidings.toml: cannot be read"), "{problems:?}");
}

#[test]
fn every_form_of_value_is_read_from_file_and_environment() {
    let (_dir, path) = file(
        "[devices]\ncors_origins = ['https://a.example', 'https://b.example']\nproxy_tunnels = false\nproof = 'slow'\ntrusted_proxies = ['10.0.0.0/8', '::1']\n\
         [legacy]\np2p_event = 'both'\n[limits]\npayload = 0x10\n[log]\nlevel = 'warn,tidings_store=debug'\nformat = 'json'\n",
    );
    let config = Config::check_file(&path).unwrap();
    let from_variables = variables(&[
        ("TIDINGS_DEVICES__CORS_ORIGINS", "https://a.example, https://b.example"),
        ("TIDINGS_DEVICES__PROXY_TUNNELS", "false"),
        ("TIDINGS_DEVICES__PROOF", "slow"),
        ("TIDINGS_DEVICES__TRUSTED_PROXIES", "10.0.0.0/8,::1"),
        ("TIDINGS_LEGACY__P2P_EVENT", "both"),
        ("TIDINGS_LIMITS__PAYLOAD", "16"),
        ("TIDINGS_LOG__LEVEL", "warn,tidings_store=debug"),
        ("TIDINGS_LOG__FORMAT", "json"),
    ]);
    let same = Config::load(&Flags::default(), &from_variables).unwrap();
    assert_eq!(format!("{config:?}"), format!("{same:?}"));
    assert_eq!((config.sessions.direct_event, config.sessions.slow_proof, config.sessions.proxy_tunnels), (DirectEvent::Both, true, false));
    assert_eq!(config.door.trusted_proxies.0.len(), 2);
    assert_eq!((config.limits.payload, config.log.format), (16, Format::Json));
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_known_one() {
    assert_eq!(
        problems("data = 'x'\n\n[devices]\nping_intervall_ms = 1000\n"),
        ["tidings.toml:4: unknown key devices.ping_intervall_ms; the nearest known one is devices.ping_interval_ms"]
    );
    assert_eq!(
        problems("[device]\nbind = '127.0.0.1:1'"),
        ["tidings.toml:2: unknown key device.bind; the nearest known one is devices.bind"]
    );
    assert_eq!(problems("devices.pth = '/x'"), ["tidings.toml:1: unknown key devices.pth; the nearest known one is devices.path"]);
    assert_eq!(problems("[bakend]"), ["tidings.toml:1: unknown key bakend; the nearest known one is backend.bind"]);
    assert_eq!(
        problems("ping_interval_ms = 1"),
        ["tidings.toml:1: unknown key ping_interval_ms; the nearest known one is devices.ping_interval_ms"]
    );
    assert_eq!(problems("[devices]\n[backend]\n"), Vec::<String>::new());
}

#[test]
fn every_problem_is_told_at_once_in_the_order_of_the_file() {
    let text = "drain_s = 0\n[devices]\nproof = 'fast'\nbind = 5000\nproxy_tunnels = 'yes'\ncors_origins = 'x'\ntrusted_proxies = ['10.0.0.0/64']\n\
                [log]\nlevel = 'loud=quiet'\n[limits]\npayload = 65537\nmailbox_messages = 1.5\n";
    assert_eq!(
        problems(text),
        [
            "tidings.toml:1: drain_s is 0; it must be a number from 1 to 86400",
            "tidings.toml:3: devices.proof is \"fast\"; it must be auto or slow",
            "tidings.toml:4: devices.bind is 5000; it must be text in quotes",
            "tidings.toml:5: devices.proxy_tunnels is \"yes\"; it must be true or false",
            "tidings.toml:6: devices.cors_origins is \"x\"; it must be a list, like [\"a\", \"b\"]",
            "tidings.toml:7: devices.trusted_proxies has a bad entry: `10.0.0.0/64` is no address or network, write 10.0.0.1 or 10.0.0.0/8",
            "tidings.toml:9: log.level is \"loud=quiet\"; it must be error, warn, info, debug or trace, or levels by room",
            "tidings.toml:11: limits.payload is 65537; it must be a number from 1 to 65536",
            "tidings.toml:12: limits.mailbox_messages is a number with a fraction; it must be a number from 1 to 1000000",
        ]
    );
}

#[test]
fn a_file_that_is_no_toml_is_told_with_its_lines_and_the_rest_is_still_checked() {
    let told = problems("data = \n[devices]\npth = 'x'\nbind = 'nonsense\n");
    assert!(told.iter().any(|problem| problem.starts_with("tidings.toml:1: ")), "{told:?}");
    assert!(told.iter().any(|problem| problem.starts_with("tidings.toml:3: unknown key devices.pth")), "{told:?}");
    assert!(told.iter().any(|problem| problem.starts_with("tidings.toml:4: ")), "{told:?}");
}

#[test]
fn a_variable_that_is_no_key_is_a_problem_unless_it_is_somebody_elses() {
    let told = |name: &str| variables_problem(name, "1");
    assert_eq!(
        told("TIDINGS_DEVICES__PTH"),
        Some("TIDINGS_DEVICES__PTH: unknown key devices.pth; the nearest known one is devices.path".to_owned())
    );
    assert_eq!(told("TIDINGS_DRAINS"), Some("TIDINGS_DRAINS: unknown key drains; the nearest known one is drain_s".to_owned()));
    assert_eq!(told("TIDINGS_SOAK"), None);
    assert_eq!(told("TIDINGS_BIN"), None);
    assert_eq!(told("TIDINGS_KEY"), None);
    assert!(told("TIDINGS_ICE").is_some_and(|text| text.starts_with("TIDINGS_ICE: ice.bind")));
}

fn variables_problem(name: &str, value: &str) -> Option<String> {
    Config::load(&Flags::default(), &variables(&[(name, value)])).err().map(|problems| problems[0].to_string())
}

#[test]
fn heartbeats_must_leave_room_for_their_answers() {
    assert_eq!(
        problems("[devices]\nping_interval_ms = 1000\nping_timeout_ms = 1000\n"),
        ["tidings.toml:3: devices.ping_timeout_ms is 1000; it must be less than devices.ping_interval_ms, which is 1000"]
    );
    assert_eq!(problems("[devices]\nping_interval_ms = 20000\n").len(), 1, "the default timeout is as long");
    assert!(problems("[devices]\nping_interval_ms = 30000\n").is_empty());
}

#[test]
fn devices_are_let_in_from_elsewhere_only_on_purpose() {
    let open = "[devices]\nbind = '0.0.0.0:5000'\n";
    let told = problems(open);
    assert!(told.len() == 1 && told[0].starts_with("tidings.toml:2: devices.bind 0.0.0.0:5000"), "{told:?}");
    assert!(problems(&format!("{open}[registration]\nauth = 'none'\n")).is_empty());
    let flags =
        |open_registration| Flags { given: vec![flag("devices.bind", "--devices", "[::]:5000")], open_registration, ..Flags::default() };
    assert!(Config::load(&flags(true), &Environment::default()).is_ok());
    let told = Config::load(&flags(false), &Environment::default()).unwrap_err();
    assert!(told[0].to_string().starts_with("--devices: devices.bind [::]:5000"), "{told:?}");
    assert!(Config::load(&flags(false), &variables(&[("TIDINGS_REGISTRATION__AUTH", "none")])).is_ok());
}

#[test]
fn the_admin_key_of_a_file_is_read_and_never_told() {
    let secret = "s".repeat(32);
    for (text, why) in [
        (format!("tdk_boot_{secret}\n"), None),
        (format!("tdk_boot_{}", &secret[1..]), Some("has a secret of less than 32")),
        (format!("tdk_Boot_{secret}"), Some("has no id")),
        (secret.clone(), Some("is no key")),
    ] {
        let (_dir, path) = file(&text);
        let told = variables_problem("TIDINGS_ADMIN_KEY_FILE", path.to_str().unwrap());
        assert_eq!(told.is_some(), why.is_some(), "{told:?}");
        if let (Some(told), Some(why)) = (told, why) {
            assert!(told.starts_with("TIDINGS_ADMIN_KEY_FILE: ") && told.contains(why) && !told.contains(&secret[1..]), "{told}");
        }
    }
    assert!(variables_problem("TIDINGS_ADMIN_KEY_FILE", "/nowhere/at/all").is_some_and(|told| told.contains("cannot be read")));
}

#[test]
fn two_doors_are_two_listeners() {
    assert_eq!(problems("devices.bind = '127.0.0.1:7'\nbackend.bind = '127.0.0.1:7'\n").len(), 1);
    assert!(problems("devices.bind = '127.0.0.1:0'\nbackend.bind = '127.0.0.1:0'\n").is_empty());
}

#[test]
fn the_backends_sockets_are_off_or_a_listener_of_their_own() {
    let config = |text: &str| {
        let (_dir, path) = file(text);
        Config::check_file(&path).unwrap()
    };
    assert!(config("").sockets_door().is_none());
    assert_eq!(config("backend.sockets = '127.0.0.1:5002'\n").sockets_door().unwrap().bind.port(), 5002);
    for (bind, why) in [("5002", "an address with a port"), ("127.0.0.1:5001", "another listener"), ("127.0.0.1:5000", "another listener")]
    {
        let told = problems(&format!("[backend]\nsockets = '{bind}'\n"));
        assert!(told.len() == 1 && told[0].starts_with("tidings.toml:2: backend.sockets") && told[0].contains(why), "{told:?}");
    }
}

#[test]
fn the_ice_door_is_off_or_a_listener_of_its_own_and_in_the_clear_only_on_purpose() {
    let (_dir, path) = file("");
    assert!(Config::check_file(&path).unwrap().ice_door().is_none());
    for fine in ["ice.bind = '127.0.0.1:10000'", "ice.bind = '0.0.0.0:10000'\nice.allow_plaintext = true"] {
        assert_eq!(problems(fine), Vec::<String>::new());
    }
    for (bind, why) in [("10000", "an address with a port"), ("127.0.0.1:5001", "another listener"), ("0.0.0.0:10000", "allow_plaintext")] {
        let told = problems(&format!("[ice]\nbind = '{bind}'\n"));
        assert!(told.len() == 1 && told[0].starts_with("tidings.toml:2: ice.bind") && told[0].contains(why), "{told:?}");
    }
    let told = problems("[ice]\ntls.client_ca = 'ca.pem'\n");
    assert_eq!(told, ["tidings.toml:2: ice.tls has no cert: a certificate and its key go together"]);
}

#[test]
fn devices_publish_only_where_that_is_written() {
    let (_dir, path) = file("[legacy]\nclient_publish = true\n");
    assert_eq!(Config::check_file(&path).unwrap().sessions().heard, ["broadcast", "p2p"]);
    let (_dir, path) = file("");
    assert!(Config::check_file(&path).unwrap().sessions().heard.is_empty());
}

#[test]
fn webhooks_go_inside_only_where_that_is_written_right() {
    for fine in ["[]", "['10.0.0.0/8', '::1', 'billing.internal']"] {
        assert_eq!(problems(&format!("sync.webhook_allow = {fine}\n")), Vec::<String>::new());
    }
    let told = problems("[sync]\nwebhook_allow = ['127.0.0.1', '10.0.0.0/33']\n");
    assert!(told.len() == 1 && told[0].starts_with("tidings.toml:2: sync.webhook_allow has a bad entry: `10.0.0.0/33`"), "{told:?}");
}

#[test]
fn localhost_is_an_address() {
    let (_dir, path) = file("devices.bind = 'localhost:7'\n");
    assert_eq!(Config::check_file(&path).unwrap().door.bind[0].to_string(), "127.0.0.1:7");
}

#[test]
fn events_are_kept_no_longer_than_the_log_that_they_are_read_from() {
    let text = "[retention]\nbodies_s = 86400\nevents_s = 86401\n";
    assert_eq!(problems(text), ["tidings.toml:3: retention.events_s is 86401; it must be at most retention.bodies_s, which is 86400"]);
    assert_eq!(
        problems("[retention]\nbodies_s = 60\n"),
        ["tidings.toml:2: retention.bodies_s is 60; it must be a number from 86400 to 315360000"]
    );
}

#[test]
fn registration_says_what_is_missing_of_no_use_or_unreadable() {
    let table: [(&str, &[&str]); 7] = [
        (
            "auth = 'jwt'",
            &["tidings.toml:2: registration.auth is \"jwt\", which needs registration.jwt.secret_file, registration.jwt.public_key_file, \
               registration.jwt.jwks_file"],
        ),
        ("auth = 'signed'", &["tidings.toml:2: registration.auth is \"signed\", which needs registration.signed.secret_file"]),
        ("auth = 'callback'", &["tidings.toml:2: registration.auth is \"callback\", which needs registration.callback.url"]),
        (
            "jwt.secret_file = 'x'",
            &["tidings.toml:2: registration.jwt.secret_file is of no use while registration.auth is \"none\" and not \"jwt\""],
        ),
        (
            "auth = 'jwt'\njwt.secret_file = '/nowhere/secret'\njwt.jwks_file = '/nowhere/jwks'",
            &[
                "tidings.toml:3: registration.jwt.secret_file /nowhere/secret cannot be read: No such file or directory (os error 2)",
                "tidings.toml:4: registration.jwt.jwks_file /nowhere/jwks cannot be read: No such file or directory (os error 2)",
            ],
        ),
        (
            "auth = 'callback'\ncallback.url = 'ftp://example.com/'",
            &[
                "tidings.toml:3: registration.callback.url must begin with http:// or https://",
                "tidings.toml:2: registration.auth is \"callback\", which needs registration.callback.url",
            ],
        ),
        ("auth = 'basic'", &["tidings.toml:2: registration.auth is \"basic\"; it must be none or jwt or signed or callback"]),
    ];
    for (text, expected) in table {
        assert_eq!(problems(&format!("[registration]\n{text}\n")), expected, "{text}");
    }
}

#[test]
fn a_short_secret_is_a_problem_and_is_not_shown() {
    let (dir, path) = file("[registration]\nauth = 'signed'\nsigned.secret_file = 'SECRET'\n");
    let secret = dir.path().join("secret");
    fs::write(&secret, "too-short").unwrap();
    fs::write(&path, fs::read_to_string(&path).unwrap().replace("SECRET", secret.to_str().unwrap())).unwrap();
    let told = Config::check_file(&path).unwrap_err()[0].to_string();
    assert!(
        told.contains(":3: registration.signed.secret_file") && told.contains("holds 9 bytes") && !told.contains("too-short"),
        "{told}"
    );
}

#[test]
fn checked_registration_may_be_reached_from_elsewhere() {
    let (dir, path) = file("[devices]\nbind = '0.0.0.0:5000'\n[registration]\nauth = 'signed'\nsigned.secret_file = 'SECRET'\n");
    let secret = dir.path().join("secret");
    fs::write(&secret, "x".repeat(32)).unwrap();
    fs::write(&path, fs::read_to_string(&path).unwrap().replace("SECRET", secret.to_str().unwrap())).unwrap();
    assert!(Config::check_file(&path).unwrap().registration.config().is_some());
}
