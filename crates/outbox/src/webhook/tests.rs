//! Against a receiver that answers what it is told to, on a socket of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, JoinHandle};

use tidings_model::{EventId, Position, What, Who};

use super::secret::signature;

use super::*;

fn batch() -> Vec<Event> {
    let event = |n| Event {
        id: EventId { at: Position::new(2, 1), n },
        app: AppName::root(),
        at: Millis(1_763_892_000_123),
        what: What::Online { who: Who::default() },
    };
    vec![event(0), event(1)]
}

/// One request: its head in lower case, and its body.
struct Heard {
    head: String,
    body: String,
    /// Which connection it came on, from 0.
    connection: usize,
}

impl Heard {
    fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.head)).split_once(':').unwrap().1.trim()
    }
}

struct Desk {
    port: u16,
    heard: Receiver<Heard>,
    _thread: JoinHandle<()>,
}

/// Answers one request after the other with these; then it is gone.
fn desk(answers: &[&'static str]) -> Desk {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, heard) = sync_channel(answers.len());
    let mut answers: std::collections::VecDeque<_> = answers.iter().copied().collect();
    let serve = move || {
        for connection in 0.. {
            if answers.is_empty() {
                return;
            }
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream);
            while let Some((head, body)) = read(&mut reader) {
                tell.send(Heard { head, body, connection }).unwrap();
                reader.get_mut().write_all(answers.pop_front().unwrap().as_bytes()).unwrap();
                if answers.is_empty() {
                    break;
                }
            }
        }
    };
    Desk { port, heard, _thread: Builder::new().spawn(serve).unwrap() }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap() == 0 {
            return None;
        }
    }
    let heard = Heard { head, body: String::new(), connection: 0 };
    let mut body = vec![0; heard.header("content-length").parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    Some((heard.head, String::from_utf8(body).unwrap()))
}

fn webhook(url: &str, allowed: &[&str]) -> Webhook {
    let allowed = Allowed::parse(allowed.iter().copied()).unwrap();
    let conf = Conf { url: url.to_owned(), types: None, secrets: vec![SinkSecret::new(&[7; 32])] };
    Webhooks::new(allowed).to(&SinkId::trusted("wh_1"), &conf).unwrap()
}

const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";

#[tokio::test]
async fn a_retry_has_the_same_id_and_body_on_the_same_connection() {
    let desk = desk(&["HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 4\r\n\r\nbusy", NO_CONTENT]);
    let mut webhook = webhook(&format!("http://127.0.0.1:{}/hooks", desk.port), &["127.0.0.1"]);
    let first = webhook.carry(&batch()).await;
    assert_eq!(first, Outcome::Later { after: Some(Duration::from_secs(7)), why: "answered 503".to_owned() });
    assert_eq!(webhook.carry(&batch()).await, Outcome::Taken { upto: batch()[1].id });
    let (first, second) = (desk.heard.recv().unwrap(), desk.heard.recv().unwrap());
    assert!(first.head.starts_with("POST /hooks HTTP/1.1\r\n"), "{}", first.head);
    assert_eq!(first.body, Letter::of("wh_1", &batch()).body);
    assert_eq!((&first.body, first.header("webhook-id")), (&second.body, second.header("webhook-id")));
    assert_eq!((first.connection, second.connection), (0, 0));
    assert_eq!(first.header("content-type"), "application/json");
    assert!(first.header("user-agent").starts_with("Tidings/"));
    let signed = format!("{}.{}.{}", first.header("webhook-id"), first.header("webhook-timestamp"), first.body);
    assert_eq!(first.header("webhook-signature"), signature(&SinkSecret::new(&[7; 32]), signed.as_bytes()));
}

#[tokio::test]
async fn an_answer_that_says_more_than_is_read_is_still_an_answer() {
    let desk = desk(&["HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\nand so on", NO_CONTENT]);
    let mut webhook = webhook(&format!("http://127.0.0.1:{}/", desk.port), &["127.0.0.1"]);
    assert_eq!(webhook.carry(&batch()).await, Outcome::Taken { upto: batch()[1].id });
    assert_eq!(webhook.carry(&batch()).await, Outcome::Taken { upto: batch()[1].id });
    let connections = [desk.heard.recv().unwrap().connection, desk.heard.recv().unwrap().connection];
    assert_eq!(connections, [0, 1]);
}

/// Its connections are taken by the system, and nobody reads them.
#[tokio::test(start_paused = true)]
async fn a_receiver_that_says_nothing_is_not_waited_for_longer_than_ten_seconds() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut webhook = webhook(&format!("http://{}/", silent.local_addr().unwrap()), &["127.0.0.1"]);
    let began = Instant::now();
    let outcome = webhook.carry(&batch()).await;
    assert!(matches!(outcome, Outcome::Later { after: None, .. }) && began.elapsed() <= WITHIN, "{outcome:?}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let desk = desk(&["HTTP/1.1 307 Over There\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n", NO_CONTENT]);
    let mut webhook = webhook(&format!("http://127.0.0.1:{}/", desk.port), &["127.0.0.1"]);
    assert!(matches!(webhook.carry(&batch()).await, Outcome::Later { after: None, why } if why.contains("307")));
    assert_eq!(webhook.carry(&batch()).await, Outcome::Taken { upto: batch()[1].id });
    desk.heard.recv().unwrap();
    assert!(desk.heard.recv().unwrap().head.starts_with("POST / "));
}

#[tokio::test]
async fn a_name_is_connected_to_only_where_its_address_may_be() {
    let desk = desk(&[NO_CONTENT]);
    let url = format!("http://localhost:{}/", desk.port);
    let refused = webhook(&url, &[]).carry(&batch()).await;
    assert!(matches!(&refused, Outcome::Later { after: None, why } if why.contains("no public one")), "{refused:?}");
    let mut allowed = webhook(&url, &["localhost"]);
    assert_eq!(allowed.carry(&batch()).await, Outcome::Taken { upto: batch()[1].id });
}

#[tokio::test]
async fn nobody_there_is_told_without_the_path() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let outcome = webhook(&format!("http://127.0.0.1:{port}/canary?canary"), &["127.0.0.1"]).carry(&batch()).await;
    assert!(matches!(&outcome, Outcome::Later { after: None, why } if why.contains("refused") && !why.contains("canary")), "{outcome:?}");
}

#[tokio::test]
async fn a_test_event_has_a_type_and_an_id_of_its_own() {
    let desk = desk(&["HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", NO_CONTENT]);
    let webhook = webhook(&format!("http://127.0.0.1:{}/", desk.port), &["127.0.0.1"]);
    let refused = webhook.test(&AppName::root(), 1).await;
    assert_eq!((refused.status, refused.error.as_deref()), (Some(410), Some("answered 410")));
    let taken = webhook.test(&AppName::root(), 0xabc).await;
    assert_eq!((taken.status, taken.error), (Some(204), None));
    desk.heard.recv().unwrap();
    let body = desk.heard.recv().unwrap().body;
    assert!(body.starts_with(r#"{"events":[{"id":"test_0000000000000abc","type":"webhook.test","app":"/","at":""#), "{body}");
}
