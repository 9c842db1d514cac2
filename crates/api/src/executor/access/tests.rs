use super::*;

#[test]
fn a_key_is_read_from_its_text_and_never_printed_whole() {
    let Credential::Key(shown) = Credential::parse("tdk_abc_secret_with_more") else { panic!() };
    assert_eq!((shown.id, shown.secret), ("abc", "secret_with_more"));
    assert_eq!(format!("{shown:?}"), "tdk_abc_...");
    for text in ["", "tdk_", "tdk_abc", "abc_secret", "TDK_abc_secret"] {
        assert_eq!(Credential::parse(text), Credential::Malformed, "{text}");
    }
}

#[test]
fn hashes_are_equal_only_as_a_whole() {
    let one = hash("secret");
    assert!(same(&one, &hash("secret")));
    for byte in 0..32 {
        let mut other = one;
        other[byte] ^= 1;
        assert!(!same(&one, &other), "{byte}");
    }
}

#[test]
fn either_of_two_secrets_opens_and_no_third() {
    let key = |hashes| ApiKey {
        id: KeyId::trusted("a"),
        app: AppNo::DEFAULT,
        name: String::new(),
        scopes: Scopes::default(),
        hashes,
        created: Millis(0),
        until: None,
    };
    let two = key(vec![hash("new"), hash("old")]);
    assert!(opens(&two, &hash("new")) && opens(&two, &hash("old")) && !opens(&two, &hash("older")));
    assert!(!opens(&key(vec![]), &hash("")));
}

#[test]
fn a_key_ends_at_its_time_and_not_before() {
    let mut key = ApiKey {
        id: KeyId::trusted("a"),
        app: AppNo::DEFAULT,
        name: String::new(),
        scopes: Scopes::default(),
        hashes: vec![],
        created: Millis(0),
        until: Some(Millis(1000)),
    };
    assert!(in_time(&key, Millis(999)).is_ok());
    assert_eq!(in_time(&key, Millis(1000)).unwrap_err().code, Code::ExpiredKey);
    key.until = None;
    assert!(in_time(&key, Millis(u64::MAX)).is_ok());
}
