use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;

const ONE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

#[test]
fn an_address_has_so_many_and_another_has_its_own() {
    let crowd = Arc::new(Crowd::new(2));
    let (first, second) = (crowd.admit(ONE), crowd.admit(ONE));
    assert!(first.is_some() && second.is_some() && crowd.admit(ONE).is_none());
    assert!(crowd.admit(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2))).is_some());
    drop(first);
    assert!(crowd.admit(ONE).is_some());
}

#[test]
fn an_address_written_as_version_6_is_the_same() {
    let crowd = Arc::new(Crowd::new(1));
    let _place = crowd.admit(ONE);
    assert!(crowd.admit(IpAddr::V6(Ipv6Addr::from([0, 0, 0, 0, 0, 0xffff, 0x0a00, 1]))).is_none());
}

#[test]
fn nothing_is_remembered_of_who_has_gone() {
    let crowd = Arc::new(Crowd::new(1));
    drop(crowd.admit(ONE));
    assert!(crowd.counts.lock().unwrap().is_empty());
}
