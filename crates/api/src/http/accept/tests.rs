use super::*;

#[test]
fn json_must_be_asked_for_by_name() {
    for (accept, expected) in [
        ("application/json", true),
        ("text/html, Application/JSON;q=0.9", true),
        ("application/json; q=0", false),
        ("application/json;q=0.000", false),
        ("*/*", false),
        ("application/*", false),
        ("application/json-seq", false),
        ("", false),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        assert_eq!(wants_json(&headers), expected, "{accept}");
    }
    assert!(!wants_json(&HeaderMap::new()));
}
