use tidings_model::AppNo;

use super::*;

fn socket(slot: u32) -> Ticket {
    Ticket { slot, tenant: 7, ack: None }
}

/// What one event says, a line to each: `slot event args`.
fn said(chat: &mut Chat, from: Ticket, name: &str, arg: &str) -> Vec<String> {
    let heard = Heard { app: AppNo::DEFAULT, name: name.to_owned(), args: vec![arg.to_owned()] };
    lines(chat.hear(from, &heard).unwrap())
}

fn lines(said: Said) -> Vec<String> {
    let line = |(to, saying): (Ticket, Saying)| match saying {
        Saying::Ack(answer) => format!("{} ack {} {answer}", to.slot, to.ack.unwrap()),
        Saying::Event { name, args } => format!("{} {name} {args}", to.slot),
    };
    said.into_iter().map(line).collect()
}

fn with_ann_and_bob() -> Chat {
    let mut chat = Chat::default();
    said(&mut chat, socket(1), "joined", "{\"name\":\"Ann\",\"room\":\"a\"}");
    said(&mut chat, socket(2), "joined", "{\"name\":\"Bob\",\"room\":\"a\"}");
    chat
}

#[test]
fn the_room_hears_who_joins_and_the_count_is_of_all_rooms() {
    let mut chat = Chat::default();
    let ann = said(&mut chat, socket(1), "joined", "{\"name\":\"Ann é\",\"room\":\"a\"}");
    assert_eq!(ann, ["1 _joined {\"user_name\":\"Ann é\",\"num_users\":1}"]);
    let bob = said(&mut chat, socket(2), "joined", "{\"name\":\"Bob\",\"room\":\"b\"}");
    assert_eq!(bob, ["2 _joined {\"user_name\":\"Bob\",\"num_users\":2}"]);
    let cid = said(&mut chat, socket(3), "joined", "{\"name\":\"Cid\",\"room\":\"a\"}");
    assert_eq!(cid, ["1 _joined {\"user_name\":\"Cid\",\"num_users\":3}", "3 _joined {\"user_name\":\"Cid\",\"num_users\":3}"]);
}

#[test]
fn the_others_hear_a_message() {
    let mut chat = with_ann_and_bob();
    assert_eq!(said(&mut chat, socket(1), "message", "{\"message\":\"hi\"}"), ["2 _message {\"user_name\":\"Ann\",\"message\":\"hi\"}"]);
}

#[test]
fn a_goodbye_is_told_once_with_whatever_payload() {
    let mut chat = with_ann_and_bob();
    let asks = Ticket { ack: Some(4), ..socket(1) };
    let bye = said(&mut chat, asks, "left", "{\"any\":[\"thing\"]}");
    assert_eq!(bye, ["2 _left {\"user_name\":\"Ann\",\"num_users\":1}", "1 ack 4 {\"ok\":true}"]);
    assert!(chat.leave(1).is_empty());
    assert_eq!(said(&mut chat, asks, "left", "null"), ["1 ack 4 {\"ok\":true}"]);
    assert!(lines(chat.leave(2)).is_empty());
}

#[test]
fn who_joins_again_moves_and_counts_once() {
    let mut chat = with_ann_and_bob();
    let moved = said(&mut chat, socket(2), "joined", "{\"name\":\"Bob\",\"room\":7}");
    assert_eq!(moved, ["1 _left {\"user_name\":\"Bob\",\"num_users\":1}", "2 _joined {\"user_name\":\"Bob\",\"num_users\":2}"]);
    let again = said(&mut chat, socket(2), "joined", "{\"name\":\"Rob\",\"room\":7}");
    assert_eq!(again, ["2 _joined {\"user_name\":\"Rob\",\"num_users\":2}"]);
}

#[test]
fn what_makes_no_sense_is_refused_to_who_asks_and_told_to_nobody() {
    let mut chat = with_ann_and_bob();
    let long = format!("{{\"message\":\"{}\"}}", "x".repeat(MESSAGE_MAX));
    let cases = [
        (1, "joined", "{}", "name"),
        (1, "joined", "{\"name\":\"\"}", "name"),
        (1, "joined", "{\"name\":7,\"room\":\"a\"}", "name"),
        (1, "message", "\"hi\"", "message"),
        (1, "message", &long, "message"),
        (9, "message", "{\"message\":\"hi\"}", "message"),
    ];
    for (slot, name, arg, field) in cases {
        let told = said(&mut chat, Ticket { ack: Some(1), ..socket(slot) }, name, arg);
        assert!(told.len() == 1 && told[0].contains(&format!("\"field\":\"{field}\"")), "{told:?}");
        assert!(said(&mut chat, socket(slot), name, arg).is_empty());
    }
}

#[test]
fn other_events_are_none_of_its() {
    assert!(Chat::default().hear(socket(1), &Heard { app: AppNo::DEFAULT, name: "broadcast".to_owned(), args: Vec::new() }).is_none());
}
