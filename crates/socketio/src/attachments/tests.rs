use super::*;

const HEADER: &str = "52-/n,7[\"e\",{\"x\":[{\"_placeholder\":true,\"num\":1}]},{\"_placeholder\":true,\"num\":0}]";

#[test]
fn attachments_are_exactly_as_many_as_announced() {
    let header = decode(HEADER).unwrap();
    let mut pending = Pending::new(header.clone(), 5).unwrap();
    assert!(!pending.is_complete());
    assert_eq!(pending.push(&[1, 2]), Ok(false));
    assert_eq!(pending.push(&[]), Ok(true));
    assert_eq!(pending.push(&[4]), Err(Excess::Count));
    assert_eq!(pending.attachments(), [&[1, 2][..], &[]]);
    assert_eq!((pending.header(), pending.packet()), (HEADER, Ok(header)));
    assert_eq!(pending.into_attachments().len(), 2);
}

#[test]
fn their_bytes_are_bounded_together() {
    let mut pending = Pending::new(decode(HEADER).unwrap(), 5).unwrap();
    assert_eq!(pending.push(&[0; 5]), Ok(false));
    assert_eq!(pending.push(&[0]), Err(Excess::Bytes));
    assert_eq!(Pending::new(decode(HEADER).unwrap(), 5).unwrap().push(&[0; 6]), Err(Excess::Bytes));
}

#[test]
fn more_than_ten_are_refused_on_the_header() {
    assert!(Pending::new(decode("510-[\"e\"]").unwrap(), 100).is_ok());
    assert_eq!(Pending::new(decode("511-[\"e\"]").unwrap(), 100).unwrap_err(), Excess::Count);
    assert_eq!(Pending::new(decode("6999999999-1[]").unwrap(), 100).unwrap_err(), Excess::Count);
}

#[test]
fn none_announced_is_complete_at_once() {
    assert!(Pending::new(decode("50-[\"e\"]").unwrap(), 100).unwrap().is_complete());
}
