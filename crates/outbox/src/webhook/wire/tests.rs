use super::*;

fn admitted_of(entries: &[&str], all: &[&str]) -> Result<Vec<String>, String> {
    let allowed = Allowed::parse(entries.iter().copied())?;
    let all: Vec<SocketAddr> = all.iter().map(|addr| SocketAddr::new(addr.parse().unwrap(), 0)).collect();
    let good = admitted(&allowed, "example.com", &all).map_err(|error| error.to_string())?;
    Ok(good.iter().map(|addr| addr.ip().to_string()).collect())
}

#[test]
fn only_admitted_addresses_of_a_name_are_connected_to() {
    assert_eq!(admitted_of(&[], &["1.1.1.1", "127.0.0.1", "2606:4700::1111"]).unwrap(), ["1.1.1.1", "2606:4700::1111"]);
    assert_eq!(admitted_of(&["127.0.0.1"], &["::1", "127.0.0.1"]).unwrap(), ["127.0.0.1"]);
    assert!(admitted_of(&[], &["127.0.0.1"]).unwrap_err().contains("127.0.0.1"));
    assert!(admitted_of(&[], &[]).unwrap_err().contains("no address"));
}
