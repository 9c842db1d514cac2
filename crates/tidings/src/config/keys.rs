//! The table of keys: name, default, what it must be, what it does. The reference in the documentation is made from it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tidings_delivery::{DirectEvent, Pattern};
use tidings_gateway::http::{Cors, Proxies};
use tidings_model::{Limits, Network};
use tidings_outbox::Allowed;
use tidings_outbox::ice::BadAddress;
use tidings_registration::Target;
use tracing_subscriber::EnvFilter;

use super::{Auth, Config, Format, Value};

mod form;

use form::Form::{Choice, List, Number, Switch, Text};
pub(crate) use form::Key;

/// A stop, and everything else that is said in seconds, ends within a day.
const DAY_S: u64 = 24 * 3600;
const HOUR_MS: u64 = 3600 * 1000;
const MEBI: u64 = 1 << 20;
const GIBI: u64 = 1 << 30;

pub(crate) const KEYS: &[Key] = &[
    Key {
        name: "data",
        default: "./tidings-data",
        says: "The folder that holds everything durable. One server at a time has it.",
        form: Text(|config, text| {
            if text.is_empty() {
                return Err("must name a folder".to_owned());
            }
            config.data = text.into();
            Ok(())
        }),
    },
    Key {
        name: "drain_s",
        default: "30",
        says: "How long a stop may take, in seconds.",
        form: Number(1, DAY_S, |config, s| config.drain = Duration::from_secs(s)),
    },
    Key {
        name: "devices.bind",
        default: "127.0.0.1:5000",
        says: "Where devices connect. Port 0: any. Beyond loopback only if registration.auth is written, too.",
        form: Text(|config, text| address(text).map(|bind| config.door.bind = vec![bind])),
    },
    Key {
        name: "devices.path",
        default: "/socket.io/",
        says: "The path of Socket.IO.",
        form: Text(|config, text| {
            if !text.starts_with('/') || text.contains(['?', '#', ' ']) {
                return Err("must be a path that begins with /".to_owned());
            }
            config.door.paths = vec![text.to_owned()];
            Ok(())
        }),
    },
    Key {
        name: "devices.ping_interval_ms",
        default: "25000",
        says: "The time between two heartbeats.",
        form: Number(100, HOUR_MS, |config, ms| config.sessions.engine.ping_interval = Duration::from_millis(ms)),
    },
    Key {
        name: "devices.ping_timeout_ms",
        default: "20000",
        says: "How long a heartbeat may stay unanswered. Less than ping_interval_ms.",
        form: Number(100, HOUR_MS, |config, ms| config.sessions.engine.ping_timeout = Duration::from_millis(ms)),
    },
    Key {
        name: "devices.upgrade_timeout_ms",
        default: "10000",
        says: "How long an upgrade from polling to WebSocket may take.",
        form: Number(100, HOUR_MS, |config, ms| config.sessions.engine.upgrade_timeout = Duration::from_millis(ms)),
    },
    Key {
        name: "devices.connect_timeout_ms",
        default: "45000",
        says: "How long a client of Engine.IO 4 may take to join a namespace.",
        form: Number(100, HOUR_MS, |config, ms| config.sessions.connect_timeout = Duration::from_millis(ms)),
    },
    Key {
        name: "devices.max_http_buffer",
        default: "1000000",
        says: "Bytes of one request's body and of one WebSocket message.",
        form: Number(1024, 100 * MEBI, |config, bytes| {
            config.door.max_http_buffer = size(bytes);
            config.sessions.engine.max_payload = size(bytes);
        }),
    },
    Key {
        name: "devices.cors_origins",
        default: "*",
        says: "Origins of pages that may connect; * admits all. It also judges a WebSocket's Origin.",
        form: List(|config, origins| {
            config.door.cors = Cors::echoing(origins);
            Ok(())
        }),
    },
    Key {
        name: "devices.workers",
        default: "0",
        says: "Threads that own the devices' sockets. 0: one for each core.",
        form: Number(0, 64, |config, count| config.workers = size(count)),
    },
    Key {
        name: "devices.max_connections",
        default: "0",
        says: "Connections at once; more are answered 503. 0: the open-file limit less 512.",
        form: Number(0, 100_000_000, |config, count| config.door.max_connections = (count > 0).then(|| size(count))),
    },
    Key {
        name: "devices.trusted_proxies",
        default: "",
        says: "Addresses or networks whose X-Forwarded-For is believed.",
        form: List(|config, networks| {
            let networks: Result<Vec<Network>, _> =
                networks.iter().map(|text| text.parse::<Network>().map_err(|bad| format!("has a bad entry: {bad}"))).collect();
            config.door.trusted_proxies = Proxies(networks?);
            Ok(())
        }),
    },
    Key {
        name: "devices.proxy_tunnels",
        default: "true",
        says: "The trusted proxies pass WebSocket frames through untouched, so that a pong is the client's own.",
        form: Switch(|config, on| config.sessions.proxy_tunnels = on),
    },
    Key {
        name: "devices.proof",
        default: "auto",
        says: "auto: the quickest proof that each client can give; slow: heartbeats only, and none on polling.",
        form: Choice(&["auto", "slow"], |config, choice| config.sessions.slow_proof = choice == 1),
    },
    Key {
        name: "devices.proof_within_ms",
        default: "4000",
        says: "How long after a broadcast a device is asked whether it has it, at the latest.",
        form: Number(0, HOUR_MS, |config, ms| config.sessions.proof_within = Duration::from_millis(ms)),
    },
    Key {
        name: "devices.tls.cert",
        default: "",
        says: "A PEM file with the certificate chain of the devices' door; empty: no TLS. Read again on SIGHUP.",
        form: Text(|config, text| {
            config.devices_tls.cert = (!text.is_empty()).then(|| text.into());
            Ok(())
        }),
    },
    Key {
        name: "devices.tls.key",
        default: "",
        says: "A PEM file with its private key.",
        form: Text(|config, text| {
            config.devices_tls.key = (!text.is_empty()).then(|| text.into());
            Ok(())
        }),
    },
    Key {
        name: "backend.bind",
        default: "127.0.0.1:5001",
        says: "Where the business server calls. Port 0: any. Beyond loopback only once there is a key (tidings key create).",
        form: Text(|config, text| address(text).map(|bind| config.backend = bind)),
    },
    Key {
        name: "backend.sockets",
        default: "",
        says: "Where pages and services publish over Socket.IO, on the namespace /backend; 127.0.0.1:5002 is usual. Empty: nowhere. Beyond loopback only once there is a key (tidings key create).",
        form: Text(|config, text| {
            config.sockets = if text.is_empty() { None } else { Some(address(text)?) };
            Ok(())
        }),
    },
    Key {
        name: "backend.tls.cert",
        default: "",
        says: "A PEM file with the certificate chain of the backend's listeners; empty: no TLS. Read again on SIGHUP.",
        form: Text(|config, text| {
            config.backend_tls.cert = (!text.is_empty()).then(|| text.into());
            Ok(())
        }),
    },
    Key {
        name: "backend.tls.key",
        default: "",
        says: "A PEM file with its private key.",
        form: Text(|config, text| {
            config.backend_tls.key = (!text.is_empty()).then(|| text.into());
            Ok(())
        }),
    },
    Key {
        name: "ice.bind",
        default: "",
        says: "Where the business server calls over ZeroC Ice; 127.0.0.1:10000 is usual. Empty: nowhere. Beyond loopback only once there is a key (tidings key create), and with TLS or ice.allow_plaintext.",
        form: Text(|config, text| {
            config.ice = if text.is_empty() { None } else { Some(address(text)?) };
            Ok(())
        }),
    },
    Key {
        name: "ice.allow_plaintext",
        default: "false",
        says: "The Ice door may be reached from elsewhere without TLS: keys and messages travel in the clear.",
        form: Switch(|config, on| config.ice_plaintext = on),
    },
    Key {
        name: "ice.tls.cert",
        default: "",
        says: "A PEM file with the certificate chain of the Ice door; empty: no TLS. Read again on SIGHUP, as the two files below.",
        form: Text(|config, text| {
            config.ice_tls.files.cert = path(text);
            Ok(())
        }),
    },
    Key {
        name: "ice.tls.key",
        default: "",
        says: "A PEM file with its private key.",
        form: Text(|config, text| {
            config.ice_tls.files.key = path(text);
            Ok(())
        }),
    },
    Key {
        name: "ice.tls.client_ca",
        default: "",
        says: "A PEM file with the certificates of authorities; only clients that show a certificate of one of them get in. Empty: any client.",
        form: Text(|config, text| {
            config.ice_tls.client_ca = path(text);
            Ok(())
        }),
    },
    Key {
        name: "registration.auth",
        default: "none",
        says: "Who may register as whom. none: anyone as anyone; written down, it opens devices.bind beyond loopback. jwt: a JWT names the uid. signed: \
               the uid carries a signature. callback: the business server is asked.",
        form: Choice(&["none", "jwt", "signed", "callback"], |config, choice| {
            config.registration.auth = [Auth::None, Auth::Jwt, Auth::Signed, Auth::Callback][choice];
        }),
    },
    Key {
        name: "registration.jwt.secret_file",
        default: "",
        says: "For HS256: a file with the secret that signs, 32 bytes or more. Read again on SIGHUP, as all these files.",
        form: Text(|config, file| {
            config.registration.jwt_secret_file = path(file);
            Ok(())
        }),
    },
    Key {
        name: "registration.jwt.public_key_file",
        default: "",
        says: "For ES256, RS256 or EdDSA: a public key in PEM.",
        form: Text(|config, file| {
            config.registration.jwt_public_key_file = path(file);
            Ok(())
        }),
    },
    Key {
        name: "registration.jwt.jwks_file",
        default: "",
        says: "A JWK set: keys for any of the algorithms, chosen by a token's alg and kid.",
        form: Text(|config, file| {
            config.registration.jwt_jwks_file = path(file);
            Ok(())
        }),
    },
    Key {
        name: "registration.signed.secret_file",
        default: "",
        says: "For signed uids: a file with the secret, 32 bytes or more.",
        form: Text(|config, file| {
            config.registration.signed_secret_file = path(file);
            Ok(())
        }),
    },
    Key {
        name: "registration.callback.url",
        default: "",
        says: "Where the business server is asked: a POST for each registration, answered 200 or 403 within 5 s.",
        form: Text(|config, text| {
            config.registration.callback_url = if text.is_empty() { None } else { Some(Target::parse(text)?) };
            Ok(())
        }),
    },
    Key {
        name: "legacy.client_publish",
        default: "false",
        says: "Devices may publish: broadcast and p2p, as the tutorial's pages do. Anyone who reaches the devices' listener is then a backend.",
        form: Switch(|config, on| config.client_publish = on),
    },
    Key {
        name: "legacy.p2p_event",
        default: "token",
        says: "The event that carries a direct message to a legacy socket: named by the token, by the uid, or one of each.",
        form: Choice(&["token", "uid", "both"], |config, choice| {
            config.sessions.direct_event = [DirectEvent::Token, DirectEvent::Uid, DirectEvent::Both][choice];
        }),
    },
    Key {
        name: "legacy.listen_delay_ms",
        default: "1000",
        says: "How long a legacy app may take to attach its listener after _register.",
        form: Number(0, 60_000, |config, ms| config.sessions.listen_delay = Duration::from_millis(ms)),
    },
    Key {
        name: "legacy.ttl_s",
        default: "86400",
        says: "How long a message from POST /message is kept for those who are away, in seconds. 0: only who is connected.",
        form: Number(0, 28 * DAY_S, |config, s| config.legacy_ttl_s = u32::try_from(s).unwrap_or(u32::MAX)),
    },
    Key {
        name: "limits.payload",
        default: "4096",
        says: "Bytes of a message's data.",
        form: Number(1, Limits::PAYLOAD_MAX as u64, |config, bytes| config.limits.payload = size(bytes)),
    },
    Key {
        name: "limits.connections_per_address",
        default: "0",
        says: "Devices' connections of one address at once; more are answered 503. A trusted proxy is not counted. 0: no limit.",
        form: Number(0, 1_000_000, |config, count| {
            config.door.connections_per_address = u32::try_from(count).ok().filter(|most| *most > 0);
        }),
    },
    Key {
        name: "limits.mailbox_messages",
        default: "1000",
        says: "Messages kept for one device that is away, the newest.",
        form: Number(1, 1_000_000, |config, count| config.limits.mailbox_messages = size(count)),
    },
    Key {
        name: "limits.mailbox_bytes",
        default: "4194304",
        says: "Their bytes.",
        form: Number(64 << 10, GIBI, |config, bytes| config.limits.mailbox_bytes = size(bytes)),
    },
    Key {
        name: "limits.devices_per_uid",
        default: "20",
        says: "Registrations with a device id of one uid; the oldest makes room.",
        form: Number(1, 1000, |config, count| config.limits.devices_per_uid = size(count)),
    },
    Key {
        name: "limits.topics_per_device",
        default: "100",
        says: "Topics that one registration may be in.",
        form: Number(1, 1000, |config, count| config.limits.topics_per_device = size(count)),
    },
    Key {
        name: "limits.socket_queue_messages",
        default: "256",
        says: "Messages that wait in memory for one slow socket; beyond it, it catches up from its mailbox.",
        form: Number(1, 65_536, |config, count| config.limits.socket_queue_messages = size(count)),
    },
    Key {
        name: "limits.socket_queue_bytes",
        default: "1048576",
        says: "Their bytes.",
        form: Number(64 << 10, GIBI, |config, bytes| config.limits.socket_queue_bytes = size(bytes)),
    },
    Key {
        name: "limits.queue_bytes_total",
        default: "268435456",
        says: "Bytes that wait in memory for all slow sockets together.",
        form: Number(MEBI, 1024 * GIBI, |config, bytes| config.limits.queue_bytes_total = size(bytes)),
    },
    Key {
        name: "limits.sockets_per_uid",
        default: "50",
        says: "Registered sockets of one uid at once; more are refused with quota_exceeded.",
        form: Number(1, 10_000, |config, count| config.limits.sockets_per_uid = size(count)),
    },
    Key {
        name: "limits.registers_per_socket_per_min",
        default: "30",
        says: "Registers of one socket in a minute.",
        form: Number(1, 10_000, |config, count| config.limits.registers_per_socket_per_min = small(count)),
    },
    Key {
        name: "limits.reports_per_socket_per_min",
        default: "60",
        says: "Reports of one socket in a minute.",
        form: Number(1, 10_000, |config, count| config.limits.reports_per_socket_per_min = small(count)),
    },
    Key {
        name: "limits.client_events_per_socket_per_min",
        default: "60",
        says: "Events for the business server (sync.client_events) of one socket in a minute.",
        form: Number(1, 10_000, |config, count| config.limits.client_events_per_socket_per_min = small(count)),
    },
    Key {
        name: "limits.registrations_per_address_per_hour",
        default: "0",
        says: "New registrations from one address in an hour. 0: no limit.",
        form: Number(0, 1_000_000_000, |config, count| config.limits.registrations_per_address_per_hour = small(count)),
    },
    Key {
        name: "limits.api_calls_per_s",
        default: "0",
        says: "Calls for one app in a second; beyond it 429 rate_limited. 0: no limit.",
        form: Number(0, 1_000_000_000, |config, count| config.limits.api_calls_per_s = small(count)),
    },
    Key {
        name: "limits.messages_per_s",
        default: "0",
        says: "Messages that one app may send in a second. 0: no limit.",
        form: Number(0, 1_000_000_000, |config, count| config.limits.messages_per_s = small(count)),
    },
    Key {
        name: "limits.broadcasts_per_hour",
        default: "0",
        says: "Messages to everyone that one app may send in an hour. 0: no limit.",
        form: Number(0, 1_000_000_000, |config, count| config.limits.broadcasts_per_hour = small(count)),
    },
    Key {
        name: "limits.disk_reserve_bytes",
        default: "67108864",
        says: "With less space left on the disk nothing more is accepted (storage_unavailable) until there is more.",
        form: Number(0, 1024 * GIBI, |config, bytes| config.limits.disk_reserve_bytes = bytes),
    },
    Key {
        name: "retention.bodies_s",
        default: "604800",
        says: "How long the log is kept at the least, in seconds. A message that may still be delivered keeps its part for longer.",
        form: Number(DAY_S, 3650 * DAY_S, |config, s| config.limits.retention.bodies_s = s),
    },
    Key {
        name: "retention.events_s",
        default: "604800",
        says: "How far GET /v1/events goes back, in seconds; an older cursor is answered cursor_expired. At most retention.bodies_s.",
        form: Number(60, 3650 * DAY_S, |config, s| config.limits.retention.events_s = s),
    },
    Key {
        name: "retention.receipts_s",
        default: "2419200",
        says: "How long it is kept what became of each message on each device, in seconds.",
        form: Number(DAY_S, 3650 * DAY_S, |config, s| config.limits.retention.receipts_s = s),
    },
    Key {
        name: "sync.client_events",
        default: "",
        says: "Events that apps may emit to the business server, by name; * stands for any characters. GET /v1/events tells them as client.event.",
        form: List(|config, names| {
            let pattern = |name: &String| Pattern::parse(name).map_err(|error| format!("has {name:?}, which {error}"));
            config.sessions.client_events = names.iter().map(pattern).collect::<Result<_, _>>()?;
            Ok(())
        }),
    },
    Key {
        name: "sync.ice_listener",
        default: "",
        says: "The business server's object that is told events over ZeroC Ice, such as pushListener:tcp -h 127.0.0.1 -p 10001. Empty: nobody is.",
        form: Text(|config, text| {
            let bad = |why: BadAddress| format!("is {text:?}, which is no proxy that can be called: {why}");
            config.ice_listener.address = if text.is_empty() { None } else { Some(text.parse().map_err(bad)?) };
            Ok(())
        }),
    },
    Key {
        name: "sync.ice_tls.ca",
        default: "",
        says: "A PEM file with the authorities that sign the certificates of its ssl endpoints, which must name their hosts (SAN).",
        form: Text(|config, text| {
            config.ice_listener.ca = path(text);
            Ok(())
        }),
    },
    Key {
        name: "sync.ice_tls.cert",
        default: "",
        says: "A PEM file with the certificate chain that is shown to it, where it asks for one.",
        form: Text(|config, text| {
            config.ice_listener.cert = path(text);
            Ok(())
        }),
    },
    Key {
        name: "sync.ice_tls.key",
        default: "",
        says: "A PEM file with the private key of that.",
        form: Text(|config, text| {
            config.ice_listener.key = path(text);
            Ok(())
        }),
    },
    Key {
        name: "sync.webhook_allow",
        default: "",
        says: "Where webhooks may go beyond public addresses: addresses, networks (10.0.0.0/8), or names of hosts, whatever their addresses are. Whoever may make a webhook reaches what is listed.",
        form: List(|config, entries| {
            let allowed = Allowed::parse(entries.iter().map(String::as_str));
            config.webhook_allow = allowed.map_err(|why| format!("has a bad entry: {why}"))?;
            Ok(())
        }),
    },
    Key {
        name: "log.level",
        default: "info",
        says: "error, warn, info, debug or trace; also by room, as in info,tidings_store=debug.",
        form: Text(|config, text| {
            EnvFilter::try_new(text)
                .map_err(|_| format!("is {text:?}; it must be error, warn, info, debug or trace, or levels by room"))?;
            config.log.level = text.to_owned();
            Ok(())
        }),
    },
    Key {
        name: "log.format",
        default: "text",
        says: "How lines are written to standard error.",
        form: Choice(&["text", "json"], |config, choice| config.log.format = [Format::Text, Format::Json][choice]),
    },
];

/// Empty: none.
fn path(file: &str) -> Option<PathBuf> {
    (!file.is_empty()).then(|| file.into())
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let named = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let literal = named.as_deref().unwrap_or(text);
    literal.parse().map_err(|_| format!("is {text:?}; it must be an address with a port, like 127.0.0.1:5000 or [::1]:0"))
}

/// A checked number as a size.
fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
