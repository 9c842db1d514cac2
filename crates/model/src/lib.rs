//! The words of the house, as plain types: what is stored, asked, answered and told.
//!
//! Nothing here does I/O, reads a clock or knows an encoding: doors own their JSON, the store its bytes.
//! One word has one meaning; docs/GLOSSARY.md lists them.

mod answer;
mod claim;
mod code;
mod event;
mod fact;
mod feed;
mod ids;
mod limits;
mod mailbox;
mod message;
mod names;
mod network;
mod position;
mod proof;
mod request;
mod sink;
mod spelling;
mod tenancy;
mod time;

pub use answer::{Accepted, Answer, Attached, Connected, Counted, Invalid};
pub use claim::{Claim, Secret, Verdict};
pub use code::{Code, Refusal};
pub use event::{Event, EventId, EventType, Told, What, Who};
pub use fact::{
    ClientEvent, DirectProof, Disconnected, Ended, Erased, Fact, Ghost, Overflowed, Presence, Proven, Published, Recalled, Registered,
    Replaced, Reported, Started, Subscribed, Unregistered, Why,
};
pub use feed::{Batch, Entry, FeedItem};
pub use ids::{AppNo, Dev, Print, RegNo, SocketId, TopicNo, UserNo, worker_of};
pub use limits::{Limits, Retention};
pub use mailbox::{BroadcastQuery, MailboxQuery, Page, Stored};
pub use message::{Body, Content, Draft, Idempotency, Lifetime, MessageId, Strictness, Target, Targets};
pub use names::{AppName, CollapseKey, DeviceId, EventName, NameError, Token, TopicName, Uid};
pub use network::{BadNetwork, Network};
pub use position::{Millis, Position};
pub use proof::{End, Proof, State};
pub use request::{Adopt, Leave, Named, Proofs, Recall, Register, Report, Request, Subscribe, Subscribers};
pub use sink::{
    Gap, NewSink, Sink, SinkChange, SinkConf, SinkError, SinkId, SinkMove, SinkMoved, SinkNo, SinkSecret, SinkState, Sinks, Standing,
    Tracked, Webhook,
};
pub use spelling::{distance, nearest};
pub use tenancy::{Administer, ApiKey, App, AppChange, Directory, KeyChange, KeyId, NewApp, NewKey, Scope, Scopes, SecretHash};

#[cfg(test)]
mod tests;
