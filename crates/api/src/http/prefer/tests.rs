use axum::http::HeaderValue;

use super::*;

fn seconds(lines: &[&'static str]) -> Result<Option<u64>, ()> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(PREFER, HeaderValue::from_static(line));
    }
    wait(&headers).map(|wait| wait.map(|wait| wait.as_secs())).map_err(|_| ())
}

#[test]
fn the_wait_is_found_among_other_preferences() {
    for (lines, expected) in [
        (vec![], None),
        (vec!["respond-async"], None),
        (vec!["waiting=5"], None),
        (vec!["wait=5"], Some(5)),
        (vec!["respond-async, Wait = \"60\"; x=1"], Some(60)),
        (vec!["handling=lenient", "wait=1, wait=9"], Some(1)),
    ] {
        assert_eq!(seconds(&lines), Ok(expected), "{lines:?}");
    }
}

#[test]
fn a_wait_is_1_to_60_seconds() {
    for line in ["wait", "wait=", "wait=0", "wait=61", "wait=1.5", "wait=-1", "wait=+5", "wait=five", "wait=99999999999999999999"] {
        assert_eq!(seconds(&[line]), Err(()), "{line}");
    }
}
