use std::io::Write;

use tidings_engineio::websocket::client::frame as client_frame;
use tidings_engineio::websocket::{Opcode, frame};

use super::*;

#[test]
fn bytes_behind_an_upgrade_s_head_are_the_socket_s_first() {
    let server = Server::start(1);
    let mut web = server.web();
    let mut bytes = b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        .to_vec();
    bytes.extend(client_frame(Opcode::Text, b"early", [1, 2, 3, 4]));
    bytes.extend(client_frame(Opcode::Text, b"bird", [1, 2, 3, 4]));
    web.write(bytes).unwrap();
    assert_eq!(web.answer().unwrap().status, 101);
    let mut socket = Socket::over(web);
    assert_eq!(socket.text().len(), 24, "its sid");
    assert_eq!((socket.text(), socket.text()), ("early".to_owned(), "bird".to_owned()));
}

#[test]
fn messages_come_whole_however_they_were_cut() {
    let server = Server::start(1);
    let mut socket = server.socket();
    let mut bytes = Vec::new();
    for text in ["a", "bb", "ccc"] {
        bytes.extend(client_frame(Opcode::Text, text.as_bytes(), [9, 8, 7, 6]));
    }
    // A fragmented message with a ping inside.
    let mut first = client_frame(Opcode::Text, b"in ", [5; 4]);
    first[0] &= 0x7f;
    bytes.extend(first);
    bytes.extend(client_frame(Opcode::Ping, b"p", [5; 4]));
    bytes.extend(client_frame(Opcode::Continuation, b"two", [5; 4]));
    for byte in &bytes {
        socket.stream.write_all(&[*byte]).unwrap();
    }
    for expected in ["a", "bb", "ccc", "in two"] {
        assert_eq!(socket.text(), expected);
    }
    socket.stream.write_all(&bytes).unwrap();
    for expected in ["a", "bb", "ccc", "in two"] {
        assert_eq!(socket.text(), expected);
    }
    server.diary.until("Socket Ping([112])");
}

#[test]
fn a_message_of_a_megabyte_passes_and_a_larger_one_is_1009() {
    let server = Server::start(1);
    let mut socket = server.socket();
    socket.send(&format!("length:{}", "x".repeat(999_993))).unwrap();
    assert_eq!(socket.text(), "1000000");
    socket.send("small again").unwrap();
    assert_eq!(socket.text(), "small again");
    // The server may end before it has read all of it.
    let _ = socket.send(&"x".repeat(1_000_001));
    assert_eq!(socket.next(SOON).unwrap(), Frame::Close(Some(1009)));
    socket.ends();
    server.diary.until("closed Socket");
}

#[test]
fn bytes_that_are_no_frames_close_their_socket_only() {
    let server = Server::start(1);
    let (mut bad, mut good) = (server.socket(), server.socket());
    bad.stream.write_all(b"\x81\x01x this is not masked").unwrap();
    assert_eq!(bad.next(SOON).unwrap(), Frame::Close(Some(1002)));
    bad.ends();
    good.send("fine").unwrap();
    assert_eq!(good.text(), "fine");
}

#[test]
fn goodbyes_are_fin_or_a_close_frame_and_fin() {
    let server = Server::start(1);
    let (mut fin, mut close) = (server.socket(), server.socket());
    fin.send("fin:").unwrap();
    assert_eq!(fin.next(SOON).unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
    close.send("close:1001").unwrap();
    assert_eq!(close.next(SOON).unwrap(), Frame::Close(Some(1001)));
    close.ends();
}

#[test]
fn who_does_not_read_blocks_and_gets_everything_once_he_does() {
    let server = Server::start(1);
    let mut socket = server.socket();
    socket.send("flood:256").unwrap();
    server.diary.until("blocked");
    let mut got = 0;
    loop {
        match socket.text() {
            text if text == "all" => break,
            text => got += text.len(),
        }
    }
    assert_eq!(got, 256 * 64 * 1024);
    server.diary.until("drained");
    socket.send("and now").unwrap();
    while socket.text() != "and now" {}
}

#[test]
fn a_house_that_writes_on_is_cut_off_not_buffered() {
    let server = Server::start(1);
    let (mut socket, mut other) = (server.socket(), server.socket());
    for _ in 0..4 {
        // It may be cut already.
        let _ = socket.send("rude:");
    }
    server.diary.until("closed Socket");
    other.send("alive").unwrap();
    assert_eq!(other.text(), "alive");
    assert_eq!(server.gateway.numbers().next().unwrap().overrun, 1);
}

#[test]
fn a_socket_that_ends_is_closed_after_its_last_message() {
    let server = Server::start(1);
    for _ in 0..20 {
        let mut socket = server.socket();
        for i in 0..10 {
            socket.send(&format!("{i}")).unwrap();
        }
        socket.stream.shutdown(std::net::Shutdown::Write).unwrap();
        for i in 0..10 {
            assert_eq!(socket.text(), format!("{i}"));
        }
        socket.ends();
    }
    server.diary.until("closed Socket");
}

#[test]
fn a_probe_is_promoted_and_a_second_one_refused() {
    let server = Server::start(2);
    let sid = server.session();
    let query = format!("EIO=4&transport=websocket&sid={sid}");
    let mut socket = server.socket_of(&query);
    server.diary.until("probe");
    socket.send("upgrade").unwrap();
    assert_eq!(socket.text(), "upgraded");
    let refused = Socket::open(server.gateway.addr(), &format!("/socket.io/?{query}")).unwrap();
    let answer = refused.err().expect("refused");
    assert_eq!((answer.status, answer.text().as_str(), answer.header("connection")), (400, "Bad request", Some("close")));
    socket.send("still here").unwrap();
    assert_eq!(socket.text(), "still here");
}

#[test]
fn a_fan_out_is_one_write_a_socket() {
    let server = Server::start(2);
    let mut sockets: Vec<Socket> = (0..40).map(|_| server.socket()).collect();
    let writes = |server: &Server| server.gateway.numbers().map(|numbers| numbers.writes).sum::<u64>();
    // The numbers are those of a turn's end; an opening is one write.
    eventually(|| writes(&server) == 40);
    for sender in &server.senders {
        sender.feed(Mail::Say(frame(Opcode::Text, b"to all"))).unwrap();
    }
    for socket in &mut sockets {
        assert_eq!(socket.text(), "to all");
    }
    eventually(|| writes(&server) >= 80);
    assert_eq!(writes(&server), 80);
}

#[test]
fn connections_spread_over_the_workers() {
    let server = Server::start(3);
    let _sockets: Vec<Socket> = (0..600).map(|_| server.socket()).collect();
    eventually(|| server.gateway.numbers().map(|numbers| numbers.sessions).sum::<u64>() == 600);
    for numbers in server.gateway.numbers() {
        assert!((100..=300).contains(&numbers.connections), "{numbers:?}");
        assert_eq!(numbers.connections, numbers.sessions);
    }
}

#[test]
fn mail_wakes_a_sleeping_worker_each_time() {
    let server = Server::start(1);
    let mut socket = server.socket();
    for i in 0..200 {
        let text = format!("{i}");
        let mail = Mail::Say(frame(Opcode::Text, text.as_bytes()));
        if i % 2 == 0 {
            server.senders[0].feed(mail).unwrap()
        } else {
            server.senders[0].tell(mail).unwrap()
        }
        assert_eq!(socket.text(), text);
    }
}
