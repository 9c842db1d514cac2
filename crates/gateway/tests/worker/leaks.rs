use std::io::Write;

use tidings_engineio::websocket::Opcode;
use tidings_engineio::websocket::client::frame as client_frame;

use super::*;

/// Ends a connection with RST.
fn reset(stream: &std::net::TcpStream) {
    rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO)).unwrap();
}

fn leave_a_socket(server: &Server, step: usize) {
    let mut socket = server.socket();
    match step {
        0 => {}
        1 => reset(&socket.stream),
        2 => socket.stream.write_all(&client_frame(Opcode::Text, &[b'x'; 5000], [1; 4])[..3000]).unwrap(),
        3 => {
            socket.send("flood:9").unwrap();
            reset(&socket.stream);
        }
        4 => {
            for worker in [1, 0] {
                socket.send("where:").unwrap();
                if socket.text() != format!("worker {worker}") {
                    socket.send(&format!("move:{worker}")).unwrap();
                }
            }
        }
        5 => socket.write(Opcode::Close, &1000u16.to_be_bytes()).unwrap(),
        _ => socket.send("fin:").unwrap(),
    }
}

fn leave_a_poll(server: &Server, step: usize) {
    let sid = server.session();
    let mut web = server.web();
    match step {
        0 => web.write(get(&sid)).unwrap(),
        1 => {
            web.write(get(&sid)).unwrap();
            reset(&web.stream);
        }
        2 => web.write(&get(&sid)[..20]).unwrap(),
        3 => web.write(format!("POST {} HTTP/1.1\r\nContent-Length: 5000\r\n\r\nhalf", target(&sid))).unwrap(),
        _ => drop(server.socket_of(&format!("EIO=4&transport=websocket&sid={sid}"))),
    }
    // The session itself would stay until its heartbeat ends it.
    let mut last = server.web();
    last.write(post(&sid, "end:")).unwrap();
    // Behind a half POST it is a second one, which has an answer and ends the session too.
    let _ = last.answer();
    assert!(last.is_ended());
}

#[test]
fn nothing_is_left_of_clients_however_they_leave() {
    let server = Server::start(2);
    for round in 0..40 {
        for step in 0..7 {
            leave_a_socket(&server, step);
            leave_a_poll(&server, (step + round) % 5);
        }
    }
    // What was told to close has closed; nothing waits for a deadline of minutes.
    eventually(|| server.gateway.numbers().all(|numbers| numbers.sessions == 0 && numbers.connections == 0));
}
