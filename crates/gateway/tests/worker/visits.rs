//! Requests that the house itself answers.

use bytes::Bytes;

use super::*;

fn server() -> Server {
    Server::with(1, |config| {
        config.visits = true;
        config.max_http_buffer = 1000;
    })
}

#[test]
fn a_visit_is_answered_by_the_house_and_the_connection_goes_on() {
    let server = server();
    let mut web = server.web();
    let chunked = "POST /now HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let requests =
        ["GET /now?x HTTP/1.1\r\n\r\n", "PUT /now HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi", chunked, "GET /no HTTP/1.1\r\n\r\n", &get("")];
    web.write(requests.concat()).unwrap();
    let answers: Vec<_> = (0..4).map(|_| web.answer().unwrap()).map(|answer| (answer.status, answer.text())).collect();
    assert_eq!(answers, [(200, String::new()), (200, "hi".to_owned()), (200, "abc".to_owned()), (404, "Not Found".to_owned())]);
    assert_eq!(web.answer().unwrap().text().len(), 24, "its sid");
    server.diary.until("visit PUT /now ? hi");
}

#[test]
fn a_visit_that_is_answered_later_holds_what_is_pipelined_behind_it() {
    let server = server();
    let mut web = server.web();
    web.write(["GET /later HTTP/1.1\r\n\r\n", "GET /now HTTP/1.1\r\nContent-Length: 4\r\n\r\nnext"].concat()).unwrap();
    server.diary.until("visit GET /later ? ");
    assert!(server.senders[0].tell(Mail::Receive(Bytes::from_static(b"late"))).is_ok());
    let late = web.answer().unwrap();
    assert_eq!((late.text(), late.header("content-type")), ("late".to_owned(), Some("text/html")));
    assert_eq!(web.answer().unwrap().text(), "next");
}

#[test]
fn an_answer_to_a_visitor_who_has_gone_reaches_nobody_else() {
    let server = server();
    let mut gone = server.web();
    gone.write("GET /later HTTP/1.1\r\n\r\n").unwrap();
    server.diary.until("visit GET /later ? ");
    drop(gone);
    eventually(|| server.gateway.numbers().next().is_some_and(|numbers| numbers.connections == 0));
    let mut other = server.web();
    other.write("GET /now HTTP/1.1\r\nContent-Length: 1\r\n\r\nx").unwrap();
    assert_eq!(other.answer().unwrap().text(), "x");
    assert!(server.senders[0].tell(Mail::Receive(Bytes::from_static(b"late"))).is_ok());
    other.write("GET /now HTTP/1.1\r\nContent-Length: 1\r\n\r\ny").unwrap();
    assert_eq!(other.answer().unwrap().text(), "y");
}

#[test]
fn a_visit_may_not_bring_more_than_the_door_takes() {
    let server = server();
    for fields in ["Content-Length: 1001", "Transfer-Encoding: chunked"] {
        let mut web = server.web();
        web.write(format!("POST /now HTTP/1.1\r\n{fields}\r\n\r\n3e9\r\n{}", "x".repeat(1001))).unwrap();
        assert_eq!(web.answer().unwrap().status, 413);
        assert!(web.is_ended());
    }
}

#[test]
fn a_house_that_never_answers_does_not_hold_a_connection_for_ever() {
    let server = Server::with(1, |config| {
        config.visits = true;
        short_deadlines(config);
    });
    let mut web = server.web();
    web.write("GET /later HTTP/1.1\r\n\r\n").unwrap();
    assert!(web.is_ended());
}
