//! Dense numbers that the writer gives, and what tells sockets and phones apart.

/// An app (a tenant). 0 is the default app `/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppNo(pub u32);

impl AppNo {
    pub const DEFAULT: Self = Self(0);
}

/// A user: one uid of one app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserNo(pub u32);

/// A registration: what one token names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegNo(pub u32);

/// A topic of an app: what a name means there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicNo(pub u32);

/// A device: one installation with a cursor of its own, or one ghost of a legacy registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dev(pub u32);

/// One registered socket of this process: worker in the high 16 bits, a counter below. Never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u64);

/// A phone's fingerprint: Engine.IO revision and User-Agent without digits, hashed. Tells ghosts apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Print(pub u64);

/// The worker that a registration lives on: all its sockets meet there, so detach, merge and attach need no lock.
/// FNV-1a over app and uid: equal in every process, as doors, store and simulator must agree.
pub fn worker_of(app: AppNo, uid: &crate::Uid, workers: usize) -> usize {
    let bytes = app.0.to_le_bytes().into_iter().chain(uid.as_str().bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    // The low bits of FNV are weak for short keys; the fold mixes the high half in.
    ((hash >> 32 ^ hash) % workers.max(1) as u64) as usize
}
