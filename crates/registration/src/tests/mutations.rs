//! Whatever one changes in a credential, it admits nobody else than it did.

use proptest::prelude::*;

use super::*;

/// One change of a text: a character replaced, put in or taken out.
#[derive(Clone, Debug)]
enum Change {
    Replace(usize, char),
    Insert(usize, char),
    Remove(usize),
    Swap(usize, usize),
}

fn changes() -> impl Strategy<Value = Change> {
    let odd =
        prop::char::ranges(vec!['0'..='9', 'A'..='Z', 'a'..='z', '-'..='-', '.'..='.', '_'..='_', '~'..='~', '='..='=', ' '..=' '].into());
    prop_oneof![
        (any::<usize>(), odd.clone()).prop_map(|(at, with)| Change::Replace(at, with)),
        (any::<usize>(), odd).prop_map(|(at, with)| Change::Insert(at, with)),
        any::<usize>().prop_map(Change::Remove),
        (any::<usize>(), any::<usize>()).prop_map(|(one, other)| Change::Swap(one, other)),
    ]
}

fn changed(text: &str, change: &Change) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let length = chars.len();
    match *change {
        Change::Replace(at, with) => chars[at % length] = with,
        Change::Insert(at, with) => chars.insert(at % (length + 1), with),
        Change::Remove(at) => drop(chars.remove(at % length)),
        Change::Swap(one, other) => chars.swap(one % length, other % length),
    }
    chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn no_mutated_credential_passes(which in 0..4usize, change in changes()) {
        let (verifier, good) = &credentials()[which];
        let text = changed(good, &change);
        prop_assume!(text != *good);
        for claimed in [verdict(verifier, None, Some(&text)), verdict(verifier, Some("42"), Some(&text)), verdict(verifier, Some(&text), None)] {
            prop_assert!(claimed.is_err(), "{} admits {:?}", text, claimed);
        }
    }
}

/// Made once: what proptest calls thousands of times must not make keys.
fn credentials() -> &'static [(Verifier, String)] {
    static MADE: std::sync::OnceLock<Vec<(Verifier, String)>> = std::sync::OnceLock::new();
    MADE.get_or_init(|| {
        let signers = [Signer::Hs256, Signer::es256(), Signer::ed_dsa()];
        let mut made: Vec<_> = signers.iter().map(|signer| (signer.verifier(), signer.token(&claims("")))).collect();
        let uid = crate::signed::issue(&secret(), &AppName::root(), &Uid::trusted("42"), NOW + 60);
        made.push((Verifier::Signed(secret()), uid));
        made
    })
}
