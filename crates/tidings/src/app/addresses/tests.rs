use super::*;

#[test]
fn an_unspecified_address_is_told_as_the_loopback_of_its_family() {
    let json = |devices: &str, backend: &str| {
        Addresses {
            devices: devices.parse().unwrap(),
            backend: backend.parse().unwrap(),
            sockets: None,
            ice: None,
            demo: false,
            tls: Tls::default(),
        }
        .json()
    };
    assert_eq!(
        json("0.0.0.0:5000", "127.0.0.1:5001"),
        "{\"devices\":\"127.0.0.1:5000\",\"backend\":\"127.0.0.1:5001\",\"sockets\":null,\"ice\":null}\n"
    );
    assert!(json("[::]:5000", "[::1]:5001").contains("\"[::1]:5000\""));
    let sockets = "127.0.0.1:5002".parse().ok();
    let three = Addresses {
        devices: "[::1]:5000".parse().unwrap(),
        backend: "[::1]:5001".parse().unwrap(),
        sockets,
        ice: "127.0.0.1:10000".parse().ok(),
        demo: false,
        tls: Tls::default(),
    };
    assert!(three.json().contains("\"sockets\":\"127.0.0.1:5002\",\"ice\":\"127.0.0.1:10000\""));
}

#[test]
fn the_file_appears_whole_and_goes_at_the_stop() {
    let dir = tempfile::tempdir().unwrap();
    let (devices, backend) = ("127.0.0.1:2".parse().unwrap(), "127.0.0.1:1".parse().unwrap());
    let addresses = Addresses { devices, backend, sockets: None, ice: None, demo: false, tls: Tls::default() };
    addresses.publish(dir.path()).unwrap();
    let names = || fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    assert_eq!(names(), ["addresses.json"]);
    Addresses::remove(dir.path());
    Addresses::remove(dir.path());
    assert!(names().is_empty());
}

#[test]
fn the_ice_door_is_told_as_an_endpoint_that_a_proxy_takes() {
    assert_eq!(endpoint("127.0.0.1:10000".parse().unwrap(), false), "tcp -h 127.0.0.1 -p 10000");
    assert_eq!(endpoint("[::1]:10000".parse().unwrap(), true), "ssl -h \"::1\" -p 10000");
}
