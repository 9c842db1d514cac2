//! What a vector expects of an HTTP answer.

use regex_lite::Regex;
use serde_json::Value;

use crate::web::Answer;

pub(crate) fn check(answer: &Answer, expected: &Value) -> Result<(), String> {
    for (key, value) in expected.as_object().into_iter().flatten() {
        if !holds(answer, key, value)? {
            return Err(format!("{key} is not {value}: {} {:?} {:?}", answer.status, answer.headers, answer.text()));
        }
    }
    Ok(())
}

fn holds(answer: &Answer, key: &str, value: &Value) -> Result<bool, String> {
    let text = value.as_str().unwrap_or_default();
    Ok(match key {
        "status" => value.as_u64() == Some(answer.status.into()),
        "status_in" => value.as_array().is_some_and(|list| list.iter().any(|one| one.as_u64() == Some(answer.status.into()))),
        "content_type" => answer.header("content-type").is_some_and(|kind| kind.eq_ignore_ascii_case(text)),
        "headers" => value.as_object().is_some_and(|all| all.iter().all(|(name, value)| answer.header(name) == value.as_str())),
        "body" => answer.text() == text,
        "body_re" => matches(text, &answer.text())?,
        "body_hex" => answer.body == hex(text),
        "body_hex_re" => matches(text, &answer.body.iter().map(|byte| format!("{byte:02x}")).collect::<String>())?,
        other => return Err(format!("unknown expectation {other}")),
    })
}

fn matches(pattern: &str, text: &str) -> Result<bool, String> {
    Ok(Regex::new(pattern).map_err(|error| error.to_string())?.is_match(text))
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap_or("?"), 16).expect("hex digits")).collect()
}
