//! Page events from devices, where `legacy.client_publish` allows them.

use tidings_api::{Caller, PageEvent, PageEvents};
use tidings_gateway::devices::{Companion, Heard, Saying, Ticket, Voice};

/// What the devices' door hears them with.
pub struct Publishing {
    events: PageEvents,
    voice: Voice,
}

impl Publishing {
    pub fn new(events: PageEvents, voice: Voice) -> Self {
        Self { events, voice }
    }

    /// The events to be named in `heard`.
    pub fn heard() -> impl Iterator<Item = String> {
        PageEvent::ALL.into_iter().map(|event| event.name().to_owned())
    }
}

impl Companion for Publishing {
    /// The answer comes when the message is durable; to a device that asked for none, none.
    fn hear(&mut self, from: Ticket, heard: Heard) -> Vec<(Ticket, Saying)> {
        let Some(event) = PageEvent::named(&heard.name) else { return Vec::new() };
        let args: Vec<&str> = heard.args.iter().map(String::as_str).collect();
        let voice = self.voice.clone();
        self.events.publish(&Caller::device_of(heard.app), event, &args, move |answer| {
            let told = match answer {
                Ok(id) => format!("{{\"ok\":true,\"id\":\"{id}\"}}"),
                Err(why) => format!("{{\"error\":{}}}", why.json()),
            };
            if from.ack.is_some() {
                voice.say(from, Saying::Ack(told));
            }
        });
        Vec::new()
    }
}
