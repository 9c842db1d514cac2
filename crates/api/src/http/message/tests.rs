use tidings_model::{Token, Uid};

use super::*;

fn read(body: &str) -> Result<Wish, Code> {
    Wish::read(&Json::trusted(body)).map_err(|failure| failure.code())
}

#[test]
fn data_alone_goes_to_everyone_and_null_is_data() {
    for data in ["null", "\"hi\"", "{\"a\":[1,2]}", "1e400"] {
        assert_eq!(read(&format!("{{\"data\":{data}}}")), Ok(Wish { to: Target::All, data: Json::trusted(data) }));
    }
}

#[test]
fn one_target_makes_it_point_to_point() {
    let to = |body: &str| read(body).map(|wish| wish.to);
    let uid = |text| Target::Uids(vec![Uid::parse(text).unwrap()]);
    assert_eq!(to(r#"{"data":1,"uid":"42"}"#), Ok(uid("42")));
    assert_eq!(to(r#"{"data":1,"uid":42}"#), Ok(uid("42")));
    assert_eq!(to(r#"{"data":1,"id":42}"#), Ok(Target::TokenOrUid("42".to_owned())));
    let token = Token::from_random([7; 24]);
    assert_eq!(to(&format!(r#"{{"data":1,"token":"{token}"}}"#)), Ok(Target::Tokens(vec![token])));
}

#[test]
fn what_could_be_a_mistake_is_refused_and_never_a_broadcast() {
    for (body, code) in [
        ("{}", Code::InvalidField),
        (r#"{"uid":"42"}"#, Code::InvalidField),
        (r#"{"data":1,"uidd":"42"}"#, Code::UnknownField),
        (r#"{"data":1,"UID":"42"}"#, Code::UnknownField),
        (r#"{"data":1,"ttl":5}"#, Code::UnknownField),
        (r#"{"data":1,"":5}"#, Code::UnknownField),
        (r#"{"data":1,"uid":null}"#, Code::InvalidField),
        (r#"{"data":1,"uid":""}"#, Code::InvalidField),
        (r#"{"data":1,"uid":1.5}"#, Code::InvalidField),
        (r#"{"data":1,"uid":true}"#, Code::InvalidField),
        (r#"{"data":1,"uid":["42"]}"#, Code::InvalidField),
        (r#"{"data":1,"id":null}"#, Code::InvalidField),
        (r#"{"data":1,"id":{}}"#, Code::InvalidField),
        (r#"{"data":1,"token":null}"#, Code::InvalidField),
        (r#"{"data":1,"token":5}"#, Code::InvalidField),
        (r#"{"data":1,"token":""}"#, Code::InvalidField),
        (r#"{"data":1,"uid":"42","id":"42"}"#, Code::AmbiguousTarget),
        (r#"{"data":1,"uid":null,"token":"p_x"}"#, Code::AmbiguousTarget),
    ] {
        assert_eq!(read(body), Err(code), "{body}");
    }
}
