use super::*;

fn refused(url: &str) -> String {
    Target::parse(url, &Allowed::default()).map(|_| String::new()).unwrap_or_else(|why| why)
}

#[test]
fn a_target_is_http_or_https_at_a_public_host() {
    for good in [
        "https://example.com/hooks?x=1",
        "http://example.com:8080",
        "https://1.1.1.1/",
        "https://[2606:4700::1111]:8443/a",
        "https://EXAMPLE.com.",
        "https://localhost/",
        "https://a1/",
    ] {
        assert_eq!(refused(good), "", "{good}");
    }
    for (bad, why) in [
        ("", "URL"),
        ("/hooks", "http://"),
        ("example.com", "http://"),
        ("ftp://example.com/", "http://"),
        ("file:///etc/passwd", "URL"),
        ("http://", "URL"),
        ("https://user@example.com/", "user"),
        ("https://user:pass@example.com/", "user"),
        ("https://1.1.1.1@127.0.0.1/", "user"),
        ("https://example.com:/", "port"),
        ("https://example.com:0/", "port"),
        ("https://example.com:99999/", "port"),
        ("http://127.0.0.1/", "no public address"),
        ("http://127.0.0.1.:80/", "a host"),
        ("http://127.1/", "a host"),
        ("http://2130706433/", "a host"),
        ("http://0x7f.1/", "a host"),
        ("http://0177.0.0.1/", "a host"),
        ("http://10.0.0.1:8080/x", "no public address"),
        ("http://169.254.169.254/latest/meta-data", "no public address"),
        ("http://[::1]/", "no public address"),
        ("http://[::ffff:127.0.0.1]/", "no public address"),
        ("http://[64:ff9b::7f00:1]/", "no public address"),
        ("http://[fe80::1%25eth0]/", "a host"),
    ] {
        let told = refused(bad);
        assert!(told.contains(why), "{bad}: {told:?}");
    }
    assert!(refused(&format!("https://example.com/{}", "x".repeat(2100))).contains("limit"));
}

#[test]
fn an_address_that_is_listed_may_be_named() {
    let allowed = Allowed::parse(["127.0.0.0/8", "::1"]).unwrap();
    assert!(Target::parse("http://127.0.0.1:9000/", &allowed).is_ok());
    assert!(Target::parse("http://[::1]:9000/", &allowed).is_ok());
    assert!(Target::parse("http://10.0.0.1/", &allowed).is_err());
}

#[test]
fn only_the_host_is_shown() {
    let target = Target::parse("https://example.com/canary?key=canary", &Allowed::default()).unwrap();
    assert_eq!(format!("{target:?}"), "example.com");
}
