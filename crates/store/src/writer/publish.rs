//! A message is taken: whom it is for, whether its key was used before, when nobody gets it any more.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidings_model::{
    Accepted, Answer, AppNo, Code, Counted, Dev, Draft, Idempotency, Invalid, Lifetime, Limits, MessageId, Millis, Position, Published,
    Refusal, RegNo, Strictness, Target, Targets, Token, TopicName, TopicNo, Uid,
};

use super::{Beneath, SETTLED_BYTES, Writer};
use crate::ReadError;
use crate::views::{Kept, Rows};

/// Targets that nobody has registered as are named in the answer up to this many.
const INVALID_MAX: usize = 100;

/// Whom a target means now.
#[derive(Default)]
struct Found {
    devs: BTreeSet<Dev>,
    topic: Option<TopicNo>,
    /// Those of them with a socket.
    online: BTreeSet<Dev>,
    concerns: u64,
    invalid: Vec<Invalid>,
}

/// A draft as it would be stored now.
struct Wanted {
    to: Target,
    expires: Millis,
    devices: u32,
    online: u32,
    found: Found,
}

impl<B: Beneath, T> Writer<B, T> {
    pub(super) fn publish(&mut self, draft: &Draft) -> Result<Answer, ReadError> {
        if let Err(refusal) = self.serving(draft.app) {
            return Ok(Answer::Refused(refusal));
        }
        if let Some(idempotency) = draft.idempotency
            && let Some(answer) = self.answered_before(idempotency)?
        {
            return Ok(answer);
        }
        if self.layers.settled_bytes() > SETTLED_BYTES {
            return Ok(Answer::Refused(Refusal::new(Code::Overloaded, "more is decided than the views can follow; try again in a moment")));
        }
        match self.wanted(draft)? {
            Ok(wanted) => self.store(draft, wanted),
            Err(refusal) => Ok(Answer::Refused(refusal)),
        }
    }

    /// What publishing would answer. Nothing is stored, no key is used.
    pub(super) fn count(&mut self, draft: &Draft) -> Result<Answer, ReadError> {
        Ok(match self.wanted(draft)? {
            Ok(Wanted { expires, devices, online, found, .. }) => {
                Answer::Counted(Counted { expires, devices, online, invalid: found.invalid })
            }
            Err(refusal) => Answer::Refused(refusal),
        })
    }

    fn wanted(&mut self, draft: &Draft) -> Result<Result<Wanted, Refusal>, ReadError> {
        let expires = match self.expiry(draft.lifetime) {
            Ok(expires) => expires,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let to = self.named(&draft.to)?;
        let found = match self.find(draft, &to)? {
            Ok(found) => found,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let count = |devs: &BTreeSet<Dev>| u32::try_from(devs.len()).unwrap_or(u32::MAX);
        let (devices, online) = match to {
            Target::All => (self.layers.numbers().devices.get(&draft.app).copied().unwrap_or(0), self.presence.devices(draft.app)),
            Target::Uids(_) | Target::Tokens(_) | Target::TokenOrUid(_) => (count(&found.devs), count(&found.online)),
            Target::Topic(_) => self.members(found.topic)?,
        };
        Ok(Ok(Wanted { to, expires, devices, online, found }))
    }

    /// Judged here, as a repeated key is answered whatever the time is by now.
    fn expiry(&self, lifetime: Lifetime) -> Result<Millis, Refusal> {
        let refused = |why| Err(Refusal::new(Code::InvalidField, why).field("expires_at"));
        match lifetime {
            Lifetime::Ttl(seconds) => Ok(self.now.after_s(u64::from(seconds))),
            Lifetime::Until(time) if time <= self.now => refused("expires_at has passed"),
            Lifetime::Until(time) if time > self.now.after_s(u64::from(Limits::TTL_MAX_S)) => {
                refused("expires_at is more than 28 days ahead")
            }
            Lifetime::Until(time) => Ok(time),
        }
    }

    /// The tutorial's `id` becomes what it means: a known token, else a uid.
    fn named(&mut self, target: &Target) -> Result<Target, ReadError> {
        let Target::TokenOrUid(either) = target else { return Ok(target.clone()) };
        if let Ok(token) = Token::parse(either)
            && self.layers.reg_no(&token)?.is_some()
        {
            return Ok(Target::Tokens(vec![token]));
        }
        Ok(Uid::parse(either).map_or_else(|_| Target::TokenOrUid(either.clone()), |uid| Target::Uids(vec![uid])))
    }

    fn store(&mut self, draft: &Draft, wanted: Wanted) -> Result<Answer, ReadError> {
        let Wanted { to, expires, devices, online, found: Found { devs, topic, concerns, invalid, .. } } = wanted;
        let numbers = devs.len();
        let targets = match (&to, topic) {
            (Target::All, _) => Targets::Everyone,
            (_, Some(topic)) => Targets::Members(topic),
            (_, None) => Targets::Devices(devs.into_iter().collect()),
        };
        let replaces = self.replaced(draft, &targets)?;
        let names = names_bytes(&to) + invalid.iter().map(|invalid| invalid.value.len() + 8).sum::<usize>();
        let numbers = numbers + replaces.iter().map(|replaced| 4 + replaced.devs.as_ref().map_or(0, Vec::len)).sum::<usize>();
        let at = match self.room(1, draft.content.bytes() + names + numbers * 5 + 128) {
            Ok(at) => at,
            Err(refusal) => return Ok(Answer::Refused(refusal)),
        };
        let fact = Published {
            app: draft.app,
            id: MessageId::v7(self.now.0, self.dice.draw()),
            to,
            targets,
            devices,
            online,
            invalid,
            expires,
            content: draft.content.clone(),
            idempotency: draft.idempotency,
            replaces,
        };
        let answer = accepted(at, &fact, false);
        self.put(fact.into(), concerns)?;
        Ok(answer)
    }

    fn answered_before(&mut self, idempotency: Idempotency) -> Result<Option<Answer>, ReadError> {
        let Some(kept) = self.layers.kept(idempotency.key)?.filter(|kept| self.now < kept.until) else { return Ok(None) };
        if kept.request != idempotency.request {
            return Ok(Some(Answer::Refused(Refusal::new(Code::IdempotencyMismatch, "this Idempotency-Key was used for another request"))));
        }
        let corrupt = ReadError::Corrupt { at: kept.at, what: "the message of a kept answer is missing" };
        let message = self.kept_message(&kept)?.ok_or(corrupt)?;
        Ok(Some(accepted(kept.at, &message, true)))
    }

    fn kept_message(&mut self, kept: &Kept) -> Result<Option<Arc<Published>>, ReadError> {
        match &kept.fact {
            Some(fact) => Ok(crate::log::recent::published(fact)),
            None => self.layers.beneath().published(kept.at),
        }
    }

    /// What a device says to be in an app.
    fn listening_in(&mut self, no: AppNo) -> String {
        let app = self.layers.numbers().directory.app(no).filter(|app| app.no != AppNo::DEFAULT);
        app.map_or_else(String::new, |app| format!(" --app {}", app.name.as_str()))
    }

    fn find(&mut self, draft: &Draft, to: &Target) -> Result<Result<Found, Refusal>, ReadError> {
        let mut found = Found::default();
        match to {
            Target::All => found.concerns = u64::MAX,
            Target::Uids(uids) => {
                for uid in uids {
                    self.find_uid(draft, uid, &mut found)?;
                }
            }
            Target::Tokens(tokens) => {
                for token in tokens {
                    self.find_token(draft, token, &mut found)?;
                }
            }
            Target::Topic(topic) => self.find_topic(draft, topic, &mut found)?,
            Target::TokenOrUid(neither) => found.invalid.push(Invalid { value: neither.clone(), code: Code::UnknownTarget }),
        }
        if let (Strictness::MustBeKnown, Some(invalid)) = (draft.strictness, found.invalid.first()) {
            return Ok(Err(unknown(&draft.to, invalid, &self.listening_in(draft.app))));
        }
        found.invalid.truncate(INVALID_MAX);
        Ok(Ok(found))
    }

    /// One that nobody was ever in is for nobody.
    fn find_topic(&mut self, draft: &Draft, topic: &TopicName, found: &mut Found) -> Result<(), ReadError> {
        found.topic = self.layers.topic_no(draft.app, topic)?;
        if found.topic.is_some() {
            // Which workers have members is not known here.
            found.concerns = u64::MAX;
        }
        Ok(())
    }

    /// Devices in a topic, and those of them with a socket: both are counted as they come and go.
    fn members(&mut self, topic: Option<TopicNo>) -> Result<(u32, u32), ReadError> {
        let Some(topic) = topic else { return Ok((0, 0)) };
        let devices = self.layers.topic(topic)?.map_or(0, |topic| topic.devices);
        Ok((devices, self.presence.devices_in(topic)))
    }

    fn find_uid(&mut self, draft: &Draft, uid: &Uid, found: &mut Found) -> Result<(), ReadError> {
        let user = match self.layers.user_no(draft.app, uid)? {
            Some(no) => self.layers.user(no)?,
            None => None,
        };
        let regs = user.map_or(Vec::new(), |user| user.regs.clone());
        if regs.is_empty() {
            found.invalid.push(Invalid { value: uid.as_str().to_owned(), code: Code::UnknownTarget });
        }
        for reg in regs {
            self.add(reg, found)?;
        }
        Ok(())
    }

    fn find_token(&mut self, draft: &Draft, token: &Token, found: &mut Found) -> Result<(), ReadError> {
        let no = self.layers.reg_no(token)?;
        let reg = match no {
            Some(no) => self.layers.reg(no)?.filter(|reg| reg.app == draft.app).map(|reg| (no, reg)),
            None => None,
        };
        let refused = match &reg {
            None => Some(Code::UnknownTarget),
            Some((_, reg)) if reg.dead.is_some() => Some(Code::TokenUnregistered),
            Some(_) => None,
        };
        match (reg, refused) {
            (Some((no, _)), None) => self.add(no, found)?,
            (_, code) => found.invalid.push(Invalid { value: token.as_str().to_owned(), code: code.unwrap_or(Code::UnknownTarget) }),
        }
        Ok(())
    }

    fn add(&mut self, no: RegNo, found: &mut Found) -> Result<(), ReadError> {
        let Some(reg) = self.layers.reg(no)?.filter(|reg| reg.dead.is_none()) else { return Ok(()) };
        found.concerns |= self.worker_bit(reg.app, &reg.uid);
        found.devs.extend(&reg.devs);
        found.online.extend(reg.devs.iter().filter(|dev| self.presence.serving(no, **dev).is_some()));
        Ok(())
    }
}

fn accepted(at: Position, fact: &Published, replayed: bool) -> Answer {
    Answer::Accepted(Accepted {
        id: fact.id,
        at,
        expires: fact.expires,
        devices: fact.devices,
        online: fact.online,
        invalid: fact.invalid.clone(),
        replayed,
    })
}

fn names_bytes(to: &Target) -> usize {
    match to {
        Target::All => 0,
        Target::Uids(uids) => uids.iter().map(|uid| uid.as_str().len() + 2).sum(),
        Target::Tokens(tokens) => tokens.iter().map(|token| token.as_str().len() + 2).sum(),
        Target::TokenOrUid(either) => either.len() + 2,
        Target::Topic(topic) => topic.as_str().len() + 2,
    }
}

fn unknown(asked: &Target, invalid: &Invalid, app: &str) -> Refusal {
    let field = match asked {
        Target::Uids(_) | Target::All => "uid",
        Target::Tokens(_) => "token",
        Target::TokenOrUid(_) => "id",
        Target::Topic(_) => "topic",
    };
    let value = &invalid.value;
    let refusal = match (invalid.code, asked) {
        (Code::TokenUnregistered, _) => Refusal::new(Code::TokenUnregistered, "the registration of this token has ended"),
        (_, Target::Tokens(_)) => Refusal::new(Code::UnknownTarget, "no registration has this token"),
        _ => Refusal::new(
            Code::UnknownTarget,
            format!("nobody has registered as {value} yet; try: tidings listen{app} --uid {value} --legacy"),
        ),
    };
    refusal.field(field)
}
