use super::*;

#[test]
fn a_network_is_an_address_or_one_with_a_prefix() {
    let network = |text: &str| text.parse::<Network>();
    assert!(network("2001:db8::/32").unwrap().contains("2001:db8:1::9".parse().unwrap()));
    assert!(!network("2001:db8::/32").unwrap().contains("2001:db9::".parse().unwrap()));
    assert!(!network("0.0.0.0/0").unwrap().contains("::1".parse().unwrap()));
    let peer = "10.1.2.3".parse().unwrap();
    assert!(network("10.1.2.3").unwrap().contains(peer) && !network("10.1.2.2/32").unwrap().contains(peer));
    assert!(network("10.1.2.2/31").unwrap().contains(peer));
    for bad in ["10.0.0.0/33", "10.0.0.0/", "example", "", "::/129", "10.0.0.0/-1"] {
        assert_eq!(network(bad).unwrap_err().0, bad);
    }
}
