//! Where registration is checked: what a socket shows, and what it gets before it is somebody, which is nothing.

use super::*;
use crate::claim::{Presented, Wanted, secret};
use crate::config::{Planted, Registration};
use tidings_json::Json;
use tidings_model::Secret;

/// Nobody is taken at their word.
pub(super) fn is_checked(cx: &Context<'_>) -> bool {
    cx.config.registration == Registration::Checked
}

impl Session {
    /// What the query says, with its credentials only where somebody looks at them.
    pub(super) fn hello(cx: &Context<'_>, query: &str) -> Option<Box<Hello>> {
        let mut hello = Hello::parse(query);
        if is_checked(cx)
            && let Some(presented) = Presented::parse(query)
        {
            hello.get_or_insert_default().presented = presented;
        }
        hello
    }

    /// A socket that nobody has registered hears what everybody hears, or nothing where registration is checked.
    pub(super) fn nobodys_stream(cx: &Context<'_>, from: Position) -> Stream {
        let hears = !is_checked(cx) || cx.config.planted == Some(Planted::Overheard);
        if hears { Stream::live_from(from) } else { Stream::shut_from(from) }
    }

    /// A CONNECT's auth object: its token takes the place of the query's.
    pub(super) fn note_credential(&mut self, cx: &Context<'_>, auth: Option<&Json>) {
        let token = auth.and_then(|auth| auth.member("token")).filter(|token| *token != "null");
        if let Some(token) = token.filter(|_| is_checked(cx)) {
            self.hello.get_or_insert_default().presented.token = Some(secret(token));
        }
    }

    /// A handshake that carried a credential registers the socket, silently.
    pub(super) fn present(&mut self, cx: &mut Context<'_>) {
        let Some(hello) = &self.hello else { return };
        if let Some(refusal) = hello.obstacle() {
            return self.refuse_register(cx, &refusal, None);
        }
        let Presented { named, token } = hello.presented.clone();
        if named.is_some() || token.is_some() {
            let claim = self.claimed(named, token);
            self.wish(cx, claim, true, None);
        }
    }

    /// A `register`: its own credential, else the handshake's.
    pub(super) fn claim(&mut self, cx: &mut Context<'_>, arg: Option<&str>, ack: Option<u64>) {
        let obstacle = self.hello.as_ref().and_then(|hello| hello.obstacle());
        let wanted = match (obstacle, Wanted::parse(arg)) {
            (Some(refusal), _) | (None, Err(refusal)) => return self.refuse_register(cx, &refusal, ack),
            (None, Ok(wanted)) => wanted,
        };
        let same = |registered: &Registered| wanted.auth.is_none() && registered.uid.as_str() == wanted.named.reveal();
        if self.registered().is_some_and(same) {
            return self.answer_again(cx, ack);
        }
        let shown = wanted.auth.or_else(|| self.hello.as_ref().and_then(|hello| hello.presented.token.clone()));
        let claim = self.claimed(Some(wanted.named), shown);
        self.wish(cx, claim, false, ack);
    }

    fn claimed(&self, named: Option<Secret>, credential: Option<Secret>) -> Wish {
        let app = self.app_name();
        let device_id = self.hello.as_ref().and_then(|hello| hello.device_id()).cloned();
        Wish::Claimed(Box::new(Claim { app, named, credential, device_id, addr: self.peer.addr }))
    }

    /// What `socket` showed is with the verifier.
    pub(crate) fn is_checking(&self, socket: SocketId) -> bool {
        matches!(&self.phase, Phase::Registering(registering) if registering.socket == socket && matches!(registering.wish, Wish::Checking))
    }

    /// The verifier says who it is.
    pub(crate) fn admit(&mut self, cx: &mut Context<'_>, uid: Uid) {
        let Phase::Registering(registering) = &mut self.phase else { return };
        if self.joined != Joined::Yes {
            // It has left meanwhile: nobody waits for this.
            self.phase = Phase::Anonymous;
            return;
        }
        let device_id = registering.device_id.as_ref();
        let serves = |registered: &Registered| registered.uid == uid && registered.device_id.as_ref() == device_id;
        if !registering.previous.as_deref().is_some_and(serves) {
            registering.wish = Wish::Known(uid);
            return cx.effect(Effect::Register);
        }
        let (previous, ack, held) = (registering.previous.take(), registering.ack, std::mem::take(&mut registering.held));
        self.phase = previous.map_or(Phase::Anonymous, Phase::Registered);
        self.answer_again(cx, ack);
        self.deal_held(cx, held);
        self.settle(cx);
    }
}
