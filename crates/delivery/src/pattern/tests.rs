use super::*;

#[test]
fn a_star_is_any_run_of_characters_wherever_it_stands() {
    for (pattern, name, expected) in [
        ("cart", "cart", true),
        ("cart", "carts", false),
        ("cart", "Cart", false),
        ("order.*", "order.paid", true),
        ("order.*", "order.", true),
        ("order.*", "orders", false),
        ("*.done", "a.b.done", true),
        ("*.done", "done", false),
        ("*", "", true),
        ("**", "x", true),
        ("a*b*c", "abc", true),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "acb", false),
        // No character counts for two parts.
        ("aa*aa", "aaa", false),
        ("a*bc*bc", "abc", false),
        ("*é*", "caf\u{e9}s", true),
    ] {
        assert_eq!(Pattern::parse(pattern).unwrap().matches(name), expected, "{pattern} {name}");
    }
}

#[test]
fn a_pattern_is_a_name_with_stars() {
    for text in ["", "a\nb", &"x".repeat(65)] {
        assert!(Pattern::parse(text).is_err(), "{text:?}");
    }
}
