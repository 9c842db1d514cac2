use proptest::prelude::*;

use super::*;
use crate::encoding::{Encapsulation, Encoder};

fn check(text: &str, identity: (&str, &str), endpoints: &[(Transport, &str, u16)]) {
    let address: Address = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    let (category, name) = identity;
    assert_eq!(address.identity, Identity { name: name.to_owned(), category: category.to_owned() }, "{text}");
    let found: Vec<_> = address.endpoints.iter().map(|each| (each.transport, each.host.as_str(), each.port)).collect();
    assert_eq!(found, endpoints, "{text}");
}

fn refused(text: &str, error: &BadAddress) {
    assert_eq!(text.parse::<Address>().as_ref(), Err(error), "{text}");
}

#[test]
fn addresses_are_read_as_real_peers_write_them() {
    use Transport::{Ssl, Tcp};
    check("push:tcp -h 10.0.0.1 -p 4061", ("", "push"), &[(Tcp, "10.0.0.1", 4061)]);
    check("push -t -e 1.1:default -p 1 -t 60000 -z", ("", "push"), &[(Tcp, "127.0.0.1", 1)]);
    check("biz/listener:tcp -h a -p 1:ssl -h b -p 2 -t infinite", ("biz", "listener"), &[(Tcp, "a", 1), (Ssl, "b", 2)]);
    check("push:tcp -h \"::1\" -p 1", ("", "push"), &[(Tcp, "::1", 1)]);
    check("'a b:c@d' : tcp -p 65535", ("", "a b:c@d"), &[(Tcp, "127.0.0.1", 65535)]);
    check(r#"a\/b/c\\d:tcp -p 1"#, ("a/b", r"c\d"), &[(Tcp, "127.0.0.1", 1)]);
    check(r#""say \"x\"":tcp -p 1"#, ("", "say \"x\""), &[(Tcp, "127.0.0.1", 1)]);
    assert_eq!("push -f \"v 2\":tcp -p 1".parse::<Address>().map(|address| address.facet), Ok("v 2".to_owned()));
}

#[test]
fn what_we_cannot_reach_is_refused_with_its_reason() {
    let text = str::to_owned;
    refused("", &BadAddress::NoIdentity);
    refused(":tcp -p 1", &BadAddress::NoIdentity);
    refused("push", &BadAddress::NeedsLocator);
    refused("push @ Adapter", &BadAddress::NeedsLocator);
    refused("push:", &BadAddress::NeedsLocator);
    refused("a/b/c:tcp -p 1", &BadAddress::BadIdentity(text("a/b/c")));
    refused("a/:tcp -p 1", &BadAddress::BadIdentity(text("a/")));
    refused("\"push:tcp -p 1", &BadAddress::Unfinished);
    refused("push\\", &BadAddress::Unfinished);
    refused("push:udp -h a -p 1", &BadAddress::Transport(text("udp")));
    refused("push:ws -h a -p 1", &BadAddress::Transport(text("ws")));
    refused("push:tcp -h a", &BadAddress::NoPort);
    refused("push:tcp -p 0", &BadAddress::NoPort);
    refused("push:tcp -p 65536", &BadAddress::BadValue(text("-p")));
    refused("push:tcp -p", &BadAddress::BadValue(text("-p")));
    refused("push:tcp -p 1 -p 2", &BadAddress::Repeated(text("-p")));
    refused("push:tcp -p 1 -t soon", &BadAddress::BadValue(text("-t")));
    refused("push:tcp -p 1 --sourceAddress a", &BadAddress::UnknownOption(text("--sourceAddress")));
    refused("push -o:tcp -p 1", &BadAddress::NotTwoway(text("-o")));
    refused("push -p 2.0:tcp -p 1", &BadAddress::Version(text("-p")));
    refused("push extra:tcp -p 1", &BadAddress::UnknownOption(text("extra")));
}

fn word() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[a-z0-9 /:@\\\\\"'é\\-]{1,12}").expect("a pattern")
}

proptest! {
    #[test]
    fn an_address_is_read_back_as_it_was_written(
        name in word(),
        category in proptest::option::of(word()),
        facet in proptest::option::of(word()),
        hosts in proptest::collection::vec((word(), 1..u16::MAX, any::<bool>()), 1..4),
    ) {
        let identity = Identity { name, category: category.unwrap_or_default() };
        let endpoint = |(host, port, tls)| Endpoint { transport: if tls { Transport::Ssl } else { Transport::Tcp }, host, port };
        let endpoints = hosts.into_iter().map(endpoint).collect();
        let address = Address { identity, facet: facet.unwrap_or_default(), endpoints };
        prop_assert_eq!(address.to_string().parse(), Ok(address));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[-a-z /:@\\\\\"'0-9]{0,40}") {
        if let Ok(address) = text.parse::<Address>() {
            prop_assert_eq!(address.to_string().parse(), Ok(address));
        }
    }
}

#[test]
fn a_proxy_from_the_wire_is_written_back_byte_for_byte() {
    let recorded: serde_json::Value = serde_json::from_str(include_str!("../../tests/vectors/ice_vectors.json")).expect("JSON");
    let vectors = recorded["vectors"].as_array().expect("a list").iter();
    let proxies = vectors.filter(|vector| vector["name"].as_str().is_some_and(|name| name.starts_with("proxy_")));
    let mut seen = 0;
    for vector in proxies {
        let hex = vector["messages"][2]["hex"].as_str().expect("hex");
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect();
        let body = Encapsulation::v1_1(bytes[25..].to_vec());
        let proxy = body.read(|decoder| decoder.value::<Option<Reference>>()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(proxy.is_none(), vector["name"] == "proxy_null");
        let mut encoder = Encoder::new();
        encoder.value(&proxy);
        assert_eq!(encoder.finish(), body.body, "{}", vector["name"]);
        seen += 1;
    }
    assert_eq!(seen, 4);
}
