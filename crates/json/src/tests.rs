use super::*;

fn check(input: &str, expected: Result<&str, Fault>) {
    let got = Json::parse(input.as_bytes());
    assert_eq!(got.as_ref().map(Json::as_str).map_err(|e| e.fault), expected, "{input}");
}

#[test]
fn only_whitespace_between_tokens_is_removed() {
    check(" { \"b\" : [ 1 , 2.50e+3 ] ,\n\"a\":\"x y\\/\\u00e9\" } ", Ok(r#"{"b":[1,2.50e+3],"a":"x y\/\u00e9"}"#));
    check("123456789012345678901234", Ok("123456789012345678901234"));
    check("1e400", Ok("1e400"));
    check("-0", Ok("-0"));
}

#[test]
fn what_is_no_json_is_refused_with_its_reason() {
    check("", Err(Fault::End));
    check("{\"a\":1,}", Err(Fault::Syntax));
    check("[1,]", Err(Fault::Syntax));
    check("01", Err(Fault::Trailing));
    check("1.", Err(Fault::End));
    check("1 2", Err(Fault::Trailing));
    check("\"a\nb\"", Err(Fault::Syntax));
    check("\"\\x\"", Err(Fault::Syntax));
    check("'a'", Err(Fault::Syntax));
    check("nul", Err(Fault::End));
    check("[{\"x\":{\"a\":1,\"\\u0061\":2}}]", Err(Fault::DuplicateKey));
    check("\"\\ud800\"", Err(Fault::LoneSurrogate));
    check("\"\\udc00\"", Err(Fault::LoneSurrogate));
    check("\"\\ud83d\\ude00\"", Ok("\"\\ud83d\\ude00\""));
    assert_eq!(Json::parse(b"\"\xff\"").unwrap_err(), Error { fault: Fault::Utf8, at: 1 });
}

#[test]
fn nesting_ends_at_128_levels() {
    let deep = |n| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert!(Json::parse(deep(128).as_bytes()).is_ok());
    assert_eq!(Json::parse(deep(129).as_bytes()).unwrap_err().fault, Fault::Depth);
}

#[test]
fn values_split_into_raw_parts() {
    let json = Json::parse(br#"["a,b",{"x":[1,2],"y\"":"]"},-3.0]"#).unwrap();
    let parts: Vec<_> = json.elements().unwrap().collect();
    assert_eq!(parts, [r#""a,b""#, r#"{"x":[1,2],"y\"":"]"}"#, "-3.0"]);
    let members: Vec<_> = members(parts[1]).unwrap().collect();
    assert_eq!(members, [("x".into(), "[1,2]"), ("y\"".into(), "\"]\"")]);
    assert_eq!(Json::parse(b"[]").unwrap().elements().unwrap().count(), 0);
    assert!(json.members().is_none());
}

#[test]
fn strings_unescape_and_escape() {
    let json = Json::parse(br#""mess\u0061ge \ud83d\ude00 \/ \n""#).unwrap();
    assert_eq!(json.as_string().unwrap(), "message 😀 / \n");
    assert_eq!(Json::string("a\"\\\n\u{1}é").as_str(), "\"a\\\"\\\\\\n\\u0001é\"");
}

#[test]
fn ascii_escapes_everything_above_tilde() {
    assert_eq!(ascii("[\"€😀\u{7f}\"]"), "[\"\\u20ac\\ud83d\\ude00\\u007f\"]");
    assert!(matches!(ascii("[1]"), std::borrow::Cow::Borrowed(_)));
}

#[test]
fn equal_requests_have_equal_canonical_text() {
    let canonical = |text: &str| Json::parse(text.as_bytes()).unwrap().canonical();
    assert_eq!(canonical(r#"{"b":1,"a":"\u0078"}"#), canonical(r#"{ "a":"x", "b":1 }"#));
    assert_ne!(canonical("1.0"), canonical("1"));
}
