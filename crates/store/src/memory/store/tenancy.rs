//! Apps and keys: what is decided, what is kept, and what a failure takes back.

use tidings_model::{
    Administer, Answer, ApiKey, App, AppChange, AppName, AppNo, Code, Content, Draft, KeyChange, KeyId, Millis, NewApp, NewKey, Print,
    Register, Request, Scope, Scopes, SocketId, Target, Uid,
};

use super::tests::Desk;
use super::*;

impl Desk {
    fn administer(&mut self, ask: Administer) -> Result<Answer, Code> {
        match self.ask(Request::Administer(ask)) {
            Answer::Refused(refusal) => Err(refusal.code),
            answer => Ok(answer),
        }
    }

    fn app(&mut self, name: &str) -> Result<Arc<App>, Code> {
        match self.administer(Administer::CreateApp(app(name)))? {
            Answer::App(app) => Ok(app),
            other => panic!("{other:?}"),
        }
    }

    fn key(&mut self, new: NewKey) -> Result<Arc<ApiKey>, Code> {
        match self.administer(Administer::CreateKey(new))? {
            Answer::Key(key) => Ok(key),
            other => panic!("{other:?}"),
        }
    }
}

fn app(name: &str) -> NewApp {
    NewApp { name: AppName::trusted(name), disabled: false, client_topics: Vec::new() }
}

fn key(id: &str, app: AppNo, scopes: &[Scope]) -> NewKey {
    let scopes: Scopes = scopes.iter().copied().collect();
    NewKey { id: KeyId::trusted(id), app, name: String::new(), scopes, hash: [1; 32], until: None, standing: false }
}

fn change(id: &str) -> KeyChange {
    KeyChange { id: KeyId::trusted(id), name: None, scopes: None, until: None, rotate: None, retire: false, standing: false }
}

const ROOT: AppNo = AppNo::DEFAULT;

#[test]
fn an_apps_number_is_never_given_again() {
    let mut desk = Desk::new();
    let first = desk.app("/shop").unwrap();
    assert_eq!((first.no, desk.app("/shop")), (AppNo(1), Err(Code::Conflict)));
    assert!(desk.administer(Administer::RemoveApp(first.no)).is_ok());
    desk.store.crash();
    assert_eq!(desk.app("/shop").unwrap().no, AppNo(2));
    assert_eq!(desk.administer(Administer::RemoveApp(first.no)).unwrap_err(), Code::NotFound);
    assert_eq!(desk.administer(Administer::RemoveApp(ROOT)).unwrap_err(), Code::Conflict);
}

#[test]
fn the_first_key_rules_and_the_last_that_rules_stays() {
    let mut desk = Desk::new();
    let shop = desk.app("/shop").unwrap().no;
    assert_eq!(desk.key(key("a", ROOT, &[Scope::Send])).unwrap_err(), Code::Conflict);
    assert_eq!(desk.key(key("a", shop, &[Scope::Admin])).unwrap_err(), Code::Conflict);
    assert!(!desk.store.directory().is_keyed());
    desk.key(key("a", ROOT, &[Scope::Admin])).unwrap();
    desk.key(key("b", shop, &[Scope::Admin])).unwrap();
    let remove = |id| Administer::RemoveKey { id: KeyId::trusted(id), standing: false };
    assert_eq!(desk.administer(remove("a")).unwrap_err(), Code::Conflict, "the other one rules only its own app");
    // One that ends by itself counts only as long as it lives.
    let mut ending = key("c", ROOT, &[Scope::Admin]);
    ending.until = Some(Millis(desk.now + 3));
    desk.key(ending).unwrap();
    let loses = KeyChange { scopes: Some(Scopes::default().with(Scope::Read)), ..change("a") };
    desk.now += 3;
    assert_eq!(desk.administer(Administer::ChangeKey(loses)).unwrap_err(), Code::Conflict);
    assert!(desk.administer(Administer::RemoveKey { id: KeyId::trusted("a"), standing: true }).is_ok());
    assert!(desk.store.directory().is_keyed(), "once is for ever");
    desk.store.crash();
    assert!(desk.store.directory().is_keyed());
}

#[test]
fn a_key_has_at_most_two_secrets() {
    let mut desk = Desk::new();
    desk.key(key("a", ROOT, &[Scope::Admin])).unwrap();
    for n in 2..5 {
        desk.administer(Administer::ChangeKey(KeyChange { rotate: Some([n; 32]), ..change("a") })).unwrap();
    }
    let hashes = |desk: &Desk| desk.store.directory().key(&KeyId::trusted("a")).unwrap().hashes.clone();
    assert_eq!(hashes(&desk), [[4; 32], [3; 32]]);
    desk.administer(Administer::ChangeKey(KeyChange { retire: true, ..change("a") })).unwrap();
    assert_eq!(hashes(&desk), [[4; 32]]);
}

#[test]
fn what_the_log_did_not_take_is_not_there() {
    let mut desk = Desk::new();
    assert!(matches!(desk.ask_with(Request::Administer(Administer::CreateApp(app("/shop"))), Fault::Full), Answer::Refused(_)));
    assert!(desk.store.directory().named("/shop").is_none());
    desk.now += 2000;
    desk.store.timers(Millis(desk.now));
    desk.store.append(Fault::None);
    desk.store.notify();
    assert_eq!(desk.app("/shop").unwrap().no, AppNo(1));
}

#[test]
fn an_app_that_is_gone_or_disabled_takes_nothing() {
    let mut desk = Desk::new();
    let shop = desk.app("/shop").unwrap().no;
    let draft = |app| Request::Publish(Draft::new(app, Target::All, Content::data(tidings_json::Json::null())));
    let register = |app| {
        let (uid, addr) = (Uid::parse("42").unwrap(), [127, 0, 0, 1].into());
        Request::Register(Register { app, uid, device_id: None, print: Print(1), addr, socket: SocketId(1) })
    };
    let code = |answer| if let Answer::Refused(refusal) = answer { Some(refusal.code) } else { None };
    assert_eq!((code(desk.ask(draft(shop))), code(desk.ask(register(shop)))), (None, None));
    desk.administer(Administer::ChangeApp(AppChange { no: shop, disabled: Some(true), client_topics: None })).unwrap();
    assert_eq!((code(desk.ask(draft(shop))), code(desk.ask(register(shop)))), (Some(Code::AppDisabled), Some(Code::AppDisabled)));
    desk.administer(Administer::RemoveApp(shop)).unwrap();
    assert_eq!((code(desk.ask(draft(shop))), code(desk.ask(register(shop)))), (Some(Code::NotFound), Some(Code::NotFound)));
    assert_eq!(code(desk.ask(draft(ROOT))), None);
}
