//! Whose socket it is: joining an app's namespace, being refused one, and what other apps mean to who joined `/` unasked.
//!
//! One connection serves one app, for its whole life; only the `/` that an EIO3 client joins by itself gives way.

use super::admitting::is_checked;
use super::*;
use tidings_model::{App, AppName};
use tidings_socketio::Packet;

/// An EIO3 client that is meant for another app says so at once; a handshake's uid is for `/` only if it does not.
const DECIDE_WITHIN: Duration = Duration::from_secs(1);

/// Why a namespace is not joined.
enum Refused {
    Unknown,
    Because(Refusal),
}

impl Session {
    pub(super) fn hear_connect(&mut self, cx: &mut Context<'_>, packet: &Packet<'_>) {
        let Some(app) = cx.apps.named(packet.namespace).cloned() else {
            return self.refuse_namespace(cx, packet.namespace, &Refused::Unknown);
        };
        match (self.engine.revision(), self.joined, app.no == self.app) {
            // Old Swift and C++ clients say it, though they are in already.
            (Revision::V3, Joined::Yes | Joined::Left, true) if app.no == AppNo::DEFAULT => {}
            (_, Joined::Yes, true) => self.violate(cx),
            (Revision::V3, Joined::Yes, false) if self.gives_way() => self.enter(cx, &app, packet),
            (_, Joined::Never, _) | (_, Joined::Left, true) => self.enter(cx, &app, packet),
            (_, Joined::Yes | Joined::Left, false) => {
                let why = Refusal::new(Code::Conflict, "this connection serves another app; open one for each");
                self.refuse_namespace(cx, packet.namespace, &Refused::Because(why));
            }
        }
    }

    /// On `/` unasked, and never anybody there.
    fn gives_way(&self) -> bool {
        self.app == AppNo::DEFAULT && matches!(self.phase, Phase::Anonymous) && !self.is_known()
    }

    fn is_known(&self) -> bool {
        self.past.as_ref().is_some_and(|past| !past.formers.is_empty())
    }

    fn enter(&mut self, cx: &mut Context<'_>, app: &App, packet: &Packet<'_>) {
        if app.disabled {
            return self.refuse_namespace(cx, packet.namespace, &Refused::Because(disabled()));
        }
        if packet.data.as_ref().and_then(|auth| auth.member("v")) == Some("2") {
            self.hello.get_or_insert_default().wants_two = true;
        }
        if let Some(hello) = packet.query.and_then(|query| Self::hello(cx, query)) {
            // EIO3 says in the CONNECT of a namespace what it says of `/` in the handshake.
            self.hello = Some(hello);
        }
        if app.no != self.app {
            // What it heard on `/` was another app's.
            self.past = None;
            self.stream.clear(cx.budget);
            self.tenant = cx.dice.roll() as u32;
        }
        self.note_credential(cx, packet.data.as_ref());
        self.undecided = false;
        self.app = app.no;
        self.namespace = (app.no != AppNo::DEFAULT).then(|| namespace(&app.name).into());
        let answer = match self.engine.revision() {
            Revision::V3 => String::new(),
            Revision::V4 => format!("{{\"sid\":\"{}\"}}", public_id([cx.dice.roll(), cx.dice.roll()])),
        };
        self.say(cx, &Encoded::packet(&format!("40{}{answer}", self.namespace())));
        self.joined(cx);
    }

    /// As it stands in a packet.
    pub(super) fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or_default()
    }

    pub(super) fn app_name(&self) -> AppName {
        self.namespace.as_deref().map_or_else(AppName::root, |namespace| AppName::trusted(namespace.trim_end_matches(',')))
    }

    /// Whether a packet is for the namespace that was joined.
    pub(super) fn is_mine(&self, packet: &Packet<'_>) -> bool {
        self.namespace.as_deref().map_or("/", |namespace| namespace.trim_end_matches(',')) == packet.namespace
    }

    fn refuse_namespace(&mut self, cx: &mut Context<'_>, name: &str, why: &Refused) {
        let (message, code) = match why {
            Refused::Unknown => ("Invalid namespace", None),
            Refused::Because(refusal) => (&*refusal.message, Some(refusal.code)),
        };
        let message = tidings_json::Json::string(message);
        let comma = if name == "/" { String::new() } else { format!("{name},") };
        let error = match (self.engine.revision(), code) {
            (Revision::V3, _) => format!("44{comma}{message}"),
            (Revision::V4, None) => format!("44{comma}{{\"message\":{message}}}"),
            (Revision::V4, Some(code)) => format!("44{comma}{{\"message\":{message},\"data\":{{\"code\":\"{code}\"}}}}"),
        };
        self.say(cx, &Encoded::packet(&error));
    }

    /// EIO3 joins `/` without being asked.
    pub(super) fn join_silently(&mut self, cx: &mut Context<'_>) {
        if cx.apps.app(AppNo::DEFAULT).is_some_and(|root| root.disabled) {
            self.connect_by = Some(cx.now + cx.config.connect_timeout);
            return self.refuse_namespace(cx, "/", &Refused::Because(disabled()));
        }
        self.say(cx, &Encoded::packet("40"));
        let names = |hello: &Hello| hello.uid.is_some() || hello.presented.named.is_some() || hello.presented.token.is_some();
        let names_uid = self.hello.as_ref().is_some_and(|hello| names(hello));
        if !(cx.apps.is_shared() && names_uid) {
            return self.joined(cx);
        }
        self.joined = Joined::Yes;
        self.undecided = true;
        self.connect_by = Some(cx.now + DECIDE_WITHIN);
        self.stream = Stream::shut_from(cx.processed);
        cx.effect(Effect::Joined);
    }

    /// The handshake's uid was for `/`.
    pub(super) fn decide(&mut self, cx: &mut Context<'_>) {
        if std::mem::take(&mut self.undecided) {
            self.joined(cx);
        }
    }

    /// In the namespace of its app.
    fn joined(&mut self, cx: &mut Context<'_>) {
        self.joined = Joined::Yes;
        self.connect_by = Some(cx.now + UNREGISTERED);
        self.stream = if self.is_mute(cx) { Stream::shut_from(cx.processed) } else { Self::nobodys_stream(cx, cx.processed) };
        cx.effect(Effect::Joined);
        if is_checked(cx) {
            return self.present(cx);
        }
        let Some(hello) = &self.hello else { return };
        match (hello.obstacle(), hello.uid.clone()) {
            (Some(refusal), _) | (None, Some(Err(refusal))) => self.refuse_register(cx, &refusal, None),
            (None, Some(Ok(uid))) => {
                // Order is promised from the registration on: nothing is given before its mail.
                self.stream = Stream::shut_from(cx.processed);
                self.register(cx, uid, true, None);
            }
            (None, None) => {}
        }
    }

    /// Beside other apps nobody knows whose an unasked `/` is: it hears nothing before it registers there.
    pub(super) fn is_mute(&self, cx: &Context<'_>) -> bool {
        let is_unasked = self.engine.revision() == Revision::V3 && self.app == AppNo::DEFAULT;
        is_unasked && cx.apps.is_shared() && self.registered().is_none() && !self.is_known()
    }

    /// There are other apps now, or none any more.
    pub(crate) fn heed_others(&mut self, cx: &mut Context<'_>) {
        if self.joined != Joined::Yes || self.registered().is_some() {
            return;
        }
        let is_shut = self.stream.flow == Flow::Shut;
        match (self.is_mute(cx), &self.phase) {
            (true, _) if !is_shut => {
                self.widen_had(true);
                let given = self.stream.given;
                self.stream.clear(cx.budget);
                self.stream = Stream::shut_from(given);
                if matches!(self.phase, Phase::Anonymous) {
                    // A page that is under way is for nobody any more.
                    self.tenant = cx.dice.roll() as u32;
                }
            }
            (false, Phase::Anonymous) if is_shut && cx.apps.app(self.app).is_some() && !self.is_known() => {
                self.decide(cx);
                if matches!(self.phase, Phase::Anonymous) {
                    self.stream = Self::nobodys_stream(cx, cx.processed);
                }
            }
            _ => {}
        }
    }

    pub(crate) fn has_joined(&self) -> bool {
        self.joined == Joined::Yes
    }

    /// Its app is gone, or serves nobody for now.
    pub(crate) fn expel(&mut self, cx: &mut Context<'_>, for_good: bool) {
        if for_good {
            self.dismiss(cx);
        }
        self.close(cx, Goodbye::Fin);
    }
}

fn disabled() -> Refusal {
    Refusal::new(Code::AppDisabled, "the app is disabled")
}

/// A socket's public id: not the Engine.IO sid, which is a secret. 20 characters.
fn public_id(random: [u64; 2]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let [low, high] = random;
    let digits = (0..10).flat_map(|i| [low >> (6 * i), high >> (6 * i)]);
    digits.map(|digit| char::from(ALPHABET[(digit & 63) as usize])).collect()
}
