//! The backend doors: the executor, which has each verb once, and its faces, which only translate.
//!
//! A face decides nothing: it reads a shape, asks the executor and writes the answer. Nothing here knows a device's
//! socket, `delivery` or SQL; what was accepted reaches the devices through the log alone.

mod calls;
mod door;
mod drain;
mod error;
mod executor;
mod exposed;
mod http;
mod ice;
mod openapi;
mod page_events;

pub use calls::Calls;
pub use door::{Backend, Config, StartError};
pub use error::status;
pub use executor::{
    Allowance, AppEdit, AskError, Caller, Credential, Device, EventsError, Executor, FollowError, Following, Given, Hooked, KeyEdit,
    KeyWish, Knock, Needs, Pending, Receipt, Replay, ReplayError, Running, StandingKey, Told, User, Waited, WebhookEdit, WebhookWish,
};
pub use exposed::Exposed;
pub use http::demo::Demo;
pub use http::keyless_admits;
pub use http::metrics::Metrics;
pub use http::routes::{ROUTES, Route};
pub use ice::{IceConfig, IceDoor, IceNumbers, IceWatch, StartError as IceStartError};
pub use openapi::openapi;
pub use page_events::{Declined, PageEvent, PageEvents};
