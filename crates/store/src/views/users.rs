//! Users and what their tokens name, read from the views.

use std::sync::Arc;

use tidings_model::{AppNo, Limits, Millis, RegNo, Token, TopicName, UserNo};

use super::mailbox::{self, Mail};
use super::{Base, Key, Reg, Row, User};
use crate::{Depth, Mailbox, ReadError, Registration, TokenNames, UsersQuery};

/// How mailboxes are measured.
#[derive(Clone, Copy)]
pub(crate) struct Measure<'a> {
    pub limits: &'a Limits,
    pub now: Millis,
    pub depth: Depth,
}

/// The living registrations of each uid, oldest first; None: nobody has registered as it.
pub(crate) fn users<M: Mail>(mail: &M, query: &UsersQuery, measure: Measure<'_>) -> Result<Vec<Option<Vec<Registration>>>, ReadError> {
    let mut users = Vec::with_capacity(query.uids.len());
    for uid in &query.uids {
        let found = match mail.get(&Key::Uid(query.app, uid.clone()))? {
            Some(Row::Uid(no)) => user(mail, no)?,
            _ => None,
        };
        users.push(found.map(|user| registrations(mail, &user, measure)).transpose()?);
    }
    Ok(users)
}

pub(crate) fn user(base: &(impl Base + ?Sized), no: UserNo) -> Result<Option<Arc<User>>, ReadError> {
    Ok(match base.get(&Key::User(no))? {
        Some(Row::User(user)) => Some(user),
        _ => None,
    })
}

pub(crate) fn reg(base: &(impl Base + ?Sized), no: RegNo) -> Result<Option<Arc<Reg>>, ReadError> {
    Ok(match base.get(&Key::Reg(no))? {
        Some(Row::Reg(reg)) => Some(reg),
        _ => None,
    })
}

fn registrations<M: Mail>(mail: &M, user: &User, measure: Measure<'_>) -> Result<Vec<Registration>, ReadError> {
    let mut all = Vec::with_capacity(user.regs.len());
    for no in &user.regs {
        if let Some(reg) = reg(mail, *no)?.filter(|reg| reg.dead.is_none()) {
            all.push(registration(mail, *no, &reg, measure)?);
        }
    }
    Ok(all)
}

/// What a token of `app` names.
pub(crate) fn token<M: Mail>(mail: &M, app: AppNo, token: &Token, measure: Measure<'_>) -> Result<TokenNames, ReadError> {
    let Some(Row::Token(no)) = mail.get(&Key::Token(token.clone()))? else { return Ok(TokenNames::Nothing) };
    match reg(mail, no)?.filter(|reg| reg.app == app) {
        None => Ok(TokenNames::Nothing),
        Some(reg) if reg.dead.is_some() => Ok(TokenNames::Ended),
        Some(reg) => registration(mail, no, &reg, measure).map(TokenNames::Living),
    }
}

/// The names of what a registration is in, in their order.
fn topics(base: &(impl Base + ?Sized), no: RegNo) -> Result<Vec<TopicName>, ReadError> {
    let Some(Row::Stays(stays)) = base.get(&Key::Stays(no))? else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    for topic in stays.now() {
        if let Some(Row::Topic(topic)) = base.get(&Key::Topic(topic))? {
            names.push(topic.name.clone());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Devices in a topic now; nobody is in one that never was.
pub(crate) fn devices_in(base: &(impl Base + ?Sized), app: AppNo, name: &TopicName) -> Result<u32, ReadError> {
    let Some(Row::TopicNo(no)) = base.get(&Key::TopicNo(app, name.clone()))? else { return Ok(0) };
    Ok(match base.get(&Key::Topic(no))? {
        Some(Row::Topic(topic)) => topic.devices,
        _ => 0,
    })
}

fn registration<M: Mail>(mail: &M, no: RegNo, reg: &Reg, measure: Measure<'_>) -> Result<Registration, ReadError> {
    let (mut seen, mut mailbox) = (reg.made, Mailbox::default());
    for dev in &reg.devs {
        let Some(Row::Cursor(cursor)) = mail.get(&Key::Cursor(*dev))? else { continue };
        seen = seen.max(cursor.seen);
        if measure.depth == Depth::Measured {
            mailbox = mailbox.max(mailbox::depth(mail, *dev, cursor.at, measure.limits, measure.now)?);
        }
    }
    Ok(Registration {
        reg: no,
        uid: reg.uid.clone(),
        token: reg.token.clone(),
        device_id: reg.device_id.clone(),
        made: Some(reg.made).filter(|made| made.0 > 0),
        seen,
        mailbox,
        topics: topics(mail, no)?,
    })
}
