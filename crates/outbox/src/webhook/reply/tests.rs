use super::*;

fn said(code: u16, retry_after: &str) -> Verdict {
    let mut headers = HeaderMap::new();
    if !retry_after.is_empty() {
        headers.insert(RETRY_AFTER, retry_after.parse().unwrap());
    }
    let now = httpdate::parse_http_date("Tue, 24 Nov 2026 10:00:00 GMT").unwrap();
    verdict(StatusCode::from_u16(code).unwrap(), &headers, now)
}

fn after(code: u16, retry_after: &str) -> Option<Duration> {
    match said(code, retry_after) {
        Verdict::Later { after, .. } => after,
        other => panic!("{code}: {other:?}"),
    }
}

#[test]
fn only_2xx_is_yes_and_only_4xx_is_no() {
    for code in [200, 201, 202, 204, 299] {
        assert_eq!(said(code, ""), Verdict::Taken);
    }
    for code in [400, 401, 403, 404, 405, 409, 410, 413, 422, 451, 499] {
        assert_eq!(said(code, "5"), Verdict::Refused(format!("answered {code}")));
    }
    for code in [408, 425, 429, 500, 502, 503, 504, 599, 301, 302, 307, 308, 304] {
        assert_eq!(after(code, ""), None);
    }
}

#[test]
fn a_receiver_says_when_in_seconds_or_as_a_date() {
    assert_eq!(after(429, "7"), Some(Duration::from_secs(7)));
    assert_eq!(after(503, " 120 "), Some(Duration::from_secs(120)));
    assert_eq!(after(503, "Tue, 24 Nov 2026 10:01:00 GMT"), Some(Duration::from_secs(60)));
    assert_eq!(after(503, "Tue, 24 Nov 2026 09:00:00 GMT"), Some(Duration::ZERO));
    for unreadable in ["soon", "-1", "1.5", "99999999999999999999999"] {
        assert_eq!(after(503, unreadable), None);
    }
    assert_eq!(after(302, "7"), None);
}
