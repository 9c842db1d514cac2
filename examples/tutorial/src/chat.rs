//! The tutorial's chat: users in rooms, told of each other. It keeps nothing but who is here; no socket, no time.
//!
//! `joined {name, room}` tells the room `_joined {user_name, num_users}`; `message {message}` tells the others in it
//! `_message {user_name, message}`; `left`, with anything, or the end of the connection tells them `_left {user_name, num_users}`,
//! once. `num_users` counts all users, whatever their room.

use std::collections::BTreeMap;

use tidings_gateway::devices::{Heard, Saying, Ticket};
use tidings_json::{Json, Kind, kind};

#[cfg(test)]
mod tests;

pub(crate) const EVENTS: [&str; 3] = ["joined", "message", "left"];

/// Bytes of a name and of a room.
const NAME_MAX: usize = 128;
const MESSAGE_MAX: usize = 4096;

/// Names, rooms and messages stay JSON text, as they came.
struct User {
    socket: Ticket,
    name: String,
    room: String,
}

/// Who is here, by slot.
#[derive(Default)]
pub(crate) struct Chat {
    users: BTreeMap<u32, User>,
}

/// What is said to whom.
type Said = Vec<(Ticket, Saying)>;

impl Chat {
    /// None: the event is none of the chat's.
    pub(crate) fn hear(&mut self, from: Ticket, heard: &Heard) -> Option<Said> {
        let arg = Json::trusted(heard.args.first().map_or("null", String::as_str));
        let said = match heard.name.as_str() {
            "joined" => self.join(from, &arg),
            "message" => self.message(from, &arg),
            "left" => Ok(self.leave(from.slot)),
            _ => return None,
        };
        let (mut said, answer) = match said {
            Ok(said) => (said, "{\"ok\":true}".to_owned()),
            Err((field, why)) => (Vec::new(), refusal(field, why)),
        };
        if from.ack.is_some() {
            said.push((from, Saying::Ack(answer)));
        }
        Some(said)
    }

    fn join(&mut self, from: Ticket, arg: &Json) -> Result<Said, (&'static str, &'static str)> {
        let name = arg.member("name").filter(|name| kind(name) == Kind::String && (3..=NAME_MAX).contains(&name.len()));
        let name = name.ok_or(("name", "name must be a text of 1 to 126 bytes"))?.to_owned();
        let room = arg.member("room").unwrap_or("null");
        if room.len() > NAME_MAX {
            return Err(("room", "room is longer than 128 bytes"));
        }
        // Who joins again moves.
        let moves = self.users.get(&from.slot).is_some_and(|user| user.room != room);
        let mut said = if moves { self.leave(from.slot) } else { Vec::new() };
        let user = User { socket: Ticket { ack: None, ..from }, name, room: room.to_owned() };
        let told = |count| format!("{{\"user_name\":{},\"num_users\":{count}}}", user.name);
        let count = self.users.len() + usize::from(!self.users.contains_key(&from.slot));
        let told = told(count);
        self.users.insert(from.slot, user);
        said.extend(self.tell(room, None, "_joined", &told));
        Ok(said)
    }

    fn message(&self, from: Ticket, arg: &Json) -> Result<Said, (&'static str, &'static str)> {
        let user = self.users.get(&from.slot).ok_or(("message", "join first: joined {name, room}"))?;
        let message = arg.member("message").ok_or(("message", "message is missing"))?;
        if message.len() > MESSAGE_MAX {
            return Err(("message", "message is longer than 4096 bytes"));
        }
        let told = format!("{{\"user_name\":{},\"message\":{message}}}", user.name);
        Ok(self.tell(&user.room, Some(from.slot), "_message", &told).collect())
    }

    /// By `left`, or by the end of the connection; the second of them tells nobody.
    pub(crate) fn leave(&mut self, slot: u32) -> Said {
        let Some(user) = self.users.remove(&slot) else { return Vec::new() };
        let told = format!("{{\"user_name\":{},\"num_users\":{}}}", user.name, self.users.len());
        self.tell(&user.room, None, "_left", &told).collect()
    }

    /// Everybody in the room but `except`.
    fn tell<'a>(&'a self, room: &'a str, except: Option<u32>, name: &'a str, args: &'a str) -> impl Iterator<Item = (Ticket, Saying)> + 'a {
        let there = self.users.iter().filter(move |(slot, user)| user.room == room && Some(**slot) != except);
        there.map(move |(_, user)| (user.socket, Saying::Event { name: name.to_owned(), args: args.to_owned() }))
    }
}

fn refusal(field: &str, why: &str) -> String {
    format!("{{\"error\":{{\"code\":\"invalid_field\",\"message\":{},\"field\":\"{field}\"}}}}", Json::string(why))
}
