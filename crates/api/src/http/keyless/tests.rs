use super::*;

fn checked(method: Method, needs: Needs, lines: &[(&str, &str)]) -> bool {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    check(&method, needs, &headers).is_ok()
}

#[test]
fn only_loopback_names_are_hosts() {
    for host in ["localhost", "LocalHost:5001", "127.0.0.1", "127.0.0.1:5001", "127.8.9.10:1", "[::1]", "[::1]:5001", "[0:0::1]:80"] {
        assert!(is_loopback(host), "{host}");
    }
    for host in [
        "",
        "example.org",
        "localhost.example.org",
        "localhost.",
        "127.0.0.1.example.org",
        "128.0.0.1",
        "0.0.0.0:5001",
        "10.0.0.1",
        "[::]",
        "[::2]:5001",
        "::1",
        "localhost:",
        "localhost:x",
        "localhost:70000",
        "localhost:+1",
        "localhost:50:01",
        "a@localhost",
        "[::1]x",
        "[::1",
        "127.1",
        "2130706433",
        "127.0.0.1 ",
        "[::ffff:127.0.0.1]",
    ] {
        assert!(!is_loopback(host), "{host}");
    }
}

#[test]
fn a_call_without_one_loopback_host_is_refused_whatever_it_asks_for() {
    for needs in [Needs::Nothing, Needs::Key] {
        assert!(!checked(Method::GET, needs, &[]), "{needs:?}");
        assert!(!checked(Method::GET, needs, &[("host", "evil.example")]), "{needs:?}");
        assert!(!checked(Method::GET, needs, &[("host", "localhost"), ("host", "localhost")]), "{needs:?}");
        assert!(checked(Method::GET, needs, &[("host", "localhost")]), "{needs:?}");
    }
}

#[test]
fn a_page_of_another_origin_cannot_call() {
    let host = ("host", "127.0.0.1:5001");
    for (origin, answered) in [
        ("http://127.0.0.1:5001", true),
        ("HTTP://127.0.0.1:5001", false),
        ("https://127.0.0.1:5001", false),
        ("http://127.0.0.1:5002", false),
        ("http://127.0.0.1", false),
        ("http://localhost:5001", false),
        ("http://evil.example", false),
        ("null", false),
        ("", false),
    ] {
        assert_eq!(checked(Method::POST, Needs::Key, &[host, ("origin", origin)]), answered, "{origin}");
    }
    assert!(!checked(Method::POST, Needs::Key, &[host, ("origin", "http://127.0.0.1:5001"), ("origin", "http://evil.example")]));
}

#[test]
fn a_fetch_from_another_site_cannot_call() {
    let host = ("host", "localhost:5001");
    for (site, answered) in [("same-origin", true), ("none", true), ("same-site", false), ("cross-site", false), ("", false)] {
        assert_eq!(checked(Method::GET, Needs::Key, &[host, ("sec-fetch-site", site)]), answered, "{site}");
    }
}

#[test]
fn health_and_the_front_page_may_be_read_from_anywhere() {
    let foreign = [("host", "localhost:5001"), ("origin", "http://evil.example"), ("sec-fetch-site", "cross-site")];
    let needs = Needs::Nothing;
    assert!(checked(Method::GET, needs, &foreign), "{needs:?}");
    assert!(!checked(Method::POST, needs, &foreign), "{needs:?}");
    assert!(!checked(Method::GET, Needs::Key, &foreign));
}
