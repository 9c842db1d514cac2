use super::*;

const TOKEN: &str = "p_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn device() -> Device {
    Device::new(AppName::trusted("/"), Uid::trusted("4\"2"))
}

fn registered() -> Device {
    let mut device = device();
    device.hear(&format!(r#"42["_register",{{"token":"{TOKEN}"}}]"#));
    device
}

fn send(text: &str) -> Doing {
    Doing::Send(text.to_owned())
}

fn say(text: &str) -> Doing {
    Doing::Say(text.to_owned())
}

#[test]
fn it_joins_and_registers_as_its_user() {
    let mut device = device();
    let opened = device.hear(r#"0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#);
    assert_eq!(opened, [Doing::Patience(Duration::from_secs(45)), send("40")]);
    assert_eq!(device.hear(r#"40{"sid":"y"}"#), [send(r#"42["register",{"data":"4\"2"}]"#)]);
    assert!(!device.is_registered());
    let answer = device.hear(&format!(r#"42["_register",{{"token":"{TOKEN}"}}]"#));
    assert_eq!(answer, [say(&format!("registered as 4\"2, token {TOKEN}"))]);
    assert!(device.is_registered());
}

#[test]
fn it_prints_what_arrives_as_it_came() {
    let mut device = registered();
    assert_eq!(device.hear(&format!(r#"42["{TOKEN}",{{"data":"hi 😀"}}]"#)), [say(r#"message {"data":"hi 😀"}"#)]);
    assert_eq!(device.hear(r#"42["4\"2",{"data":1e400}]"#), [say(r#"message {"data":1e400}"#)]);
    assert_eq!(device.hear(r#"42["app broadcast",{"data":null}]"#), [say(r#"app broadcast {"data":null}"#)]);
    assert_eq!(device.hear(r#"42["news",1,"two"]"#), [say(r#"news 1 "two""#)]);
}

#[test]
fn it_answers_heartbeats_and_acks() {
    let mut device = registered();
    assert_eq!(device.hear("2"), [send("3")]);
    assert_eq!(device.hear(r#"427["news",1]"#), [say("news 1"), send("437[]")]);
    assert_eq!(device.hear("6"), []);
}

#[test]
fn it_comes_back_unless_it_would_be_refused_again() {
    let mut device = registered();
    for text in ["1", "41", "4x"] {
        assert!(matches!(device.hear(text).as_slice(), [Doing::Leave(_)]), "{text}");
    }
    let refused = |code: &str| device.hear(&format!(r#"42["_register_error",{{"code":"{code}","message":"why"}}]"#));
    let mut refused = refused;
    assert_eq!(refused("overloaded"), [Doing::Leave("overloaded: why".to_owned())]);
    assert_eq!(refused("forbidden"), [Doing::GiveUp("forbidden: why".to_owned())]);
    assert_eq!(
        self::device().hear(r#"44{"message":"Invalid namespace"}"#),
        [Doing::GiveUp(r#"refused at /: {"message":"Invalid namespace"}"#.to_owned())]
    );
}

#[test]
fn pauses_grow_to_a_bound_and_are_spread_over_it() {
    let longest: Vec<u128> = (1..=6).map(|attempt| pause(attempt, u32::MAX).as_millis()).collect();
    assert_eq!(longest, [500, 1000, 2000, 4000, 5000, 5000]);
    assert_eq!(pause(u32::MAX, u32::MAX), PAUSE_MAX);
    assert_eq!(pause(3, 0), Duration::ZERO);
    assert_eq!(pause(3, u32::MAX / 2).as_millis(), 1000);
}

#[test]
fn in_an_app_of_its_own_a_device_says_so_in_each_packet() {
    let mut device = Device::new(AppName::trusted("/shop"), Uid::trusted("42"));
    assert_eq!(device.hear("0{}"), [Doing::Send("40/shop,".to_owned())]);
    assert_eq!(device.hear(r#"40/shop,{"sid":"x"}"#), [Doing::Send(r#"42/shop,["register",{"data":"42"}]"#.to_owned())]);
    assert_eq!(device.hear(r#"42/shop,["app broadcast",{"data":1}]"#), [Doing::Say(r#"app broadcast {"data":1}"#.to_owned())]);
}
