//! Users and their devices: who they are is read from the views, who is connected the writer says.

use tidings_model::{Answer, AppNo, Code, Connected, Millis, Named, Refusal, Request, Token, Uid};
use tidings_store::{Depth, Lane, ReadError, Registration, Store, TokenNames, UsersQuery};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::{Executor, Running};

/// Why nothing is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskError {
    Refused(Refusal),
    /// For the log, not for the caller.
    Broken(String),
}

impl From<Refusal> for AskError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A user, as far as he is known.
#[derive(Clone, Debug)]
pub struct User {
    pub uid: Uid,
    /// Somebody has registered as him, and he was not erased since.
    pub is_known: bool,
    pub devices: Vec<Device>,
}

/// A registration, and who is connected to it.
#[derive(Clone, Debug)]
pub struct Device {
    pub registration: Registration,
    pub connected: Connected,
    /// Log time: now for who is connected, else the last sign of it.
    pub last_seen: Millis,
}

impl User {
    pub fn is_online(&self) -> bool {
        self.devices.iter().any(Device::is_online)
    }

    pub fn last_seen(&self) -> Option<Millis> {
        self.devices.iter().map(|device| device.last_seen).max()
    }
}

impl Device {
    pub fn is_online(&self) -> bool {
        self.connected.sockets > 0
    }
}

impl Executor {
    /// One user with his living registrations.
    pub async fn user(&self, named: Named) -> Result<User, AskError> {
        let query = UsersQuery { app: named.app, uids: vec![named.uid], depth: Depth::Measured };
        let users = self.users(query).await?;
        users.into_iter().find(|user| user.is_known).ok_or_else(|| unknown_user().into())
    }

    /// The users of a query, in its order; who is not known among them.
    pub async fn users(&self, query: UsersQuery) -> Result<Vec<User>, AskError> {
        let uids = query.uids.clone();
        let found = self.read(move |store| store.users(&query)).await?;
        let regs = found.iter().flatten().flatten().map(|registration| registration.reg).collect();
        let mut connected = self.connected(regs).await?.into_iter();
        let now = self.0.store.now();
        let mut users = Vec::with_capacity(uids.len());
        for (uid, registrations) in uids.into_iter().zip(found) {
            let is_known = registrations.is_some();
            let with_socket = |registration| device(registration, connected.next().unwrap_or_default(), now);
            users.push(User { uid, is_known, devices: registrations.into_iter().flatten().map(with_socket).collect() });
        }
        Ok(users)
    }

    /// What a token of `app` names.
    pub async fn device(&self, app: AppNo, token: Token) -> Result<Device, AskError> {
        match self.read(move |store| store.token(app, &token)).await? {
            TokenNames::Living(registration) => {
                let connected = self.connected(vec![registration.reg]).await?.pop().unwrap_or_default();
                Ok(device(registration, connected, self.0.store.now()))
            }
            TokenNames::Ended => Err(Refusal::new(Code::TokenUnregistered, "the registration of this token has ended").into()),
            TokenNames::Nothing => Err(Refusal::new(Code::NotFound, "no registration has this token").field("token").into()),
        }
    }

    /// Closes a user's sockets, which may come back; how many there were.
    pub async fn disconnect(&self, _running: Running, named: Named) -> Result<u32, AskError> {
        match self.question(Request::Disconnect(named)).await? {
            Answer::Closed(sockets) => Ok(sockets),
            other => Err(unfit(&other)),
        }
    }

    /// From now on nobody reads of the user or sends to him.
    pub async fn erase(&self, _running: Running, named: Named) -> Result<(), AskError> {
        match self.question(Request::Erase(named)).await? {
            Answer::Done => Ok(()),
            other => Err(unfit(&other)),
        }
    }

    pub(super) async fn connected(&self, regs: Vec<tidings_model::RegNo>) -> Result<Vec<Connected>, AskError> {
        if regs.is_empty() {
            return Ok(Vec::new());
        }
        match self.question(Request::Connected(regs)).await? {
            Answer::Connected(connected) => Ok(connected),
            other => Err(unfit(&other)),
        }
    }

    pub(super) async fn question(&self, request: Request) -> Result<Answer, AskError> {
        let (sender, answer) = oneshot::channel();
        let reply = Box::new(move |answer| drop(sender.send(answer)));
        self.0.store.ask(Lane::Backends, request, reply).map_err(|_| super::publish::overloaded())?;
        match answer.await {
            Ok(Answer::Refused(refusal)) => Err(refusal.into()),
            Ok(answer) => Ok(answer),
            Err(_) => Err(Refusal::new(Code::OutcomeUnknown, "the store ended before it answered; ask again").into()),
        }
    }

    /// Reads what blocks, in its turn.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, AskError> {
        let broken = |cause: &dyn std::fmt::Display| AskError::Broken(cause.to_string());
        let _turn = self.0.reads.acquire().await.map_err(|closed| broken(&closed))?;
        let store = self.0.store.clone();
        spawn_blocking(move || read(&store)).await.map_err(|panic| broken(&panic))?.map_err(|error| broken(&error))
    }
}

fn device(registration: Registration, connected: Connected, now: Millis) -> Device {
    let seen = registration.seen.max(connected.left.unwrap_or_default());
    Device { last_seen: if connected.sockets > 0 { now } else { seen }, registration, connected }
}

pub(super) fn unfit(answer: &Answer) -> AskError {
    AskError::Broken(format!("the store answered something else: {answer:?}"))
}

pub(super) fn unknown_user() -> Refusal {
    Refusal::new(Code::NotFound, "nobody has registered as this uid").field("uid")
}
