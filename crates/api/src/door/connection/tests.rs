//! The clock of a connection, on a stream in memory and with time that the test moves.

use std::time::Duration;

use axum::extract::Request;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::watch;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, advance, sleep, timeout};

use super::*;
use crate::error::Failure;
use crate::http::body;

struct Peer {
    stream: DuplexStream,
    closing: watch::Sender<bool>,
    _serving: JoinSet<()>,
}

impl Peer {
    async fn connect() -> Self {
        let (ours, theirs) = duplex(4096);
        let (closing, until) = Closing::new();
        let mut serving = JoinSet::new();
        let router = Router::new()
            .route("/", get(|| async { "hello" }))
            .route("/slow", post(|body: String| async move { body }))
            .route("/object", post(object))
            .route("/late", get(|| async { sleep(Duration::from_secs(100)).await }));
        serving.spawn(serve(theirs, router, RequestIds::new(), until));
        // The other side is accepted at this very time.
        yield_now().await;
        Self { stream: ours, closing, _serving: serving }
    }

    async fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Everything until the end of the connection, and when that was.
    async fn rest(&mut self) -> (String, Instant) {
        let mut text = String::new();
        self.stream.read_to_string(&mut text).await.unwrap();
        (text, Instant::now())
    }

    async fn answer(&mut self) -> String {
        let mut bytes = vec![0; 4096];
        let read = self.stream.read(&mut bytes).await.unwrap();
        String::from_utf8(bytes[..read].to_vec()).unwrap()
    }
}

async fn object(request: Request) -> Result<(), Failure> {
    let (head, body) = request.into_parts();
    body::object(&head.headers, body).await.map(drop)
}

fn seconds(began: Instant, ended: Instant) -> u64 {
    (ended - began).as_millis().div_ceil(1000).try_into().unwrap()
}

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_nothing_is_closed_after_10_s() {
    let mut peer = Peer::connect().await;
    let began = Instant::now();
    let (said, ended) = peer.rest().await;
    assert_eq!((said.as_str(), seconds(began, ended)), ("", 10));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_trickles_in_is_cut_off_after_10_s() {
    let mut peer = Peer::connect().await;
    let began = Instant::now();
    for part in ["GET / HT", "TP/1.1\r\nHo", "st: localhost\r\n"] {
        peer.say(part).await;
        advance(Duration::from_secs(3)).await;
    }
    let (said, ended) = peer.rest().await;
    assert_eq!((said.as_str(), seconds(began, ended)), ("", 10));
}

#[tokio::test(start_paused = true)]
async fn a_connection_idles_75_s_between_requests_and_no_longer() {
    let mut peer = Peer::connect().await;
    peer.say(REQUEST).await;
    assert!(peer.answer().await.ends_with("hello"));
    sleep(Duration::from_secs(70)).await;
    peer.say(REQUEST).await;
    assert!(peer.answer().await.ends_with("hello"));
    let began = Instant::now();
    assert_eq!(seconds(began, peer.rest().await.1), 75);
}

#[tokio::test(start_paused = true)]
async fn a_later_head_has_10_s_from_its_first_byte() {
    let mut peer = Peer::connect().await;
    peer.say(REQUEST).await;
    peer.answer().await;
    sleep(Duration::from_secs(60)).await;
    peer.say("GET /").await;
    let began = Instant::now();
    assert_eq!(seconds(began, peer.rest().await.1), 10);
}

#[tokio::test(start_paused = true)]
async fn a_running_request_is_not_timed_by_the_connection() {
    let mut peer = Peer::connect().await;
    peer.say("GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(peer.answer().await.starts_with("HTTP/1.1 200"));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_waited_for_60_s() {
    let mut peer = Peer::connect().await;
    peer.say("POST /object HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{").await;
    let began = Instant::now();
    let answer = peer.answer().await;
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
    assert_eq!(seconds(began, Instant::now()), 60);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_reads_holds_the_connection_75_s() {
    let mut peer = Peer::connect().await;
    // Until neither requests nor answers fit into the stream.
    while timeout(Duration::from_secs(1), peer.say(REQUEST)).await.is_ok() {}
    let stuck = Instant::now();
    let ended = peer.stream.write_all(REQUEST.as_bytes()).await;
    assert!(ended.is_err(), "somebody read it");
    assert_eq!(seconds(stuck, Instant::now()), 74);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_http_is_refused_in_our_words() {
    let mut peer = Peer::connect().await;
    peer.say("nonsense\r\n\r\n").await;
    let (said, _) = peer.rest().await;
    assert!(said.starts_with("HTTP/1.1 400 "), "{said}");
    let id = said.split("tidings-request-id: ").nth(1).and_then(|rest| rest.split("\r\n").next()).unwrap();
    assert!(
        said.contains(r#""code":"invalid_field","message":"that is no HTTP/1.1 request""#)
            && said.ends_with(&format!("\"request_id\":\"{id}\"}}}}")),
        "{said}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_head_beyond_its_bound_is_refused_with_413() {
    for head in
        [format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(70 << 10)), format!("GET / HTTP/1.1\r\n{}\r\n", "x: 1\r\n".repeat(101))]
    {
        let mut peer = Peer::connect().await;
        // It may close before it has read all.
        let _ = peer.stream.write_all(head.as_bytes()).await;
        let (said, _) = peer.rest().await;
        assert!(said.starts_with("HTTP/1.1 413 ") && said.contains("payload_too_large"), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_closing_door_closes_idle_connections_at_once() {
    let mut peer = Peer::connect().await;
    peer.say(REQUEST).await;
    peer.answer().await;
    let began = Instant::now();
    peer.closing.send_replace(true);
    assert_eq!(seconds(began, peer.rest().await.1), 0);
}

#[tokio::test(start_paused = true)]
async fn a_closing_door_waits_a_second_for_half_a_head() {
    let mut peer = Peer::connect().await;
    peer.say("GET / HT").await;
    sleep(Duration::from_millis(1)).await;
    let began = Instant::now();
    peer.closing.send_replace(true);
    assert_eq!(seconds(began, peer.rest().await.1), 1);
}

#[tokio::test(start_paused = true)]
async fn a_closing_door_lets_a_running_request_end() {
    let mut peer = Peer::connect().await;
    peer.say("POST /slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nab").await;
    sleep(Duration::from_millis(1)).await;
    peer.closing.send_replace(true);
    sleep(Duration::from_secs(20)).await;
    peer.say("cd").await;
    let (said, _) = peer.rest().await;
    assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("abcd"), "{said}");
}
