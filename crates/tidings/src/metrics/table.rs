//! Name, kind, meaning, source: every metric once.

use super::{Kind, Metric};

macro_rules! metrics {
    ($($name:literal $kind:ident $says:literal $read:expr;)*) => {
        pub(crate) const METRICS: &[Metric] = &[$(Metric { name: $name, kind: Kind::$kind, says: $says, read: $read },)*];
    };
}

metrics! {
    "tidings_connections" Gauge "Open connections of the devices' door" |now| now.doors.connections;
    "tidings_connections_accepted" Counter "Connections accepted" |now| now.doors.accepted;
    "tidings_connections_refused" Counter "Connections answered 503 because too many were open" |now| now.doors.refused;
    "tidings_accept_pauses" Counter "Times that accepting paused for want of file descriptors" |now| now.doors.pauses;
    "tidings_requests" Counter "HTTP requests of devices" |now| now.doors.requests;
    "tidings_messages_received" Counter "WebSocket messages and control frames from devices" |now| now.doors.messages;
    "tidings_writes" Counter "Writes to WebSockets" |now| now.doors.writes;
    "tidings_writes_blocked" Counter "Writes that the kernel did not take whole: slow readers" |now| now.doors.blocked;
    "tidings_sockets_overrun" Counter "Sockets closed because what waited for the kernel outgrew its bound" |now| now.doors.overrun;
    "tidings_bytes_received" Counter "Bytes from devices" |now| now.doors.bytes_in;
    "tidings_bytes_sent" Counter "Bytes to devices" |now| now.doors.bytes_out;
    "tidings_sockets" Gauge "Engine.IO sessions" |now| now.sessions.sessions;
    "tidings_registered_sockets" Gauge "Sockets that belong to a registration" |now| now.sessions.sessions.saturating_sub(now.sessions.unregistered);
    "tidings_unregistered_sockets" Gauge "Sockets that nobody has registered: they get broadcasts only (an old app that reconnected without registering; see MIGRATION.md)" |now| now.sessions.unregistered;
    "tidings_registers" Counter "Sockets that were registered" |now| now.sessions.registered;
    "tidings_registers_refused" Counter "Registers that were refused" |now| now.sessions.refused_registers;
    "tidings_copied_device_ids" Counter "Device ids that two phones seem to share" |now| now.sessions.copied_ids;
    "tidings_sockets_displaced" Counter "Sockets that lost their device to a newer socket" |now| now.sessions.displaced;
    "tidings_mail_windows" Counter "Windows of mail read for sockets that had missed it or had fallen behind" |now| now.sessions.windows;
    "tidings_replays_repeated" Counter "Replays begun anew, as nobody knew whether the app had heard them" |now| now.sessions.restarts;
    "tidings_sockets_moved" Counter "Sockets that went to their registration's worker" |now| now.sessions.moves;
    "tidings_broadcasts_walked" Counter "Broadcasts and messages to topics carried to sockets, counted per worker" |now| now.sessions.broadcasts_written;
    "tidings_directs_walked" Counter "Direct messages carried to sockets, counted per worker" |now| now.sessions.directs_written;
    "tidings_proofs" Counter "Cursors that a proof has moved" |now| now.sessions.proofs;
    "tidings_ignored_page_events" Counter "Page events of devices that may not send any, and asked for no ack" |now| now.sessions.ignored_page_events;
    "tidings_client_events" Counter "Events that apps emitted for the business server" |now| now.sessions.client_events;
    "tidings_log_batches" Counter "Durable appends: one disk sync each" |now| now.log.batches;
    "tidings_log_records" Counter "Records appended" |now| now.log.records;
    "tidings_log_facts" Counter "Facts appended" |now| now.log.facts;
    "tidings_log_append_failures" Counter "Appends that failed: a full or broken disk" |now| now.log.failed_appends;
    "tidings_log_undurable_facts" Gauge "Facts decided and not yet durable" |now| now.log.undurable;
    "tidings_store_read_only" Gauge "1 while the store takes nothing, because the disk is full" |now| u64::from(now.read_only);
    "tidings_views_merges" Counter "Transactions of the views" |now| now.log.merges;
    "tidings_views_facts" Counter "Facts that the views have seen" |now| now.log.merged_facts;
    "tidings_snapshots" Counter "Snapshots of the views made and checked: one a day" |now| now.log.snapshots;
    "tidings_snapshots_failed" Counter "Snapshots that could not be made; without them the log is not trimmed" |now| now.log.failed_snapshots;
    "tidings_log_segments_removed" Counter "Segments that left the log" |now| now.log.removed_segments;
    "tidings_store_refusals" Counter "Requests that the writer refused" |now| now.log.refused;
    "tidings_mailbox_pages" Counter "Pages of mailboxes and broadcasts read" |now| now.log.pages;
    "tidings_api_calls" Counter "Calls of the backend's listener" |now| now.calls.answered;
    "tidings_api_refusals" Counter "... answered with a 4xx" |now| now.calls.refused;
    "tidings_api_failures" Counter "... answered with a 5xx" |now| now.calls.failed;
    "tidings_api_microseconds" Counter "Time from a call's head to its answer's head, summed; waits on purpose included" |now| now.calls.micros;
    "tidings_event_followers" Gauge "Callers that follow /v1/events as a stream" |now| now.followers;
    "tidings_ice_connections" Gauge "Open connections of the Ice listener" |now| now.ice.connections;
    "tidings_ice_connections_accepted" Counter "Ice connections accepted" |now| now.ice.accepted;
    "tidings_ice_connections_refused" Counter "Ice connections closed as they came, because too many were open" |now| now.ice.refused;
    "tidings_ice_calls" Counter "Calls of the Ice listener" |now| now.ice.calls.answered;
    "tidings_ice_refusals" Counter "... answered with an exception of the contract, or not understood" |now| now.ice.calls.refused;
    "tidings_ice_failures" Counter "... that broke: status 7" |now| now.ice.calls.failed;
    "tidings_ice_microseconds" Counter "Time from an Ice call to its answer, summed" |now| now.ice.calls.micros;
    "process_resident_memory_bytes" Gauge "Resident memory" |now| now.process.resident_bytes;
    "process_open_fds" Gauge "Open file descriptors" |now| now.process.open_files;
    "process_max_fds" Gauge "The limit of open file descriptors" |now| now.process.open_files_max;
    "process_start_time_seconds" Gauge "When the process started, in Unix time" |now| now.process.started;
}
