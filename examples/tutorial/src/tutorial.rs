//! What stands beside the devices: the tutorial's pages, its `POST /message`, its page events and its chat.

use tidings_api::{Caller, PageEvents};
use tidings_gateway::devices::{Companion, Heard, Saying, Ticket, Voice};
use tidings_gateway::{Document, Reception, Visit, Visitor};
use tidings_model::AppNo;
use tidings_pages::Publishing;

use crate::chat::Chat;
use crate::site;

pub(crate) struct Tutorial {
    events: PageEvents,
    voice: Voice,
    publishing: Publishing,
    chat: Chat,
}

impl Tutorial {
    pub(crate) fn new(events: PageEvents, voice: Voice) -> Self {
        let publishing = Publishing::new(events.clone(), voice.clone());
        Self { events, voice, publishing, chat: Chat::default() }
    }

    /// Answered when the message is on disk: `OK`, as in the tutorial.
    fn post_message(&self, visitor: Visitor, body: &[u8]) -> Reception {
        let voice = self.voice.clone();
        // There are no keys: whoever is here may send, as devices may.
        self.events.post(&Caller::device_of(AppNo::DEFAULT), body, move |answer| {
            let document = match answer {
                Ok(_) => Document { status: 200, content_type: site::TEXT, body: "OK".into() },
                Err(why) => {
                    let body = format!("{{\"error\":{}}}", why.json()).into();
                    Document { status: why.status(), content_type: "application/json", body }
                }
            };
            voice.answer(visitor, document);
        });
        Reception::Later
    }
}

impl Companion for Tutorial {
    fn hear(&mut self, from: Ticket, heard: Heard) -> Vec<(Ticket, Saying)> {
        match self.chat.hear(from, &heard) {
            Some(said) => said,
            None => self.publishing.hear(from, heard),
        }
    }

    fn gone(&mut self, slot: u32) -> Vec<(Ticket, Saying)> {
        self.chat.leave(slot)
    }

    fn visit(&mut self, visitor: Visitor, visit: Visit<'_>) -> Reception {
        match (visit.method, visit.path, site::document(visit.path)) {
            ("POST", "/message", _) => self.post_message(visitor, visit.body),
            ("GET" | "HEAD", _, Some(document)) => Reception::Answer(document),
            (_, "/message", _) | (_, _, Some(_)) => Reception::Answer(site::wrong_method()),
            _ => Reception::Unknown,
        }
    }
}
