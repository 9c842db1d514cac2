use super::*;
use crate::push::{Kind, PushError};

fn bytes(parts: &[&[u8]]) -> Encapsulation {
    Encapsulation::v1_1(parts.concat())
}

fn busy() -> PushError {
    let kind = Kind::Busy { retry_after_ms: Some(1500) };
    PushError { kind, reason: "rate_limited".to_owned(), text: "slow down".to_owned(), request_id: Some("r2".to_owned()), extra: None }
}

const SLICED: &[&[u8]] = &[
    b"\x14\x0c::Push::Busy\x0a\0\0\0\x0a\xdc\x05\0\0\xff",
    b"\x34\x11::Push::PushError\x20\0\0\0\x0crate_limited\x09slow down\x0d\x02r2\xff",
];

#[test]
fn a_push_error_is_written_sliced_as_the_contract_shows() {
    assert_eq!(busy().encode(Encoding::V1_1), SLICED.concat());
}

#[test]
fn sliced_compact_and_old_forms_are_one_exception() {
    let compact = bytes(&[b"\x04\x0c::Push::Busy\x0a\xdc\x05\0\0\xff\x24\x11::Push::PushError\x0crate_limited\x09slow down\x0d\x02r2\xff"]);
    for form in [bytes(SLICED), compact] {
        let raised = PushError::decode(&form).expect("an exception");
        assert_eq!((raised.type_id.as_str(), raised.error), ("::Push::Busy", busy()));
    }
    let old = Encapsulation { encoding: Encoding::V1_0, body: busy().encode(Encoding::V1_0) };
    let raised = PushError::decode(&old).expect("an exception").error;
    assert_eq!((raised.kind, raised.reason), (Kind::Busy { retry_after_ms: None }, "rate_limited".to_owned()));
}

#[test]
fn bits_that_the_manual_gives_to_type_ids_are_not_looked_at() {
    let mut odd = SLICED.concat();
    odd[0] |= 0x03;
    assert_eq!(PushError::decode(&Encapsulation::v1_1(odd)).map(|raised| raised.error), Ok(busy()));
}

#[test]
fn an_unknown_subtype_is_its_nearest_known_base() {
    let raised = PushError::decode(&bytes(&[b"\x10\x0d::Push::Newer\x08\0\0\0\x01\x02\x03\x04", SLICED[0], SLICED[1]]));
    let raised = raised.expect("an exception");
    assert_eq!((raised.type_id.as_str(), raised.error), ("::Push::Newer", busy()));
}

#[test]
fn what_has_no_known_slice_is_named_by_its_most_derived_type() {
    let compact = bytes(&[b"\x00\x08::A::New\x01\x02", SLICED[1]]);
    let foreign = bytes(&[b"\x10\x08::A::New\x04\0\0\0\x30\x09::A::Base\x04\0\0\0"]);
    let many = [&b"\x10\x08::A::New\x04\0\0\0"[..]; 17].concat();
    for unknown in [compact, foreign, bytes(&[&many, SLICED[1]])] {
        assert_eq!(PushError::decode(&unknown), Err(Undecodable::Unknown("::A::New".to_owned())));
    }
}

#[test]
fn a_slice_cut_or_with_a_bad_size_is_malformed() {
    let whole = SLICED.concat();
    for end in 0..whole.len() {
        let cut = Encapsulation::v1_1(whole[..end].to_vec());
        assert!(matches!(PushError::decode(&cut), Err(Undecodable::Malformed(_))), "{end}");
    }
    let small = bytes(&[b"\x30\x11::Push::PushError\x03\0\0\0"]);
    assert_eq!(PushError::decode(&small), Err(Undecodable::Malformed(DecodeError::BadSize)));
}
