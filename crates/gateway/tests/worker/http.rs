use std::io::Write;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use super::*;

#[test]
fn requests_follow_each_other_on_one_connection_and_pipelined_ones_are_answered_in_order() {
    let server = Server::start(1);
    let mut web = server.web();
    let sid = web.get("").text();
    assert_eq!(web.post(&sid, "say:one").text(), "ok");
    assert_eq!(web.get(&sid).text(), "one");
    let pipelined = [post(&sid, "say:two"), get(&sid), post(&sid, "x"), "GET /healthz HTTP/1.1\r\n\r\n".to_owned(), get("nope")].concat();
    web.write(pipelined).unwrap();
    let bodies: Vec<String> = (0..5).map(|_| web.answer().unwrap().text()).collect();
    assert_eq!(bodies, ["ok", "two", "ok", "{\"status\":\"ok\"}", "{\"code\":1,\"message\":\"Session ID unknown\"}"]);
}

#[test]
fn what_is_pipelined_behind_a_held_get_waits_for_its_answer() {
    let server = Server::start(1);
    let (mut web, mut other) = (server.web(), server.web());
    let sid = server.session();
    web.write([get(&sid), post(&sid, "x")].concat()).unwrap();
    web.write(get("")).unwrap();
    assert_eq!(other.post(&sid, "say:held").text(), "ok");
    assert_eq!(web.answer().unwrap().text(), "held");
    assert_eq!(web.answer().unwrap().text(), "ok");
    assert_eq!(web.answer().unwrap().text().len(), 24);
}

#[test]
fn http_1_0_closes_unless_it_asks_to_stay() {
    let server = Server::start(1);
    let mut web = server.web();
    web.write("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").unwrap();
    assert_eq!(web.answer().unwrap().header("connection"), Some("keep-alive"));
    web.write("GET /healthz HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(web.answer().unwrap().header("connection"), Some("close"));
    assert!(web.is_ended());
}

#[test]
fn a_body_comes_in_chunks_at_any_pace() {
    let server = Server::start(1);
    let sid = server.session();
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n7;ext=1\r\nlength:\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
        target(&sid)
    );
    let mut whole = server.web();
    whole.write(&request).unwrap();
    assert_eq!(whole.answer().unwrap().text(), "17");
    let mut slow = server.web();
    for byte in request.bytes() {
        slow.write([byte]).unwrap();
    }
    assert_eq!(slow.answer().unwrap().text(), "17");
    assert_eq!(slow.post(&sid, "x").text(), "ok", "the connection stays");
}

#[test]
fn a_client_that_waits_for_100_continue_gets_it() {
    let server = Server::start(1);
    let sid = server.session();
    let mut web = server.web();
    web.write(format!("POST {} HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 8\r\n\r\n", target(&sid))).unwrap();
    assert_eq!(web.answer().unwrap().status, 100);
    web.write("length:8").unwrap();
    assert_eq!(web.answer().unwrap().text(), "8");
}

#[test]
fn a_body_over_the_limit_is_413_and_the_session_stays() {
    let server = Server::with(1, |config| config.max_http_buffer = 1000);
    let sid = server.session();
    let (mut by_length, mut by_chunks) = (server.web(), server.web());
    by_length.write(post(&sid, &"x".repeat(1001))).unwrap();
    assert_eq!(by_length.answer().unwrap().status, 413);
    by_chunks.write(format!("POST {} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n", target(&sid))).unwrap();
    by_chunks.write("x".repeat(1000)).unwrap();
    by_chunks.write("\r\n1\r\nx").unwrap();
    assert_eq!(by_chunks.answer().unwrap().status, 413);
    assert_eq!(server.web().post(&sid, &"x".repeat(1000)).text(), "ok");
}

#[test]
fn a_megabyte_is_read_in_pieces() {
    let server = Server::start(1);
    let sid = server.session();
    let mut web = server.web();
    assert_eq!(web.post(&sid, &format!("length:{}", "x".repeat(999_993))).text(), "1000000");
}

#[test]
fn a_long_answer_reaches_a_reader_who_takes_his_time() {
    let server = Server::start(1);
    let sid = server.session();
    let text = "y".repeat(900_000);
    assert_eq!(server.web().post(&sid, &format!("say:{text}")).text(), "ok");
    for _ in 0..8 {
        assert_eq!(server.web().post(&sid, &format!("say:{text}")).text(), "ok");
    }
    let mut web = server.web();
    web.write(get(&sid).repeat(9)).unwrap();
    // Nothing is read until the worker has filled what the kernel takes.
    eventually(|| server.gateway.numbers().next().unwrap().blocked > 0);
    for _ in 0..9 {
        assert_eq!(web.answer().unwrap().body.len(), 900_000);
    }
}

#[test]
fn an_open_get_whose_client_leaves_is_lost() {
    let server = Server::start(1);
    for reset in [false, true] {
        let server = if reset { &Server::start(1) } else { &server };
        let sid = server.session();
        let mut web = server.web();
        web.write(get(&sid)).unwrap();
        // A POST behind it on another connection proves that the GET was taken: both are served in the order of arrival.
        assert_eq!(server.web().post(&sid, "x").text(), "ok");
        if reset {
            rustix::net::sockopt::set_socket_linger(&web.stream, Some(Duration::ZERO)).unwrap();
            drop(web);
        } else {
            web.stream.shutdown(Shutdown::Write).unwrap();
        }
        server.diary.until("lost Poll");
        assert_eq!(server.web().post(&sid, "say:kept").text(), "ok");
        assert_eq!(server.web().get(&sid).text(), "kept");
    }
}

#[test]
fn a_session_that_ends_leaves_no_request_waiting() {
    let server = Server::start(1);
    let sid = server.session();
    let (mut held, mut web) = (server.web(), server.web());
    held.write(get(&sid)).unwrap();
    web.write(post(&sid, "x")).unwrap();
    assert_eq!(web.answer().unwrap().text(), "ok");
    web.write(post(&sid, "end:")).unwrap();
    assert!(web.is_ended() && held.is_ended());
    assert_eq!(server.web().get(&sid).text(), "{\"code\":1,\"message\":\"Session ID unknown\"}");
}

#[test]
fn a_second_post_while_the_body_of_one_is_coming_ends_the_session() {
    let server = Server::start(2);
    let sid = server.session();
    let (mut slow, mut web) = (server.web(), server.web());
    slow.write(format!("POST {} HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 8\r\n\r\n", target(&sid))).unwrap();
    assert_eq!(slow.answer().unwrap().status, 100);
    web.write(post(&sid, "x")).unwrap();
    assert_eq!(web.answer().unwrap().status, 400);
    assert!(web.is_ended() && slow.is_ended());
    assert_eq!(server.web().post(&sid, "x").text(), "{\"code\":1,\"message\":\"Session ID unknown\"}");
}

#[test]
fn a_post_that_came_to_nothing_makes_room_for_the_next() {
    let server = Server::with(1, short_deadlines);
    let sid = server.session();
    let begun = format!("POST {} HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 8\r\n\r\n", target(&sid));
    let mut late = server.web();
    late.write(&begun).unwrap();
    assert_eq!(late.answer().unwrap().status, 100);
    assert_eq!(late.answer().unwrap().status, 408);
    assert_eq!(server.web().post(&sid, "x").text(), "ok");
    let mut left = server.web();
    left.write(&begun).unwrap();
    assert_eq!(left.answer().unwrap().status, 100);
    left.stream.shutdown(Shutdown::Write).unwrap();
    assert!(left.is_ended());
    assert_eq!(server.web().post(&sid, "x").text(), "ok");
}

#[test]
fn a_head_a_body_and_an_idle_connection_have_their_time() {
    let server = Server::with(1, short_deadlines);
    let sid = server.session();
    let (mut head, mut body, mut idle) = (server.web(), server.web(), server.web());
    head.write("GET /healthz HT").unwrap();
    body.write(format!("POST {} HTTP/1.1\r\nContent-Length: 8\r\n\r\nhalf", target(&server.session()))).unwrap();
    assert_eq!(idle.post(&sid, "x").text(), "ok");
    for web in [&mut head, &mut body] {
        assert_eq!(web.answer().unwrap().status, 408);
        assert!(web.is_ended());
    }
    assert!(idle.is_ended());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test of time")]
fn a_trickled_head_does_not_live_longer_than_a_silent_one() {
    let server = Server::with(1, short_deadlines);
    let (mut web, start) = (server.web(), Instant::now());
    web.stream.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    web.write("GET /healthz HTTP/1.1\r\n").unwrap();
    while web.stream.write_all(b"a: b\r\n").is_ok() && web.answer().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock) {
        assert!(start.elapsed() < SOON, "it ends");
    }
}

#[test]
fn a_held_get_outlives_every_deadline_of_requests() {
    let server = Server::with(1, short_deadlines);
    let sid = server.session();
    let (mut held, mut idle) = (server.web(), server.web());
    held.write(get(&sid)).unwrap();
    assert_eq!(idle.post(&sid, "x").text(), "ok");
    assert!(idle.is_ended(), "the longest deadline has passed");
    assert_eq!(server.web().post(&sid, "say:still").text(), "ok");
    assert_eq!(held.answer().unwrap().text(), "still");
}

#[test]
fn garbage_ends_its_own_connection_only() {
    let server = Server::start(1);
    let sid = server.session();
    for garbage in ["\x16\x03\x01\x02", "GET\r\n\r\n", "GET / HTTP/3.0\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"] {
        let mut web = server.web();
        web.write(garbage).unwrap();
        let status = web.answer().unwrap().status;
        assert!((400..600).contains(&status), "{garbage:?}: {status}");
        assert!(web.is_ended());
    }
    assert_eq!(server.web().post(&sid, "x").text(), "ok");
}

#[test]
fn a_refused_handshake_gets_the_house_s_own_answer() {
    let server = Server::start(1);
    let mut web = server.web();
    web.write("GET /socket.io/?EIO=4&transport=polling&refuse=1 HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(web.answer().unwrap().status, 403);
    let refused = Socket::open(server.gateway.addr(), "/socket.io/?EIO=4&transport=websocket&refuse=1").unwrap();
    assert_eq!(refused.err().map(|answer| answer.status), Some(403));
}

#[test]
fn beyond_the_limit_a_connection_gets_503_and_room_comes_back() {
    let server = Server::with(1, |config| config.max_connections = Some(2));
    let (mut first, mut second) = (server.web(), server.web());
    let sid = first.get("").text();
    assert_eq!(second.post(&sid, "x").text(), "ok");
    let mut third = server.web();
    assert_eq!(third.get(&sid).status, 503);
    assert!(third.is_ended());
    second.write("GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(second.answer().unwrap().status, 200);
    assert!(second.is_ended());
    drop(second);
    eventually(|| server.web().get("nope").status != 503);
    assert!(server.gateway.numbers().next().unwrap().refused >= 1);
}

#[test]
fn beyond_its_share_an_address_gets_503_and_its_room_comes_back() {
    let server = Server::with(2, |config| config.connections_per_address = Some(2));
    let (mut first, mut second) = (server.web(), server.web());
    let sid = first.get("").text();
    assert_eq!(second.post(&sid, "x").text(), "ok");
    let mut third = server.web();
    assert_eq!(third.get(&sid).status, 503);
    assert!(third.is_ended());
    drop(second);
    eventually(|| server.web().get("nope").status != 503);
}

#[test]
fn a_trusted_proxy_has_as_many_connections_as_it_likes() {
    let server = Server::with(1, |config| {
        config.connections_per_address = Some(1);
        config.trusted_proxies.0.push("127.0.0.0/8".parse().unwrap());
    });
    let mut all: Vec<_> = (0..5).map(|_| server.web()).collect();
    assert!(all.iter_mut().all(|web| web.get("").status == 200));
}

#[test]
fn the_address_behind_a_trusted_proxy_is_the_client_s() {
    let server = Server::with(1, |config| config.trusted_proxies.0.push("127.0.0.0/8".parse().unwrap()));
    let mut web = server.web();
    web.write("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nX-Forwarded-For: 6.6.6.6, 9.9.9.9, 127.0.0.3\r\n\r\n").unwrap();
    assert_eq!(web.answer().unwrap().status, 200);
    server.diary.until("open from 9.9.9.9");
}
