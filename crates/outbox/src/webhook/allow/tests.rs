use super::*;

fn admits(entries: &[&str], host: &str, addr: &str) -> bool {
    Allowed::parse(entries.iter().copied()).unwrap().admits(host, addr.parse().unwrap())
}

#[test]
fn what_is_inside_is_reached_only_where_it_is_listed() {
    assert!(admits(&[], "example.com", "1.1.1.1"));
    assert!(!admits(&[], "example.com", "127.0.0.1"));
    assert!(admits(&["127.0.0.1"], "example.com", "127.0.0.1"));
    assert!(admits(&["127.0.0.1"], "example.com", "::ffff:127.0.0.1"));
    assert!(!admits(&["127.0.0.1"], "example.com", "127.0.0.2"));
    assert!(!admits(&["127.0.0.1"], "example.com", "::1"));
    assert!(admits(&["10.0.0.0/8", "fd00::/8"], "x", "fd12::1") && admits(&["10.0.0.0/8", "fd00::/8"], "x", "10.9.9.9"));
    assert!(admits(&["Billing.internal"], "billing.internal", "10.0.0.1"));
    assert!(!admits(&["billing.internal"], "evil.billing.internal", "10.0.0.1"));
}

#[test]
fn an_entry_is_an_address_a_network_or_a_host() {
    for good in ["10.0.0.1", "::1", "10.0.0.0/8", "localhost", "a-b.internal"] {
        assert!(Allowed::parse([good]).is_ok(), "{good}");
    }
    for bad in ["", "10.0.0.0/33", "10.0.0", "10.0.0.1:80", "http://x", "*", "*.internal", "a..b", "host/path", "[::1]"] {
        assert!(Allowed::parse([bad]).unwrap_err().contains(&format!("`{bad}`")), "{bad}");
    }
}
