use super::*;

#[test]
fn a_uid_is_a_bounded_string_or_a_safe_integer() {
    let uid = |raw| Uid::from_json(raw).map(|u| u.as_str().to_owned()).ok();
    for (raw, expected) in [
        ("\"42\"", Some("42")),
        ("42", Some("42")),
        ("1.0", Some("1")),
        ("1e3", Some("1000")),
        ("-0", Some("0")),
        ("-7", Some("-7")),
        ("9007199254740991", Some("9007199254740991")),
        ("9007199254740992", None),
        ("1.5", None),
        ("1e400", None),
        ("\"\"", None),
        ("null", None),
        ("true", None),
        ("[]", None),
        ("\"a\\u0000b\"", None),
        ("\"\\u0085\"", None),
        ("\"h\u{e9}\"", Some("h\u{e9}")),
    ] {
        assert_eq!(uid(raw).as_deref(), expected, "{raw}");
    }
    assert!(Uid::parse(&"x".repeat(128)).is_ok());
    assert!(Uid::parse(&"x".repeat(129)).is_err());
}

#[test]
fn a_token_has_192_bits_and_no_event_has_its_shape() {
    let token = Token::from_random([0xff; 24]);
    assert_eq!(token.as_str(), "p_________________________________");
    assert_eq!(Token::parse(token.as_str()), Ok(token.clone()));
    assert!(Token::parse("p_short").is_err());
    assert!(EventName::is_reserved(token.as_str()));
}

#[test]
fn positions_order_by_record_then_index() {
    assert!(Position::new(1, 255) < Position::new(2, 0));
    assert_eq!("513".parse(), Ok(Position::new(2, 1)));
    assert_eq!(Position::new(2, 1).to_string(), "513");
}

#[test]
fn ids_read_back_what_they_print() {
    let id = MessageId::v7(1_700_000_000_123, [0xab; 10]);
    assert_eq!(id.to_string().parse(), Ok(id));
    assert_eq!(id.time_ms(), 1_700_000_000_123);
    assert_eq!(id.to_string().as_bytes()[14], b'7');
    let event = EventId { at: Position::new(3, 4), n: 5 };
    assert_eq!(event.to_string().parse(), Ok(event));
    assert!("12".parse::<EventId>().is_err());
}

#[test]
fn a_code_keeps_its_number() {
    for code in Code::ALL {
        assert_eq!(Code::from_number(code.number()), Some(*code));
    }
}
