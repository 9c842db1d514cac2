use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::*;

#[test]
#[expect(clippy::disallowed_methods, reason = "a test of time")]
fn a_stop_refuses_newcomers_says_farewell_and_ends() {
    let server = Server::start(2);
    let addr = server.gateway.addr();
    let sid = server.session();
    let (mut socket, mut held, mut idle) = (server.socket(), server.web(), server.web());
    held.write(get(&sid)).unwrap();
    assert_eq!(idle.post(&sid, "x").text(), "ok");
    let start = Instant::now();
    server.gateway.stop(Duration::from_secs(20));
    assert!(TcpStream::connect(addr).is_err());
    assert_eq!(socket.text(), "farewell");
    socket.ends();
    assert!(held.is_ended() && idle.is_ended());
    server.gateway.join().unwrap();
    assert!(start.elapsed() < SOON, "it does not wait for its patience");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test of time")]
fn patience_is_an_end() {
    let server = Server::start(1);
    let mut web = server.web();
    // A POST in work that nobody finishes, by a client that does not leave.
    let sid = server.session();
    web.write(format!("POST {} HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf", target(&sid))).unwrap();
    let start = Instant::now();
    server.gateway.stop(Duration::from_secs(60));
    server.gateway.stop(Duration::ZERO);
    server.gateway.join().unwrap();
    assert!(start.elapsed() < SOON);
}

#[test]
fn an_address_in_use_is_named() {
    let server = Server::start(1);
    let config = Config { bind: vec![server.gateway.addr()], ..Config::default() };
    let error = Gateway::start(&config, vec![(House::new(0, &server.diary), inbox().unwrap().1)]).err().unwrap();
    let port = server.gateway.addr().port();
    assert_eq!(error.to_string(), format!("cannot listen on 127.0.0.1:{port}: port {port} is in use (usually by another server of ours)"));
}

#[test]
fn two_addresses_share_a_port_where_the_second_one_leaves_it_open() {
    let local = [SocketAddr::from(([127, 0, 0, 1], 0)), SocketAddr::from(([127, 0, 0, 2], 0))];
    let server = Server::with(2, |config| config.bind = local.to_vec());
    let addrs: Vec<SocketAddr> = server.gateway.addrs().collect();
    assert_eq!(addrs[0].port(), addrs[1].port());
    for addr in addrs {
        let mut web = Web::connect(addr).unwrap();
        assert_eq!(web.get("").status, 200);
    }
}
