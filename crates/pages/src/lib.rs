//! Page events, `broadcast` and `p2p`: what a page or a service of the business emits over Socket.IO to publish.
//!
//! Two doors let them in: the namespace `/backend` of the backend's own Socket.IO listener, which is the devices' gateway with
//! another house behind it, and the devices' door where `legacy.client_publish` allows it. Both only carry: what may be
//! published, and whom it reaches, `api` decides. Nothing here knows a device, a mailbox or the store.

mod access;
mod devices;
mod door;
mod house;
mod talk;

pub use devices::Publishing;
pub use door::{Config, SocketDoor, StartError, start};
