use proptest::prelude::*;

use super::*;

#[test]
fn only_24_url_safe_characters_are_a_sid() {
    let good = Sid { worker: 1, slot: 0xfffe_fdfc, key: [0xff; 12] }.to_string();
    assert!(good.contains('_') && !good.contains(['+', '/', '=']));
    for bad in ["", "nope", &good[1..], &format!("{good}A"), &good.replace('_', "/"), &format!("{}=", &good[1..]), &"é".repeat(12)] {
        assert_eq!(Sid::parse(bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn a_sid_is_parsed_as_it_is_written(worker: u16, slot: u32, key: [u8; 12]) {
        let sid = Sid { worker, slot, key };
        let text = sid.to_string();
        prop_assert_eq!(text.len(), Sid::LEN);
        prop_assert_eq!(Sid::parse(&text), Some(sid));
    }

    #[test]
    fn what_parses_has_one_spelling(text in "[A-Za-z0-9_=/+-]{23,25}") {
        if let Some(sid) = Sid::parse(&text) {
            prop_assert_eq!(sid.to_string(), text);
        }
    }
}
