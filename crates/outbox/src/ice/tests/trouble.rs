//! Refusals, and connections that end.

use tidings_ice::header::LEN;
use tidings_ice::{Encapsulation, Reply};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

#[tokio::test]
async fn a_busy_listener_is_called_when_it_said_and_a_refusal_is_one() {
    let business = Business::open(EVENT_LISTENER).await;
    let mut carrier = business.carrier();
    business.servant.will([raised(Kind::Busy { retry_after_ms: Some(1500) }), raised(Kind::Plain), raised(Kind::Unauthorized)]);
    let why = || "code: text".to_owned();
    assert_eq!(carrier.carry(&batch("r")).await, Outcome::Later { after: Some(Duration::from_millis(1500)), why: why() });
    assert_eq!(carrier.carry(&batch("r")).await, Outcome::Refused { why: why() });
    assert_eq!(carrier.carry(&batch("r")).await, Outcome::Later { after: None, why: why() });
    assert_eq!(carrier.carry(&batch("r")).await, taken(0));
}

#[tokio::test]
async fn what_was_taken_before_a_refusal_counts() {
    let business = Business::open(OLD_LISTENER).await;
    let mut carrier = business.carrier();
    business.servant.will([Answer::Ok(Bytes::new()), raised(Kind::Plain)]);
    let all = batch("rosr");
    assert_eq!(carrier.carry(&all).await, taken(1));
    business.servant.will([raised(Kind::Plain)]);
    assert!(matches!(carrier.carry(&all[2..]).await, Outcome::Refused { .. }));
    assert_eq!(carrier.carry(&all[3..]).await, taken(3));
}

#[tokio::test]
async fn a_listener_that_says_nothing_is_given_up_and_its_connection_kept() {
    let business = Business::open(EVENT_LISTENER).await;
    business.servant.will([Answer::Internal("never".to_owned())]);
    let mut carrier = IceCarrier::with_patience(target(&format!("pushListener:tcp -p {}", business.port)), Duration::from_millis(300));
    assert!(matches!(carrier.carry(&batch("r")).await, Outcome::Later { after: None, .. }));
    assert_eq!(carrier.carry(&batch("r")).await, taken(0));
    assert_eq!(carrier.proxy.connection(), 1);
}

#[tokio::test]
async fn another_identity_waits() {
    let business = Business::open(EVENT_LISTENER).await;
    let mut carrier = IceCarrier::new(target(&format!("other:tcp -p {}", business.port)));
    assert_eq!(carrier.carry(&batch("r")).await, Outcome::Later { after: None, why: "no such object".to_owned() });
}

#[tokio::test]
async fn a_batch_that_is_given_up_leaves_the_carrier_whole() {
    let business = Business::open(EVENT_LISTENER).await;
    business.servant.will([Answer::Internal("never".to_owned())]);
    let mut carrier = business.carrier();
    let events = batch("r");
    tokio::select! {
        _ = carrier.carry(&events) => panic!("it is never answered"),
        () = business.servant.begun.notified() => {}
    }
    assert_eq!(carrier.carry(&events).await, taken(0));
}

const VALIDATE: [u8; LEN] = *b"IceP\x01\x00\x01\x00\x03\x00\x0e\x00\x00\x00";
const CLOSE: [u8; LEN] = *b"IceP\x01\x00\x01\x00\x04\x00\x0e\x00\x00\x00";

/// One message.
async fn read(stream: &mut TcpStream) -> Vec<u8> {
    let mut message = vec![0; LEN];
    stream.read_exact(&mut message).await.unwrap();
    let size = i32::from_le_bytes(message[10..14].try_into().unwrap());
    message.resize(usize::try_from(size).unwrap(), 0);
    stream.read_exact(&mut message[LEN..]).await.unwrap();
    message
}

async fn accept(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.write_all(&VALIDATE).await.unwrap();
    stream
}

async fn answer(stream: &mut TcpStream, request: &[u8]) {
    let id = i32::from_le_bytes(request[14..18].try_into().unwrap());
    stream.write_all(&Reply::Ok(Encapsulation::default()).message(id)).await.unwrap();
}

#[tokio::test]
async fn what_a_close_or_a_loss_left_goes_again_at_once_on_a_new_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut carrier = IceCarrier::new(target(&format!("pushListener:tcp -p {}", listener.local_addr().unwrap().port())));
    let events = batch("rs");
    let (outcome, ()) = tokio::join!(carrier.carry(&events), async {
        let mut first = accept(&listener).await;
        read(&mut first).await;
        first.write_all(&CLOSE).await.unwrap();
        let mut second = accept(&listener).await;
        let request = read(&mut second).await;
        answer(&mut second, &request).await;
    });
    assert_eq!(outcome, taken(1));
    let (outcome, ()) = tokio::join!(carrier.carry(&events), async {
        // The second connection was dropped above, and so are the third and the fourth.
        drop(read(&mut accept(&listener).await).await);
        drop(read(&mut accept(&listener).await).await);
    });
    assert!(matches!(outcome, Outcome::Later { after: None, .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_dead_endpoint_costs_nothing_but_a_try() {
    let business = Business::open(EVENT_LISTENER).await;
    let mut carrier = IceCarrier::new(target(&format!("pushListener:tcp -p 1:tcp -p {}", business.port)));
    assert_eq!(carrier.carry(&batch("r")).await, taken(0));
}

#[test]
fn a_target_is_checked_before_it_is_called() {
    let refused = |proxy: &str, ca: &[u8]| Target::new(proxy.parse().unwrap(), &Certificates { ca: ca.to_vec(), ours: None }).unwrap_err();
    assert_eq!(refused("pushListener:ssl -h biz -p 1", b""), BadTarget::NoCa);
    assert_eq!(refused("pushListener:tcp -h biz -p 1", b"a CA"), BadTarget::NoSsl);
    assert!(matches!(refused("pushListener:ssl -h biz -p 1", b"none"), BadTarget::Tls(_)));
}
