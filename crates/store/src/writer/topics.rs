//! Who is in a topic: a user with all that he has registered and will, or one registration alone. The last word counts.

use std::collections::BTreeSet;

use tidings_model::{Answer, AppNo, Code, Fact, Refusal, RegNo, Subscribe, Subscribed, Subscribers, Token, TopicNo, Uid, UserNo};

use super::batch::Undo;
use super::layers::Rests;
use super::{Beneath, Writer};
use crate::ReadError;
use crate::views::Rows;

/// What a user or a registration takes in a fact, at most, and the fact around them without the topic's name.
const NUMBER_BYTES: usize = 5;
const FACT_BYTES: usize = 32;

/// A topic as it is, or as it will be.
struct Meant {
    topic: TopicNo,
    is_new: bool,
    on: bool,
}

/// Who changes.
#[derive(Default)]
struct Change {
    users: BTreeSet<UserNo>,
    regs: BTreeSet<RegNo>,
    concerns: u64,
}

/// Devices that are in it now, or have left it; or why nothing of this value changes.
type Each = Result<u32, Refusal>;

impl<B: Beneath, T> Writer<B, T> {
    pub(super) fn subscribe(&mut self, ask: &Subscribe) -> Result<Answer, ReadError> {
        if let Err(refusal) = self.serving(ask.app) {
            return Ok(Answer::Refused(refusal));
        }
        let found = self.layers.topic_no(ask.app, &ask.topic)?;
        let topic = found.unwrap_or(TopicNo(self.layers.numbers().topic));
        let meant = Meant { topic, is_new: found.is_none(), on: ask.on };
        let mut change = Change::default();
        let mut each = Vec::new();
        match &ask.who {
            Subscribers::Uids(uids) => {
                for uid in uids {
                    each.push(self.subscribe_user(ask.app, uid, &meant, &mut change)?);
                }
            }
            Subscribers::Tokens(tokens) => {
                for token in tokens {
                    each.push(self.subscribe_token(ask.app, token, &meant, &mut change)?);
                }
            }
        }
        if let Err(refusal) = self.change_topic(ask, &meant, change)? {
            return Ok(Answer::Refused(refusal));
        }
        Ok(Answer::Subscribed(each))
    }

    fn change_topic(&mut self, ask: &Subscribe, meant: &Meant, change: Change) -> Result<Result<(), Refusal>, ReadError> {
        let Change { users, regs, concerns } = change;
        if users.is_empty() && regs.is_empty() {
            return Ok(Ok(()));
        }
        let bytes = (users.len() + regs.len()) * NUMBER_BYTES + ask.topic.as_str().len() + FACT_BYTES;
        if let Err(refusal) = self.room(1, bytes) {
            return Ok(Err(refusal));
        }
        let regs: Vec<RegNo> = regs.into_iter().collect();
        let fact = Subscribed {
            app: ask.app,
            topic: meant.topic,
            name: meant.is_new.then(|| ask.topic.clone()),
            on: meant.on,
            users: users.into_iter().collect(),
            regs: regs.clone(),
        };
        self.put(Fact::Subscribed(fact), concerns)?;
        self.presence.subscribe(&regs, meant.topic, meant.on);
        self.batching.undo(Undo::Subscribed { regs, topic: meant.topic, on: meant.on }, Rests::Open);
        Ok(Ok(()))
    }

    fn subscribe_user(&mut self, app: AppNo, uid: &Uid, meant: &Meant, change: &mut Change) -> Result<Each, ReadError> {
        let user = match self.layers.user_no(app, uid)? {
            Some(no) => self.layers.user(no)?.map(|user| (no, user)),
            None => None,
        };
        let Some((no, user)) = user else {
            return Ok(Err(Refusal::new(Code::UnknownTarget, format!("nobody has registered as {uid} yet")).field("uids")));
        };
        let follows = self.layers.follows(no)?;
        let knows = follows.binary_search(&meant.topic).is_ok();
        if meant.on && !knows && follows.len() >= self.limits.topics_per_device {
            return Ok(Err(self.too_many()));
        }
        let each = self.subscribe_regs(&user.regs, meant, change)?;
        if each.is_ok() && knows != meant.on {
            change.users.insert(no);
        }
        Ok(each)
    }

    fn subscribe_token(&mut self, app: AppNo, token: &Token, meant: &Meant, change: &mut Change) -> Result<Each, ReadError> {
        let found = match self.layers.reg_no(token)? {
            Some(no) => self.layers.reg(no)?.filter(|reg| reg.app == app).map(|reg| (no, reg)),
            None => None,
        };
        match found {
            None => Ok(Err(Refusal::new(Code::UnknownTarget, "no registration has this token").field("tokens"))),
            Some((_, reg)) if reg.dead.is_some() => {
                Ok(Err(Refusal::new(Code::TokenUnregistered, "the registration of this token has ended").field("tokens")))
            }
            Some((no, _)) => self.subscribe_regs(&[no], meant, change),
        }
    }

    /// All of them, or none.
    fn subscribe_regs(&mut self, regs: &[RegNo], meant: &Meant, change: &mut Change) -> Result<Each, ReadError> {
        let (mut moves, mut concerns, mut devices) = (Vec::new(), 0, 0);
        for no in regs {
            let Some(reg) = self.layers.reg(*no)? else { continue };
            let stays = self.layers.stays(*no)?;
            let is_in = stays.is_in(meant.topic);
            if meant.on && !is_in && stays.now().count() >= self.limits.topics_per_device {
                return Ok(Err(self.too_many()));
            }
            if is_in != meant.on {
                moves.push(*no);
                concerns |= self.worker_bit(reg.app, &reg.uid);
            }
            if meant.on || is_in {
                devices += reg.devs.len();
            }
        }
        change.regs.extend(moves);
        change.concerns |= concerns;
        Ok(Ok(u32::try_from(devices).unwrap_or(u32::MAX)))
    }

    fn too_many(&self) -> Refusal {
        let limit = self.limits.topics_per_device as u64;
        Refusal::new(Code::QuotaExceeded, format!("it is in {limit} topics, which is as many as one may be in")).sizes(limit, limit + 1)
    }
}
