use std::net::SocketAddr;

use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn serving(router: Router) -> Serving {
    Serving { router, ids: RequestIds::new(), tls: None }
}

async fn answered(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 4096];
    let read = stream.read(&mut bytes).await.unwrap();
    String::from_utf8(bytes[..read].to_vec()).unwrap()
}

/// A refused connection may be reset while its request is on the way.
async fn is_served(addr: SocketAddr) -> bool {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let mut bytes = vec![0; 4096];
    let asked = stream.write_all(REQUEST).await.is_ok();
    let read = stream.read(&mut bytes).await.unwrap_or(0);
    asked && bytes[..read].ends_with(b"hello")
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_until_there_is_room() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (closing, until) = Closing::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(run(listener, serving(Router::new().route("/", get(|| async { "hello" }))), 1, until));

    let mut first = TcpStream::connect(addr).await.unwrap();
    first.write_all(REQUEST).await.unwrap();
    assert!(answered(&mut first).await.ends_with("hello"));
    let mut second = TcpStream::connect(addr).await.unwrap();
    let refusal = answered(&mut second).await;
    assert!(refusal.starts_with("HTTP/1.1 503 ") && refusal.contains("\"code\":\"overloaded\""), "{refusal}");
    assert_eq!(answered(&mut second).await, "", "and closed");

    drop(first);
    while !is_served(addr).await {}
    closing.send_replace(true);
    assert!(tasks.join_next().await.unwrap().is_ok());
    assert!(TcpStream::connect(addr).await.is_err());
}
