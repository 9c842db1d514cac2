use super::*;

const BODY: &str = r#"{"events":[{"id":"7-0","data":{"message_id":"m"}},{"id":"7-1","data":{"args":[{}]}}]}"#;

#[test]
fn each_event_of_a_batch_is_counted_once() {
    assert_eq!(events(BODY.as_bytes()), 2);
    assert_eq!(events(br#"{"events":[]}"#), 0);
}

#[test]
fn a_request_is_taken_once_it_is_whole() {
    let text = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{BODY}", BODY.len());
    let head = text.len() - BODY.len();
    assert_eq!(request(text.as_bytes()).unwrap(), Some((head, text.len())));
    assert_eq!(request(&text.as_bytes()[..text.len() - 1]).unwrap(), None);
    assert_eq!(request(&text.as_bytes()[..head - 1]).unwrap(), None);
    assert!(request(b"POST / HTTP/1.1\r\n\r\n").is_err());
}

#[test]
fn what_is_down_takes_nothing() {
    let receiver = Receiver::start().unwrap();
    let mut stream = TcpStream::connect(receiver.addr).unwrap();
    for (is_up, status) in [(false, "503"), (true, "200")] {
        receiver.set_up(is_up);
        write!(stream, "POST / HTTP/1.1\r\ncontent-length: {}\r\n\r\n{BODY}", BODY.len()).unwrap();
        let mut answer = [0; 256];
        let len = stream.read(&mut answer).unwrap();
        assert!(String::from_utf8_lossy(&answer[..len]).starts_with(&format!("HTTP/1.1 {status} ")));
    }
    let taken = receiver.taken();
    assert_eq!((taken.events, taken.batches, taken.refused), (2, 1, 1));
}
