use std::net::IpAddr;

use proptest::prelude::*;
use tidings_engineio::{Fault, Form, Revision, Sid, Transport};

use super::*;

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 2, 3));
const SID: Sid = Sid { worker: 1, slot: 2, key: [3; 12] };

fn site() -> Site {
    Site { paths: vec!["/socket.io/".to_owned()], cors: Cors::Any, proxies: Proxies::default(), guard: None, visits: false, body_max: 1000 }
}

/// The request and answer settings of a whole head, as text; `(end)` where the connection does not outlive the answer.
fn seen_at(head: &str, site: &Site) -> String {
    let Some(read) = read(head.as_bytes(), PEER, site) else { return "partial".to_owned() };
    let end = if read.reply.ends() { " (end)" } else { "" };
    let what = match read.request {
        Request::Handshake(one) => {
            format!("handshake {:?} b64={} j={:?} t={:?} ?{}", one.revision, one.base64, one.jsonp, one.stamp, one.query)
        }
        Request::Socket { accept, .. } => format!("socket {accept}"),
        Request::Poll { sid, jsonp, stamp, number, .. } => format!("poll {} j={jsonp:?} t={stamp:?} n={number:?}", sid == SID),
        Request::Post { form, jsonp, framed, waits, .. } => format!("post {form:?} {jsonp} {framed:?} {waits}"),
        Request::Probe { sid, .. } => format!("probe {}", sid == SID),
        Request::Misplaced { sid } => format!("misplaced {}", sid == SID),
        Request::Preflight { headers } => format!("preflight {headers:?}"),
        Request::Visit { method, path, query, framed, waits } => format!("visit {method} {path} ?{query} {framed:?} {waits}"),
        Request::Health => "health".to_owned(),
        Request::Answer(page) => format!("{page:?}"),
    };
    what + end
}

fn seen(head: &str) -> String {
    seen_at(head, &site())
}

#[track_caller]
fn check(line: &str, fields: &str, expected: &str) {
    let line = line.replace("{SID}", &SID.to_string());
    let head = format!("{line} HTTP/1.1\r\nHost: a.example\r\n{}\r\n", fields.replace('\n', "\r\n"));
    assert_eq!(seen(&head), expected, "{head}");
}

const UPGRADE: &str = "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n";

#[test]
fn a_request_is_what_its_line_and_headers_say() {
    check("GET /socket.io/?EIO=4&transport=polling", "", "handshake V4 b64=false j=None t=None ?EIO=4&transport=polling");
    check("GET /socket.io?EIO=4&transport=polling", "", "handshake V4 b64=false j=None t=None ?EIO=4&transport=polling");
    check(
        "GET /socket.io/?a=%20&EIO=3&transport=polling&b64=1&j=12%3Balert(1)&t=x%20y",
        "",
        "handshake V3 b64=true j=Some(121) t=Some(\"x y\") ?a=%20&EIO=3&transport=polling&b64=1&j=12%3Balert(1)&t=x%20y",
    );
    check(
        "GET http://a.example/socket.io/?EIO=4&transport=polling&j=1",
        "",
        "handshake V4 b64=false j=None t=None ?EIO=4&transport=polling&j=1",
    );
    check("GET /socket.io/?EIO=4&transport=polling&sid={SID}&t=N1&_n=7", "", "poll true j=None t=Some(\"N1\") n=Some(7)");
    check("GET /socket.io/?EIO=3&transport=polling&sid={SID}&j=2", "", "poll true j=Some(2) t=None n=None");
    check("POST /socket.io/?EIO=4&transport=polling&sid={SID}", "Content-Length: 2\n", "post Text false Length(2) false");
    check(
        "POST /socket.io/?EIO=3&transport=polling&sid={SID}&j=0",
        "Content-Type: application/octet-stream; x=y\nTransfer-Encoding: Chunked\nExpect: 100-Continue\n",
        "post Octets true Chunked true",
    );
    check("GET /socket.io/?EIO=4&transport=websocket", UPGRADE, "socket s3pPLMBiTxaQ9kYGzzhZRbK+xOo= (end)");
    check("GET /socket.io/?EIO=4&transport=websocket&sid={SID}", UPGRADE, "probe true (end)");
    check("GET /healthz", "", "health");
    check("HEAD /healthz", "", "health");
    check(
        "OPTIONS /socket.io/?EIO=4&transport=polling",
        "Access-Control-Request-Headers: content-type\n",
        "preflight Some(\"content-type\")",
    );
    check("PUT /socket.io/?EIO=4&transport=polling&sid={SID}", "", "misplaced true");
    check("GET /socket.io/?EIO=4&transport=websocket&sid={SID}", "", "misplaced true");
    // Java's HttpClient offers HTTP/2 with every request: nobody has to take it.
    check(
        "GET /socket.io/?EIO=4&transport=polling&sid={SID}",
        "Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\n",
        "poll true j=None t=None n=None",
    );
}

#[test]
fn eio_is_checked_then_transport_then_sid_then_method() {
    let fault = |fault: Fault| format!("{:?}", Page::Fault(fault));
    check("PUT /socket.io/?EIO=2&transport=x&sid=nope", "", &fault(Fault::UnsupportedVersion));
    check("PUT /socket.io/?transport=polling", "", &fault(Fault::UnsupportedVersion));
    check("PUT /socket.io/?EIO=4&transport=x&sid=nope", "", &fault(Fault::UnknownTransport));
    check("PUT /socket.io/?EIO=4&sid=nope", "", &fault(Fault::UnknownTransport));
    check("PUT /socket.io/?EIO=4&transport=polling&sid=nope", "", &fault(Fault::UnknownSid));
    check("PUT /socket.io/?EIO=4&transport=polling", "", &fault(Fault::BadHandshakeMethod));
    check("POST /socket.io/?EIO=4&transport=polling", "Content-Length: 1\n", &(fault(Fault::BadHandshakeMethod) + " (end)"));
    check("GET /socket.io/?EIO=4&transport=websocket", "", &fault(Fault::BadRequest));
    check("GET /socket.io/?EIO=4&transport=polling", UPGRADE, &(fault(Fault::BadRequest) + " (end)"));
    check("GET /socket.io/?EIO=4&transport=websocket", &UPGRADE.replace("dGhl", ""), &(fault(Fault::BadRequest) + " (end)"));
}

#[test]
fn other_paths_methods_and_versions_have_their_status() {
    check("GET /", "", "Status(404)");
    check("GET /socket.ioX", "", "Status(404)");
    check("GET /engine.io/?EIO=4&transport=polling", "", "Status(404)");
    check("POST /healthz", "Content-Length: 1\n", "Status(405) (end)");
    check("POST /socket.io/?EIO=4&transport=polling&sid={SID}", "", "Status(411)");
    check("GET /socket.io/?EIO=4&transport=websocket", &UPGRADE.replace("13", "8"), "Status(426) (end)");
    check("POST /socket.io/?EIO=4&transport=polling&sid={SID}", "Content-Length: 1001\n", "Status(413) (end)");
    check("POST /socket.io/?EIO=4&transport=polling&sid={SID}", "Content-Length: 99999999999999999999999\n", "Status(413) (end)");
    assert_eq!(seen("GET / HTTP/2.0\r\n\r\n"), "Status(505) (end)");
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    let line = "POST /socket.io/?EIO=4&transport=polling&sid={SID}";
    check(line, "Content-Length: 1\nTransfer-Encoding: chunked\n", "Status(400) (end)");
    check(line, "Content-Length: 1\nContent-Length: 2\n", "Status(400) (end)");
    check(line, "Content-Length: 1\nContent-Length: 1\n", "post Text false Length(1) false");
    check(line, "Content-Length: +1\n", "Status(400) (end)");
    check(line, "Content-Length: 1, 1\n", "Status(400) (end)");
    check(line, "Content-Length:\n", "Status(400) (end)");
    check(line, "Transfer-Encoding: gzip, chunked\n", "Status(501) (end)");
    check(line, "Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n", "Status(501) (end)");
    check(line, "Content-Length : 1\n", "Status(400) (end)");
    check(line, "Content-Length: 1\n folded: 2\n", "Status(400) (end)");
    assert_eq!(seen("POST /socket.io/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), "Status(400) (end)");
}

#[test]
fn heads_are_bounded() {
    assert_eq!(seen(&format!("GET /healthz HTTP/1.1\r\n{}", "a: b\r\n".repeat(10_000))), "Status(431) (end)");
    assert_eq!(seen(&format!("GET /{}", "x".repeat(HEAD_MAX))), "Status(431) (end)");
    assert_eq!(seen(&format!("GET /healthz HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65))), "Status(431) (end)");
    assert_eq!(seen(&format!("GET /healthz HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(64))), "health");
    assert_eq!(seen("GET /healthz HTTP/1.1\r\na: b\r\n"), "partial");
    assert_eq!(seen("\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n"), "health");
    assert_eq!(seen("GET /healthz HTTP/1.1\n\n"), "health");
    assert_eq!(seen("\x16\x03\x01\x02\x00"), "Status(400) (end)");
}

#[test]
fn a_connection_stays_as_its_version_and_headers_say() {
    check("GET /healthz", "Connection: Close\n", "health (end)");
    check("GET /healthz", "Connection: x, close\n", "health (end)");
    assert_eq!(seen("GET /healthz HTTP/1.0\r\n\r\n"), "health (end)");
    assert_eq!(seen("GET /healthz HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), "health");
}

#[test]
fn an_origin_that_is_not_listed_gets_no_websocket_and_no_permission() {
    let site = Site { cors: Cors::echoing(vec!["https://a.example".to_owned()]), ..site() };
    let head = |origin: &str| {
        let fields = UPGRADE.replace('\n', "\r\n");
        format!("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nOrigin: {origin}\r\n{fields}\r\n")
    };
    assert_eq!(seen_at(&head("https://b.example"), &site), "Forbidden (end)");
    assert_eq!(seen_at(&head("https://A.example"), &site), "socket s3pPLMBiTxaQ9kYGzzhZRbK+xOo= (end)");
    assert!(!answer("Origin: https://b.example\r\n", &site).contains("Access-Control"));
    assert!(answer("Origin: https://a.example\r\n", &site).contains("Access-Control-Allow-Origin: https://a.example\r\n"));
}

/// `/healthz` answered.
fn answer(fields: &str, site: &Site) -> String {
    let head = format!("GET /healthz HTTP/1.1\r\n{fields}\r\n");
    let reply = read(head.as_bytes(), PEER, site).unwrap().reply;
    let mut out = Vec::new();
    Page::Health { well: true }.render(&mut out, &reply, &site.cors);
    String::from_utf8(out).unwrap()
}

#[test]
fn an_answer_says_who_may_read_it() {
    let star = Site { cors: Cors::Star, ..site() };
    assert_eq!(
        answer("Origin: https://a.example\r\n", &star),
        "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\ncache-control: no-store\r\nContent-Type: application/json\r\n\
         Content-Length: 15\r\n\r\n{\"status\":\"ok\"}"
    );
    assert_eq!(
        answer("Origin: null\r\nUser-Agent: x (Trident/7.0)\r\nConnection: close\r\n", &site()),
        "HTTP/1.1 200 OK\r\nConnection: close\r\nAccess-Control-Allow-Origin: null\r\nAccess-Control-Allow-Credentials: true\r\nVary: Origin\r\n\
         X-XSS-Protection: 0\r\ncache-control: no-store\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"status\":\"ok\"}"
    );
}

#[test]
fn a_preflight_grants_what_is_asked() {
    let mut out = Vec::new();
    let reply = Reply { close: false, ..Reply::closing() };
    render_preflight(&mut out, &reply, &Cors::Star, Some("content-type,x"));
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: *\r\ncache-control: no-store\r\n\
         Access-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE\r\nVary: Access-Control-Request-Headers\r\n\
         Access-Control-Allow-Headers: content-type,x\r\nContent-Length: 0\r\n\r\n"
    );
}

#[test]
fn a_refused_upgrade_is_plain_text_and_an_unknown_sid_is_json() {
    let render = |upgrade| {
        let mut out = Vec::new();
        Page::Fault(Fault::UnknownSid).render(&mut out, &Reply { upgrade, close: false, ..Reply::closing() }, &Cors::Star);
        String::from_utf8(out).unwrap()
    };
    assert!(
        render(true).contains("\r\nConnection: close\r\n")
            && render(true).ends_with("text/html\r\nContent-Length: 18\r\n\r\nSession ID unknown")
    );
    assert!(render(false).ends_with("application/json\r\nContent-Length: 41\r\n\r\n{\"code\":1,\"message\":\"Session ID unknown\"}"));
}

#[test]
fn the_last_hop_that_no_trusted_proxy_vouches_for_is_the_client() {
    let proxies = |list: &[&str]| Proxies(list.iter().map(|network| network.parse().unwrap()).collect());
    let origin = |proxies: &Proxies, hops: &[&str]| proxies.origin(PEER, hops.iter().rev().copied()).to_string();
    assert_eq!(origin(&proxies(&[]), &["1.1.1.1"]), "10.1.2.3");
    assert_eq!(origin(&proxies(&["10.0.0.0/8"]), &["6.6.6.6", "1.1.1.1"]), "1.1.1.1");
    assert_eq!(origin(&proxies(&["10.0.0.0/8", "1.1.1.1"]), &["6.6.6.6", " 1.1.1.1 "]), "6.6.6.6");
    assert_eq!(origin(&proxies(&["10.0.0.0/8"]), &["unknown"]), "10.1.2.3");
    assert_eq!(origin(&proxies(&["10.0.0.0/8"]), &["[2001:db8::1]:443"]), "2001:db8::1");
    assert_eq!(origin(&proxies(&["10.0.0.0/8"]), &["1.1.1.1:443"]), "1.1.1.1");
    assert_eq!(origin(&proxies(&["10.0.0.0/8"]), &["::ffff:1.1.1.1"]), "1.1.1.1");
    assert_eq!(origin(&proxies(&["0.0.0.0/0"]), &[]), "10.1.2.3");
}

#[test]
fn a_proxy_is_seen_by_its_headers_or_its_address() {
    let client = |fields: &str, site: &Site| {
        let head = format!("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\n{fields}\r\n");
        match read(head.as_bytes(), PEER, site).unwrap().request {
            Request::Handshake(handshake) => (handshake.client.proxied, handshake.client.trusted, handshake.client.agent.to_owned()),
            other => panic!("{other:?}"),
        }
    };
    let trusting = Site { proxies: Proxies(vec!["10.0.0.0/8".parse().unwrap()]), ..site() };
    assert_eq!(client("User-Agent: okhttp/3.5.0\r\n", &site()), (false, false, "okhttp/3.5.0".to_owned()));
    for header in ["Via: 1.1 x\r\n", "Forwarded: for=1\r\n", "X-Forwarded-For: 1.1.1.1\r\n"] {
        assert_eq!(client(header, &site()), (true, false, String::new()));
    }
    assert_eq!(client("", &trusting), (true, true, String::new()));
}

#[test]
fn what_is_outside_of_the_paths_is_a_visit_where_the_house_takes_them() {
    let taking = Site { visits: true, ..site() };
    let visited = |head: &str| seen_at(head, &taking);
    assert_eq!(visited("GET /chat?room=1#x HTTP/1.1\r\n\r\n"), "visit GET /chat ?room=1 None false");
    assert_eq!(visited("POST /message HTTP/1.1\r\nContent-Length: 9\r\n\r\n"), "visit POST /message ? Some(Length(9)) false");
    assert_eq!(
        visited("POST /message HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"),
        "visit POST /message ? Some(Chunked) true"
    );
    assert_eq!(visited("POST /message HTTP/1.1\r\nContent-Length: 1001\r\n\r\n"), "Status(413) (end)");
    assert_eq!(visited("GET /healthz HTTP/1.1\r\n\r\n"), "health");
    assert_eq!(visited("GET /socket.io/?EIO=5 HTTP/1.1\r\n\r\n"), "Fault(UnsupportedVersion)");
    for head in ["GET /chat HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"] {
        assert_eq!(seen(head), "Status(404)");
    }
}

#[test]
fn a_guard_sees_where_a_request_comes_from_and_may_refuse_it() {
    let told = |fields: &str, path: &str| {
        let seen = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        let note = std::sync::Arc::clone(&seen);
        let guard = Guard::new(move |from| {
            let Provenance { host, origins, sites, health } = from;
            *note.lock().unwrap() = format!("{host:?} {origins:?} {sites:?} {health}");
            false
        });
        let head = format!("GET {path} HTTP/1.1\r\n{fields}\r\n");
        assert_eq!(seen_at(&head, &Site { guard: Some(guard), ..site() }), "Forbidden");
        seen.lock().unwrap().clone()
    };
    const POLL: &str = "/socket.io/?EIO=4&transport=polling";
    assert_eq!(told("Host: a:1\r\nOrigin: http://a\r\nSec-Fetch-Site: none\r\n", POLL), "Some(\"a:1\") [\"http://a\"] [\"none\"] false");
    assert_eq!(told("Host: a\r\nHOST: b\r\norigin: x\r\nOrigin: y\r\n", POLL), "None [\"x\", \"y\"] [] false");
    assert_eq!(told("", "/healthz?x"), "None [] [] true");
    let open = Site { guard: Some(Guard::new(|_| true)), ..site() };
    assert_eq!(seen_at("GET /healthz HTTP/1.1\r\n\r\n", &open), "health");
}

fn body(framed: Framed, bytes: &[u8], cuts: &[usize]) -> Result<(Vec<u8>, usize, bool), BodyFault> {
    let (mut body, mut used, mut from) = (Body::new(framed, 1000), 0, 0);
    for cut in cuts.iter().copied().chain([bytes.len()]) {
        used += body.push(&bytes[from..cut])?;
        from = cut;
        if used < cut {
            break;
        }
    }
    Ok((body.data().to_vec(), used, body.is_done()))
}

#[test]
fn a_body_ends_where_its_framing_says() {
    assert_eq!(body(Framed::Length(3), b"abcGET", &[]), Ok((b"abc".to_vec(), 3, true)));
    assert_eq!(body(Framed::Length(9), b"abc", &[]), Ok((b"abc".to_vec(), 3, false)));
    assert_eq!(
        body(Framed::Chunked, b"3\r\nabc\r\n0A;x=\"y\"\r\n0123456789\r\n0\r\n\r\nGET", &[]),
        Ok((b"abc0123456789".to_vec(), 35, true))
    );
    assert_eq!(body(Framed::Chunked, b"1\r\na\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\nGET", &[]), Ok((b"a".to_vec(), 33, true)));
    for bad in [&b"\r\n"[..], b"x\r\n", b"-1\r\n", b"1\r\nab\r\n", b"1\r\na\n", b" 1\r\na\r\n", b"1x\r\na\r\n", b"1\na\r\n", b"1\rx\n"] {
        assert_eq!(body(Framed::Chunked, bad, &[]), Err(BodyFault::Malformed), "{:?}", String::from_utf8_lossy(bad));
    }
    assert_eq!(body(Framed::Chunked, b"3e9\r\na", &[]), Err(BodyFault::TooLarge));
    assert_eq!(body(Framed::Chunked, b"fffffffffffffffff\r\n", &[]), Err(BodyFault::TooLarge));
    assert_eq!(body(Framed::Chunked, format!("1;{}", "x".repeat(9000)).as_bytes(), &[]), Err(BodyFault::Malformed));
    assert_eq!(body(Framed::Chunked, format!("0\r\n{}", "x".repeat(9000)).as_bytes(), &[]), Err(BodyFault::Malformed));
}

/// Bytes with many that mean something.
fn wild() -> impl Strategy<Value = Vec<u8>> {
    let tokens = prop::sample::select(vec![
        "GET ",
        "POST ",
        "/socket.io/?EIO=4&transport=polling",
        "&sid=AAEAAAACAwMDAwMDAwMDAwMD",
        " HTTP/1.1",
        "\r\n",
        "\n",
        "Content-Length: 3",
        "Host: x",
        ": ",
        "Transfer-Encoding: chunked",
        "Connection: close",
        "%",
        "3\r\nabc\r\n0\r\n\r\n",
        "/healthz",
        "\0",
        "é",
        ";",
        "f",
    ]);
    prop::collection::vec(tokens, 0..20).prop_map(|tokens| tokens.concat().into_bytes())
}

proptest! {
    #[test]
    fn no_bytes_break_it_and_a_cut_only_delays_it(bytes in wild(), cut in 0usize..200) {
        let whole = read(&bytes, PEER, &site()).map(|head| format!("{} {:?} {:?}", head.len, head.request, head.reply));
        let cut = cut.min(bytes.len());
        if let Some(head) = read(&bytes[..cut], PEER, &site()) {
            let early = format!("{} {:?} {:?}", head.len, head.request, head.reply);
            // A refusal takes everything that is there, however much that is.
            let is_refusal = matches!(head.request, Request::Answer(Page::Status(400 | 431)));
            prop_assert!(Some(early) == whole || (is_refusal && whole.is_some_and(|whole| whole.contains("Status(4"))));
        }
    }

    #[test]
    fn a_body_is_the_same_however_it_is_cut(bytes in wild(), mut cuts in prop::collection::vec(0usize..60, 0..5), chunked: bool, length in 0usize..20) {
        let framed = if chunked { Framed::Chunked } else { Framed::Length(length) };
        for cut in &mut cuts { *cut = (*cut).min(bytes.len()); }
        cuts.sort_unstable();
        prop_assert_eq!(body(framed, &bytes, &cuts), body(framed, &bytes, &[]));
    }

    #[test]
    fn any_body_comes_through_chunks(data in prop::collection::vec(any::<u8>(), 0..500), sizes in prop::collection::vec(1usize..80, 1..9)) {
        let (mut wire, mut rest, mut sizes) = (Vec::new(), data.as_slice(), sizes.into_iter().cycle());
        while !rest.is_empty() {
            let (chunk, behind) = rest.split_at(sizes.next().unwrap_or(1).min(rest.len()));
            wire.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
            wire.extend_from_slice(chunk);
            wire.extend_from_slice(b"\r\n");
            rest = behind;
        }
        wire.extend_from_slice(b"0\r\n\r\n");
        let len = wire.len();
        prop_assert_eq!(body(Framed::Chunked, &wire, &[]), Ok((data, len, true)));
    }

    #[test]
    fn a_handshake_says_what_its_query_says(revision in 3u8..5, stamp in "[a-zA-Z0-9 .+%&=é-]{0,12}", websocket: bool) {
        let escaped: String = stamp.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let transport = if websocket { "websocket" } else { "polling" };
        let fields = if websocket { UPGRADE.replace('\n', "\r\n") } else { String::new() };
        let head = format!("GET /socket.io/?t={escaped}&transport={transport}&EIO={revision} HTTP/1.1\r\n{fields}\r\n");
        let (handshake, expected) = match read(head.as_bytes(), PEER, &site()).unwrap().request {
            Request::Handshake(handshake) => (handshake, Transport::Polling),
            Request::Socket { handshake, .. } => (handshake, Transport::WebSocket),
            other => panic!("{other:?}"),
        };
        prop_assert_eq!(handshake.stamp.as_deref(), Some(stamp.as_str()));
        prop_assert_eq!(handshake.transport, expected);
        prop_assert_eq!(handshake.revision, if revision == 3 { Revision::V3 } else { Revision::V4 });
    }
}

#[test]
fn a_form_is_octets_only_where_the_type_says_so() {
    let form = |kind: &str| {
        let head =
            format!("POST /socket.io/?EIO=3&transport=polling&sid={SID} HTTP/1.1\r\nContent-Length: 1\r\nContent-Type: {kind}\r\n\r\n");
        match read(head.as_bytes(), PEER, &site()).unwrap().request {
            Request::Post { form, .. } => form,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(form("Application/Octet-Stream"), Form::Octets);
    assert_eq!(form("text/plain;charset=UTF-8"), Form::Text);
    assert_eq!(form("application/octet-streamer"), Form::Text);
}
