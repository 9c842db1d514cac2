use tidings_model::{Target, Token};

use super::*;

fn check(event: PageEvent, args: &[&str], expected: Result<(Target, &str), (Code, &str)>) {
    let found = event.wish(args).map_err(|failure| (failure.code(), failure.brief()));
    match (found, expected) {
        (Ok(wish), Ok((to, data))) => assert_eq!((wish.to, wish.data.as_str()), (to, data), "{args:?}"),
        (Err((code, brief)), Err((expected, field))) => {
            assert_eq!(code, expected, "{args:?}");
            assert!(field.is_empty() || brief.contains(&format!("\"field\":\"{field}\"")), "{brief}");
        }
        (found, expected) => panic!("{args:?}: {found:?}, not {expected:?}"),
    }
}

#[test]
fn a_broadcast_is_one_object_with_data() {
    use PageEvent::Broadcast;
    check(Broadcast, &["{\"data\":\"hi\"}"], Ok((Target::All, "\"hi\"")));
    check(Broadcast, &["{\"data\":null}"], Ok((Target::All, "null")));
    check(Broadcast, &[], Err((Code::InvalidField, "")));
    check(Broadcast, &["\"hi\""], Err((Code::InvalidField, "")));
    check(Broadcast, &["{\"data\":1}", "2"], Err((Code::InvalidField, "")));
    check(Broadcast, &["{}"], Err((Code::InvalidField, "data")));
}

#[test]
fn a_broadcast_that_names_a_receiver_is_refused_rather_than_sent_to_everyone() {
    for key in ["id", "uid", "token", "room"] {
        check(PageEvent::Broadcast, &[&format!("{{\"data\":1,\"{key}\":\"42\"}}")], Err((Code::UnknownField, key)));
    }
}

#[test]
fn p2p_names_its_receiver_by_token_or_uid() {
    use PageEvent::PointToPoint;
    let token = Token::from_random([7; 24]);
    check(PointToPoint, &["{\"id\":\"42\",\"data\":1}"], Ok((Target::TokenOrUid("42".to_owned()), "1")));
    check(PointToPoint, &["{\"id\":42,\"data\":1}"], Ok((Target::TokenOrUid("42".to_owned()), "1")));
    check(PointToPoint, &[&format!("{{\"id\":\"{token}\",\"data\":1}}")], Ok((Target::TokenOrUid(token.to_string()), "1")));
    check(PointToPoint, &["{\"data\":1}"], Err((Code::InvalidField, "id")));
    check(PointToPoint, &["{\"id\":null,\"data\":1}"], Err((Code::InvalidField, "id")));
    check(PointToPoint, &["{\"id\":\"42\"}"], Err((Code::InvalidField, "data")));
    check(PointToPoint, &["{\"uid\":\"42\",\"data\":1}"], Err((Code::UnknownField, "uid")));
}
