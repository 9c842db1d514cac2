//! JSON text: what is accepted is stable, and its parts are the whole.

use tidings_json::{Json, Kind, ascii};

pub(crate) fn text(bytes: &[u8]) {
    let Ok(json) = Json::parse(bytes) else { return };
    assert!(json.as_str().len() <= bytes.len());
    assert_eq!(Json::parse(json.as_str().as_bytes()).as_ref(), Ok(&json));
    let canonical = json.canonical();
    let again = Json::parse(canonical.as_bytes()).expect("canonical text is JSON");
    assert_eq!(again.canonical(), canonical);
    let plain = Json::parse(ascii(json.as_str()).as_bytes()).expect("ASCII spelling is JSON");
    assert!(plain.as_str().is_ascii());
    assert_eq!(plain.canonical(), canonical);
    assert_eq!(rejoined(&json).as_deref().unwrap_or(json.as_str()), json.as_str());
}

/// An array put together from its elements.
fn rejoined(json: &Json) -> Option<String> {
    let parts: Vec<&str> = (json.kind() == Kind::Array).then(|| json.elements())??.collect();
    Some(format!("[{}]", parts.join(",")))
}
