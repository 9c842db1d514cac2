#![allow(unreachable_pub, reason = "the macro makes public types")]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

structure! { Fixed { a: u8, b: i16, c: i32, d: i64, e: bool, f: f32, g: f64, } }
structure! { Pair { name: String, numbers: Vec<i32>, } }

fn encoded(write: impl FnOnce(&mut Encoder)) -> Encapsulation {
    let mut encoder = Encoder::new();
    write(&mut encoder);
    Encapsulation::v1_1(encoder.finish())
}

/// As a required value and as an optional, between others.
fn returns<T: Value + PartialEq + fmt::Debug>(value: &T) {
    let body = encoded(|encoder| {
        encoder.value(value).optional(1, Some(&7_i32)).optional(40, Some(value)).optional(41, Some(&true));
    });
    let read = body.read(|decoder| Ok((decoder.value::<T>()?, decoder.optional::<T>(40)?, decoder.optional::<bool>(41)?)));
    assert_eq!(read.as_ref().map(|(first, second, last)| (first, second.as_ref(), *last)), Ok((value, Some(value), Some(true))));
    // A reader that knows none of the optionals reads the same value.
    assert_eq!(body.read(|decoder| decoder.value::<T>()).as_ref(), Ok(value));
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        numbers in (any::<u8>(), any::<i16>(), any::<i32>(), any::<i64>(), any::<bool>(), -1e9f32..1e9, -1e18f64..1e18),
        text in ".{0,300}",
        list in proptest::collection::vec(any::<i32>(), 0..300),
        map in proptest::collection::btree_map(any::<i32>(), ".{0,5}", 0..20),
    ) {
        let (a, b, c, d, e, f, g) = numbers;
        let fixed = Fixed { a, b, c, d, e, f, g };
        returns(&a);
        returns(&b);
        returns(&c);
        returns(&d);
        returns(&e);
        returns(&f);
        returns(&g);
        returns(&text);
        returns(&list);
        returns(&map);
        returns(&text.clone().into_bytes());
        returns(&vec![fixed.clone(), fixed.clone()]);
        returns(&map.keys().map(|key| (*key, i64::from(*key))).collect::<BTreeMap<_, _>>());
        returns(&vec![Pair { name: text, numbers: list }; 2]);
        returns(&fixed);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let body = Encapsulation::v1_1(bytes);
        drop(body.read(|decoder| Ok((decoder.value::<Vec<Pair>>()?, decoder.optional::<Fixed>(3)?, decoder.optional::<String>(30)?))));
        drop(body.read(|decoder| decoder.value::<BTreeMap<String, Vec<String>>>()));
    }
}

#[test]
fn optionals_lie_as_real_peers_lay_them() {
    let ints = encoded(|encoder| {
        encoder.optional(8, Some(&vec![1_i32, 2]));
    });
    assert_eq!(ints.body, [0x45, 9, 2, 1, 0, 0, 0, 2, 0, 0, 0][..]);
    let map = BTreeMap::from([("label".to_owned(), "g".to_owned())]);
    let map = encoded(|encoder| {
        encoder.optional(5, Some(&map));
    });
    assert_eq!(map.body, b"\x2e\x09\0\0\0\x01\x05label\x01g"[..]);
    let far = encoded(|encoder| {
        encoder.optional(40, Some(&true));
    });
    assert_eq!(far.body, [0xf0, 40, 1][..]);
}

#[test]
fn a_size_below_255_may_take_five_bytes_and_none_is_negative() {
    let read = |bytes: &'static [u8]| Encapsulation::v1_1(bytes).read(|decoder| decoder.value::<String>());
    assert_eq!(read(b"\xff\x02\0\0\0hi"), Ok("hi".to_owned()));
    assert_eq!(read(b"\xff\xff\xff\xff\xff"), Err(DecodeError::BadSize));
}

#[test]
fn errors_say_what_is_wrong() {
    let read = |bytes: &'static [u8]| Encapsulation::v1_1(bytes).read(|decoder| decoder.value::<String>());
    assert_eq!(read(b"\x03hi"), Err(DecodeError::Short));
    assert_eq!(read(b"\x02\xff\xfe"), Err(DecodeError::NotUtf8));
    assert_eq!(read(b"\x02hi\xff"), Err(DecodeError::Leftover));
    assert_eq!(read(b"\x02hi\x0f"), Err(DecodeError::Class));
    assert_eq!(Encapsulation::v1_1(&[2][..]).read(|decoder| decoder.value::<bool>()), Err(DecodeError::BadBool));
    let other = Encapsulation::v1_1(&b"\x0d\x02hi"[..]);
    assert_eq!(other.read(|decoder| decoder.optional::<i32>(1)), Err(DecodeError::BadFormat));
}

#[test]
fn encoding_1_0_has_no_optionals() {
    let old = Encapsulation { encoding: Encoding::V1_0, body: Bytes::from_static(b"\x02hi") };
    assert_eq!(old.read(|decoder| Ok((decoder.value::<String>()?, decoder.optional::<i32>(1)?))), Ok(("hi".to_owned(), None)));
    let more = Encapsulation { encoding: Encoding::V1_0, body: Bytes::from_static(b"\x02hi\x0a\x01\0\0\0") };
    assert_eq!(more.read(|decoder| decoder.value::<String>()), Err(DecodeError::Leftover));
}

#[test]
fn a_message_of_many_empty_strings_is_refused_at_a_bound() {
    let many = encoded(|encoder| {
        encoder.value(&vec![String::new(); 200_000]);
    });
    assert_eq!(many.read(|decoder| decoder.value::<Vec<String>>()), Err(DecodeError::TooMany));
}
