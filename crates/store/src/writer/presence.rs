//! Who is connected: exact at each register and close, in memory only; and what the business server is told of it, later.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use tidings_model::{AppNo, Connected, Dev, Millis, Presence as Told, RegNo, SocketId, TopicNo, UserNo};

use super::ghosts;

/// A registration without a socket for this long is told offline.
const AWAY_MS: u64 = 5_000;
/// Who was told online before the start, and is not back after this, is told offline.
const RETURN_MS: u64 = 60_000;
/// Registrations in one fact.
const FACT_REGS: usize = 4096;

#[derive(Default)]
pub(super) struct Presence {
    regs: HashMap<RegNo, Sockets>,
    of: HashMap<SocketId, RegNo>,
    users: HashMap<UserNo, usize>,
    /// Devices with a socket, by app.
    devices: BTreeMap<AppNo, u32>,
    /// The same by topic, of those that somebody connected is in.
    in_topics: HashMap<TopicNo, u32>,
    /// When a device's socket ended.
    left: HashMap<Dev, Millis>,
    pruned: Millis,
    told: HashSet<RegNo>,
    come: BTreeSet<RegNo>,
    gone: HashMap<RegNo, Away>,
    due: BTreeSet<(Millis, RegNo)>,
    turn: u64,
}

struct Sockets {
    app: AppNo,
    user: UserNo,
    /// When the first of them came.
    since: Millis,
    /// What it is in.
    topics: Vec<TopicNo>,
    all: Vec<Attached>,
}

#[derive(Clone, Copy)]
struct Attached {
    socket: SocketId,
    /// None: an extra.
    dev: Option<Dev>,
    turn: u64,
}

#[derive(Clone, Copy)]
struct Away {
    due: Millis,
    seen: Millis,
}

/// Whose a socket is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub app: AppNo,
    pub user: UserNo,
    pub reg: RegNo,
    /// What the registration is in.
    pub topics: Vec<TopicNo>,
}

/// One attach, as it may be taken back.
pub(super) struct Attachment {
    place: Place,
    socket: SocketId,
    dev: Option<Dev>,
    displaced: Option<SocketId>,
    /// An extra that was one before.
    was_extra: bool,
}

/// A registration that ended while it was told online, or was to be.
pub(super) struct Ended {
    reg: RegNo,
    told: bool,
    come: bool,
    gone: Option<Away>,
    /// Sockets that served its devices.
    served: Vec<(SocketId, Dev)>,
}

impl Presence {
    /// `seen`: log time of the last fact before the start.
    pub(super) fn new(online: Vec<RegNo>, seen: Millis, now: Millis) -> Self {
        let mut new = Self::default();
        let due = Millis(now.0.max(seen.0) + RETURN_MS);
        for reg in online {
            new.told.insert(reg);
            new.away(reg, Away { due, seen });
        }
        new
    }

    pub(super) fn sockets(&self) -> u64 {
        self.of.len() as u64
    }

    /// Devices of `app` that have a socket.
    pub(super) fn devices(&self, app: AppNo) -> u32 {
        self.devices.get(&app).copied().unwrap_or(0)
    }

    /// Devices in `topic` that have a socket.
    pub(super) fn devices_in(&self, topic: TopicNo) -> u32 {
        self.in_topics.get(&topic).copied().unwrap_or(0)
    }

    pub(super) fn sockets_of(&self, user: UserNo) -> usize {
        self.users.get(&user).copied().unwrap_or(0)
    }

    pub(super) fn reg_of(&self, socket: SocketId) -> Option<RegNo> {
        self.of.get(&socket).copied()
    }

    /// The device that this socket of the registration serves.
    pub(super) fn dev_of(&self, reg: RegNo, socket: SocketId) -> Option<Dev> {
        self.regs.get(&reg)?.all.iter().find(|attached| attached.socket == socket)?.dev
    }

    /// The socket that serves a device, and its turn: lower ones came earlier.
    pub(super) fn serving(&self, reg: RegNo, dev: Dev) -> Option<(SocketId, u64)> {
        let attached = self.regs.get(&reg)?.all.iter().find(|attached| attached.dev == Some(dev))?;
        Some((attached.socket, attached.turn))
    }

    pub(super) fn is_online(&self, reg: RegNo) -> bool {
        self.regs.contains_key(&reg)
    }

    pub(super) fn sockets_at(&self, reg: RegNo) -> usize {
        self.regs.get(&reg).map_or(0, |sockets| sockets.all.len())
    }

    /// None: nobody is.
    pub(super) fn connected(&self, reg: RegNo) -> Option<Connected> {
        let Sockets { since, all, .. } = self.regs.get(&reg)?;
        let sockets = u32::try_from(all.len()).unwrap_or(u32::MAX);
        Some(Connected { sockets, since: Some(*since), devs: all.iter().filter_map(|attached| attached.dev).collect(), left: None })
    }

    /// When the device's socket ended, if this process has seen it.
    pub(super) fn left(&self, dev: Dev) -> Option<Millis> {
        self.left.get(&dev).copied()
    }

    /// A socket serves a device from now on (None: an extra); the one that did becomes an extra.
    pub(super) fn attach(&mut self, place: Place, socket: SocketId, dev: Option<Dev>, now: Millis) -> Attachment {
        self.turn += 1;
        let turn = self.turn;
        let sockets = self.regs.entry(place.reg).or_insert_with(|| Sockets {
            app: place.app,
            user: place.user,
            since: now,
            topics: place.topics.clone(),
            all: Vec::new(),
        });
        let displaced = dev.and_then(|dev| sockets.all.iter_mut().find(|attached| attached.dev == Some(dev)));
        let displaced = displaced.map(|attached| {
            attached.dev = None;
            attached.socket
        });
        let was_extra = match sockets.all.iter_mut().find(|attached| attached.socket == socket) {
            Some(attached) => {
                attached.dev = dev;
                true
            }
            None => {
                sockets.all.push(Attached { socket, dev, turn });
                false
            }
        };
        if !was_extra {
            self.of.insert(socket, place.reg);
            *self.users.entry(place.user).or_default() += 1;
        }
        if let Some(dev) = dev {
            if displaced.is_none() {
                self.serve_more(place.reg);
            }
            self.left.remove(&dev);
        }
        self.came(place.reg);
        Attachment { place, socket, dev, displaced, was_extra }
    }

    fn came(&mut self, reg: RegNo) {
        if let Some(away) = self.gone.remove(&reg) {
            self.due.remove(&(away.due, reg));
        }
        if !self.told.contains(&reg) {
            self.come.insert(reg);
        }
    }

    /// A socket closed, or belongs to somebody else now.
    pub(super) fn leave(&mut self, reg: RegNo, socket: SocketId, now: Millis) {
        let Some(sockets) = self.regs.get_mut(&reg) else { return };
        let Some(index) = sockets.all.iter().position(|attached| attached.socket == socket) else { return };
        let Attached { dev, .. } = sockets.all.remove(index);
        let (user, empty) = (sockets.user, sockets.all.is_empty());
        self.of.remove(&socket);
        if let Some(count) = self.users.get_mut(&user) {
            *count -= 1;
            if *count == 0 {
                self.users.remove(&user);
            }
        }
        if let Some(dev) = dev {
            self.serve_less(reg);
            self.left.insert(dev, now);
            self.prune(now);
        }
        if empty {
            self.regs.remove(&reg);
            self.went(reg, now);
        }
    }

    /// What was seen longer ago than ghosts are told apart by is known well enough from facts.
    fn prune(&mut self, now: Millis) {
        if self.left.len() > 10_000 + self.of.len() && now.0 >= self.pruned.0 + ghosts::RECENT_MS {
            self.left.retain(|_, left| left.0 + ghosts::RECENT_MS > now.0);
            self.pruned = now;
        }
    }

    /// One of its devices has a socket more.
    fn serve_more(&mut self, reg: RegNo) {
        let Some(Sockets { app, topics, .. }) = self.regs.get(&reg) else { return };
        *self.devices.entry(*app).or_default() += 1;
        topics.iter().for_each(|topic| *self.in_topics.entry(*topic).or_default() += 1);
    }

    fn serve_less(&mut self, reg: RegNo) {
        let Some(Sockets { app, topics, .. }) = self.regs.get(&reg) else { return };
        let devices = self.devices.entry(*app).or_default();
        *devices = devices.saturating_sub(1);
        topics.iter().for_each(|topic| drop_some(&mut self.in_topics, *topic, 1));
    }

    /// Registrations come into a topic, or leave it.
    pub(super) fn subscribe(&mut self, regs: &[RegNo], topic: TopicNo, on: bool) {
        for reg in regs {
            let Some(Sockets { topics, all, .. }) = self.regs.get_mut(reg) else { continue };
            if topics.contains(&topic) == on {
                continue;
            }
            let serving = all.iter().filter(|attached| attached.dev.is_some()).count() as u32;
            if on {
                topics.push(topic);
                *self.in_topics.entry(topic).or_default() += serving;
            } else {
                topics.retain(|other| *other != topic);
                drop_some(&mut self.in_topics, topic, serving);
            }
        }
    }

    fn went(&mut self, reg: RegNo, now: Millis) {
        self.come.remove(&reg);
        if self.told.contains(&reg) {
            self.away(reg, Away { due: Millis(now.0 + AWAY_MS), seen: now });
        }
    }

    fn away(&mut self, reg: RegNo, away: Away) {
        self.gone.insert(reg, away);
        self.due.insert((away.due, reg));
    }

    pub(super) fn undo_attach(&mut self, undo: &Attachment, now: Millis) {
        let Attachment { place, socket, dev, displaced, was_extra } = undo;
        // It may have left in between.
        let Some(sockets) = self.regs.get_mut(&place.reg) else { return };
        let Some(attached) = sockets.all.iter_mut().find(|attached| attached.socket == *socket) else { return };
        let served = dev.is_some() && attached.dev == *dev;
        if served {
            attached.dev = None;
        }
        let back = displaced
            .filter(|_| served)
            .and_then(|old| sockets.all.iter_mut().find(|attached| attached.socket == old && attached.dev.is_none()));
        match back {
            Some(old) => old.dev = *dev,
            None if served => self.serve_less(place.reg),
            None => {}
        }
        if !was_extra {
            self.leave(place.reg, *socket, now);
        }
    }

    /// What is to be told at `now`, at most one fact's worth; it counts as told.
    pub(super) fn due(&mut self, now: Millis) -> Option<Told> {
        let mut told = Told { on: Vec::new(), off: Vec::new() };
        while told.on.len() < FACT_REGS {
            let Some(reg) = self.come.pop_first() else { break };
            self.told.insert(reg);
            told.on.push(reg);
        }
        while told.off.len() < FACT_REGS {
            let Some((_, reg)) = self.due.first().copied().filter(|(due, _)| *due <= now) else { break };
            self.due.pop_first();
            self.told.remove(&reg);
            if let Some(away) = self.gone.remove(&reg) {
                told.off.push((reg, away.seen));
            }
        }
        (!told.on.is_empty() || !told.off.is_empty()).then_some(told)
    }

    /// What was told has not become a fact: it is to be told again, as far as it still holds.
    pub(super) fn undo_told(&mut self, told: &Told, now: Millis) {
        for reg in &told.on {
            self.told.remove(reg);
            self.gone.remove(reg).inspect(|away| {
                self.due.remove(&(away.due, *reg));
            });
            if self.regs.contains_key(reg) {
                self.come.insert(*reg);
            }
        }
        for (reg, seen) in &told.off {
            self.told.insert(*reg);
            self.come.remove(reg);
            if !self.regs.contains_key(reg) {
                self.away(*reg, Away { due: now, seen: *seen });
            }
        }
    }

    pub(super) fn next_due(&self) -> Option<Millis> {
        if !self.come.is_empty() {
            return Some(Millis(0));
        }
        self.due.first().map(|(due, _)| *due)
    }

    /// The registration ended, which is told in another way; its sockets serve no device any more.
    pub(super) fn end(&mut self, reg: RegNo) -> Ended {
        let gone = self.gone.remove(&reg).inspect(|away| {
            self.due.remove(&(away.due, reg));
        });
        let mut served = Vec::new();
        if let Some(sockets) = self.regs.get_mut(&reg) {
            served.extend(sockets.all.iter_mut().filter_map(|attached| Some((attached.socket, attached.dev.take()?))));
            served.iter().for_each(|_| self.serve_less(reg));
        }
        Ended { reg, told: self.told.remove(&reg), come: self.come.remove(&reg), gone, served }
    }

    pub(super) fn undo_end(&mut self, ended: Ended, now: Millis) {
        let Ended { reg, told, come, gone, served } = ended;
        self.serve_again(reg, &served);
        let online = self.regs.contains_key(&reg);
        if told {
            self.told.insert(reg);
        }
        if come && online {
            self.come.insert(reg);
        }
        if told && !online {
            self.away(reg, gone.unwrap_or(Away { due: Millis(now.0 + AWAY_MS), seen: now }));
        }
    }

    fn serve_again(&mut self, reg: RegNo, served: &[(SocketId, Dev)]) {
        for (socket, dev) in served {
            let Some(sockets) = self.regs.get_mut(&reg) else { return };
            // It may have left in between.
            if let Some(attached) = sockets.all.iter_mut().find(|attached| attached.socket == *socket) {
                attached.dev = Some(*dev);
                self.serve_more(reg);
            }
        }
    }
}

/// Nobody left is not kept.
fn drop_some(counts: &mut HashMap<TopicNo, u32>, topic: TopicNo, by: u32) {
    if let Some(count) = counts.get_mut(&topic) {
        *count = count.saturating_sub(by);
        if *count == 0 {
            counts.remove(&topic);
        }
    }
}
