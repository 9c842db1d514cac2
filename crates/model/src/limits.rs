//! Every product limit, in one place (the wires' own limits stand with the wires).

/// Configured limits and their defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message's `data`.
    pub payload: usize,
    /// A device's mailbox: the newest are kept, cut when the device reads.
    pub mailbox_messages: usize,
    pub mailbox_bytes: usize,
    /// Registrations with a device id of one uid; the oldest is evicted. Ghosts do not count.
    pub devices_per_uid: usize,
    /// Topics that one registration is in.
    pub topics_per_device: usize,
    /// Registered sockets of one uid at once; beyond it `quota_exceeded`.
    pub sockets_per_uid: usize,
    pub registers_per_socket_per_min: u32,
    pub reports_per_socket_per_min: u32,
    pub client_events_per_socket_per_min: u32,
    /// New registrations of one address in an hour; 0: off.
    pub registrations_per_address_per_hour: u32,
    /// What may wait in memory for one socket, and for the whole node; beyond it the socket is behind.
    pub socket_queue_messages: usize,
    pub socket_queue_bytes: usize,
    pub queue_bytes_total: usize,
    /// Of each app; 0: off.
    pub api_calls_per_s: u32,
    pub messages_per_s: u32,
    pub broadcasts_per_hour: u32,
    /// Callers that wait until a device has their message; one more is answered at once.
    pub waiting_callers: usize,
    /// Below this much free space the store is read-only.
    pub disk_reserve_bytes: u64,
    pub retention: Retention,
}

/// How long things are kept at the least, in seconds of log time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Segments of the log; a message that may still be asked for keeps its own for longer.
    pub bodies_s: u64,
    /// What `GET /v1/events` goes back to; at most `bodies_s`.
    pub events_s: u64,
    /// What is known of one message on one device.
    pub receipts_s: u64,
}

impl Default for Retention {
    fn default() -> Self {
        const DAY_S: u64 = 24 * 3600;
        Self { bodies_s: 7 * DAY_S, events_s: 7 * DAY_S, receipts_s: 28 * DAY_S }
    }
}

impl Limits {
    /// The most that `payload` may be set to.
    pub const PAYLOAD_MAX: usize = 64 * 1024;
    /// Implicit devices of one legacy registration.
    pub const GHOSTS: usize = 4;
    /// Bytes of a report's `status`.
    pub const STATUS_BYTES: usize = 1024;
    /// The lifetime of a message, where its sender says nothing, and the longest.
    pub const TTL_S: u32 = 86_400;
    pub const TTL_MAX_S: u32 = 28 * 86_400;
    /// Uids or tokens of one message.
    pub const TARGETS: usize = 1000;
    /// Arguments of a message that is sent as `args`.
    pub const ARGS: usize = 16;
    /// Characters of a message's `label`, bytes of its `meta`.
    pub const LABEL_CHARS: usize = 100;
    pub const META_BYTES: usize = 1024;
    /// Messages of one `:batch`.
    pub const BATCH: usize = 500;
    /// The longest that a caller may wait until a device has its message.
    pub const WAIT_S: u64 = 60;
    /// How long an idempotency key is kept.
    pub const IDEMPOTENCY_S: u64 = 24 * 3600;
    /// Apps, and keys of all of them.
    pub const APPS: usize = 1000;
    pub const KEYS: usize = 10_000;
    /// Sinks of one app, and of all.
    pub const SINKS_PER_APP: usize = 20;
    pub const SINKS: usize = 1000;
    /// Events that a sink parks; one more pauses it.
    pub const PARKED: usize = 1000;
    /// Bytes kept of why a sink's last try failed.
    pub const SINK_ERROR_BYTES: usize = 300;
    /// Attachments of one binary event.
    pub const ATTACHMENTS: usize = 10;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload: 4096,
            mailbox_messages: 1000,
            mailbox_bytes: 4 << 20,
            devices_per_uid: 20,
            topics_per_device: 100,
            sockets_per_uid: 50,
            registers_per_socket_per_min: 30,
            reports_per_socket_per_min: 60,
            client_events_per_socket_per_min: 60,
            registrations_per_address_per_hour: 0,
            socket_queue_messages: 256,
            socket_queue_bytes: 1 << 20,
            queue_bytes_total: 256 << 20,
            api_calls_per_s: 0,
            messages_per_s: 0,
            broadcasts_per_hour: 0,
            waiting_callers: 1000,
            disk_reserve_bytes: 64 << 20,
            retention: Retention::default(),
        }
    }
}
