use super::*;

#[test]
fn a_websocket_moves_with_what_it_has_in_flight() {
    let server = Server::start(2);
    let mut sockets: Vec<Socket> = (0..8).map(|_| server.socket()).collect();
    for socket in &mut sockets {
        let mut sent = Vec::new();
        for i in 0..300 {
            let text = if i % 10 == 5 { format!("move:{}", i / 10 % 2) } else { format!("{i}") };
            sent.push(text);
        }
        // It asks where it is before it moves there: a move to where it is is a bug of the house.
        socket.send("where:").unwrap();
        let first = if socket.text() == "worker 0" { 1 } else { 0 };
        for text in &sent {
            let text = text.strip_prefix("move:").map_or(text.clone(), |to| format!("move:{}", (to.parse::<u16>().unwrap() + first) % 2));
            socket.send(&text).unwrap();
        }
        for text in sent.iter().filter(|text| !text.starts_with("move")) {
            assert_eq!(&socket.text(), text);
        }
    }
    assert_eq!(server.gateway.numbers().map(|numbers| numbers.arrived).sum::<u64>(), 8 * 30);
}

#[test]
fn a_polling_session_moves_with_its_open_get_and_is_found_afterwards() {
    let server = Server::start(3);
    for _ in 0..6 {
        let sid = server.session();
        let (mut held, mut web) = (server.web(), server.web());
        held.write(get(&sid)).unwrap();
        // Any worker may have taken these connections.
        let home = worker_of(&sid);
        assert_eq!(web.post(&sid, "x").text(), "ok");
        assert_eq!(web.post(&sid, &format!("move:{}", (home + 1) % 3)).text(), "ok");
        server.diary.until(&format!("arrived at {}", (home + 1) % 3));
        assert_eq!(web.post(&sid, "say:moved").text(), "ok");
        assert_eq!(held.answer().unwrap().text(), "moved");
        assert_eq!(server.web().post(&sid, "say:again").text(), "ok");
        assert_eq!(held.get(&sid).text(), "again");
    }
    assert!(server.gateway.numbers().map(|numbers| numbers.passed).sum::<u64>() > 0);
}

#[test]
fn a_session_that_is_always_elsewhere_is_unknown_after_two_hops() {
    let server = Server::start(2);
    // Worker 7 does not exist; a sid of the other worker that it does not know is unknown there.
    for worker in [0u16, 1, 7, 65535] {
        let sid = tidings_engineio::Sid { worker, slot: 9, key: [7; 12] }.to_string();
        for _ in 0..4 {
            let answer = server.web().get(&sid);
            assert_eq!((answer.status, answer.text().as_str()), (400, "{\"code\":1,\"message\":\"Session ID unknown\"}"));
        }
    }
}

#[test]
fn a_request_that_is_passed_on_keeps_its_body_and_what_is_behind_it() {
    let server = Server::start(4);
    let sid = server.session();
    let expected: Vec<String> = ["ok", "17", "900007", "ok"].map(String::from).to_vec();
    for _ in 0..8 {
        let mut web = server.web();
        let chunked = format!("POST {} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", target(&sid));
        let all = [
            post(&sid, "x"),
            chunked + "7\r\nlength:\r\na\r\n0123456789\r\n0\r\n\r\n",
            post(&sid, &format!("length:{}", "x".repeat(900_000))),
            post(&sid, "y"),
        ];
        web.write(all.concat()).unwrap();
        let bodies: Vec<String> = (0..4).map(|_| web.answer().unwrap().text()).collect();
        assert_eq!(bodies, expected);
    }
}

fn worker_of(sid: &str) -> u16 {
    tidings_engineio::Sid::parse(sid).unwrap().worker
}
