//! Who may do what: every actor, at every route there is, with what belongs to somebody else.
//!
//! The routes come from the door's own table, so a route that is added is tried as well; where it names something by a new
//! word in its path, the matrix has to be told what another app's is called (`foreign`).

use serde_json::{Value, json};
use tidings_api::{Needs, ROUTES, Route, StandingKey};
use tidings_model::{Answer, AppNo, Print, Register, Request, Scope, SocketId, Uid};

use super::house::{House, Reply, bearer, request};

/// Names of the app `/one` that nobody else may ever read.
const UID: &str = "canary-uid";
const KEY_NAME: &str = "canary-key-name";
const PATTERN: &str = "canary.pattern";
const URL: &str = "https://canary-url.example/";
const TOPIC: &str = "canary-topic";

struct Town {
    house: House,
    /// The key of `/`, with every scope.
    root: String,
    /// By scope, keys of the app `/one`.
    one: Vec<(Scope, String)>,
    /// A key of the app `/two`, with every scope.
    two: String,
    expired: String,
    /// A device's token, a key's id, a message's and a webhook's, all of `/one`.
    token: String,
    id: String,
    message: String,
    hook: String,
}

fn every_scope() -> Vec<&'static str> {
    Scope::ALL.map(Scope::as_str).to_vec()
}

impl Town {
    fn open() -> Self {
        let house = House::open();
        let root = house.key(&[], json!({"scopes": every_scope()}));
        let auth = bearer(&root);
        let app = json!({"name": "/one", "client_topics": [PATTERN]});
        assert_eq!(house.post("/v1/apps", &[&auth], &app.to_string()).status, 201);
        assert_eq!(house.post("/v1/apps", &[&auth], r#"{"name":"/two"}"#).status, 201);
        let one =
            Scope::ALL.map(|scope| (scope, house.key(&[&auth], json!({"app": "/one", "scopes": [scope.as_str()], "name": KEY_NAME}))));
        let two = house.key(&[&auth], json!({"app": "/two", "scopes": every_scope()}));
        let expired = house.key(&[&auth], json!({"app": "/one", "scopes": every_scope(), "expires_at": "2001-01-01T00:00:00Z"}));
        let token = register(&house, AppNo(1), UID, 1);
        register(&house, AppNo(2), "two-uid", 2);
        let into = json!({"uids": [UID]}).to_string();
        let put = request("PUT", &format!("/v1/topics/{TOPIC}/subscribers"), &[&auth, "Tidings-App: /one"], &into);
        assert_eq!(house.call(&put).json()["results"][0]["devices"], 1);
        let id = one[0].1.split('_').nth(1).unwrap().to_owned();
        let body = json!({"to": {"uid": UID}, "data": 1}).to_string();
        let sent = house.post("/v1/messages", &[&auth, "Tidings-App: /one"], &body);
        let message = sent.json()["id"].as_str().unwrap().to_owned();
        let hook = house.post("/v1/webhooks", &[&auth, "Tidings-App: /one"], &json!({"url": URL}).to_string());
        let hook = hook.json()["id"].as_str().unwrap().to_owned();
        Self { house, root, one: one.to_vec(), two, expired, token, id, message, hook }
    }

    /// The route with what `/one` has in the place of its words.
    fn foreign(&self, route: &Route) -> String {
        self.filled(route, |word| match word {
            "token" => self.token.clone(),
            "uid" => UID.to_owned(),
            "id" if route.path.starts_with("/v1/messages/") => self.message.clone(),
            "id" if route.path.starts_with("/v1/webhooks") => self.hook.clone(),
            "id" => self.id.clone(),
            "name" => "one".to_owned(),
            "topic" => TOPIC.to_owned(),
            other => panic!("{}: say in the matrix what {{{other}}} of another app is", route.path),
        })
    }

    fn filled(&self, route: &Route, fill: impl Fn(&str) -> String) -> String {
        let filled = route.path.split('/').map(|part| match part.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((word, rest)) => fill(word) + rest,
            None => part.to_owned(),
        });
        // The verbs that stand behind a name.
        let verb = match (route.method, route.path) {
            ("POST", "/v1/users/{uid}") => ":disconnect",
            ("POST", "/v1/webhooks/{id}") => ":replay",
            _ => "",
        };
        filled.collect::<Vec<_>>().join("/") + verb
    }

    fn call(&self, route: &Route, target: &str, lines: &[&str]) -> Reply {
        let body = if matches!(route.method, "GET" | "DELETE") { "" } else { "{}" };
        self.house.call(&request(route.method, target, lines, body))
    }

    /// What of `/one` there is, as its administrator sees it.
    fn inventory(&self) -> [String; 3] {
        let lines = [bearer(&self.root), "Tidings-App: /one".to_owned()];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        ["/v1/keys", "/v1/apps", "/v1/webhooks"].map(|path| self.house.get(path, &lines).body)
    }
}

fn register(house: &House, app: AppNo, uid: &str, socket: u64) -> String {
    let (addr, uid) = ([127, 0, 0, 1].into(), Uid::parse(uid).unwrap());
    let ask = Register { app, uid, device_id: None, print: Print(1), addr, socket: SocketId(socket) };
    match house.ask(Request::Register(ask)) {
        Answer::Attached(attached) => attached.token.as_str().to_owned(),
        other => panic!("{other:?}"),
    }
}

/// The routes of a server without the demo page, and among them those that ask for something.
fn routes() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| !route.is_demo())
}

fn guarded() -> impl Iterator<Item = &'static Route> {
    routes().filter(|route| route.needs != Needs::Nothing)
}

/// An error without what differs from call to call.
fn verdict(reply: &Reply) -> (u16, Value) {
    let mut error = reply.json()["error"].clone();
    error.as_object_mut().unwrap().remove("request_id");
    (reply.status, error)
}

#[test]
fn only_health_asks_for_nothing() {
    let open: Vec<&str> = routes().filter(|route| route.needs == Needs::Nothing).map(|route| route.path).collect();
    let known = ["/healthz", "/readyz", "/openapi.json"];
    assert!(open.iter().all(|path| known.contains(path)), "{open:?}: what a route needs is decided where it is listed");
    let elsewhere: Vec<&str> = routes().filter(|route| route.needs == Needs::KeyElsewhere).map(|route| route.path).collect();
    assert_eq!(elsewhere, ["/metrics"]);
}

#[test]
fn who_has_no_key_is_told_the_same_at_every_route() {
    let town = Town::open();
    let before = town.inventory();
    let (_, sender) = &town.one[0];
    let strangers = [
        None,
        Some("tdk_nobody_00000000000000000000000000000000".to_owned()),
        Some(format!("{sender}x")),
        Some(sender[..sender.len() - 1].to_owned()),
        // A device has its token, and nothing else.
        Some(town.token.clone()),
        Some(format!("tdk_{}_{}", town.id, town.token)),
    ];
    for route in guarded() {
        for stranger in &strangers {
            let line = stranger.as_deref().map(bearer);
            let lines: Vec<&str> = line.as_deref().into_iter().chain(["Tidings-App: /one"]).collect();
            let reply = town.call(route, &town.foreign(route), &lines);
            if route.needs == Needs::KeyElsewhere && stranger.is_none() {
                // This listener is bound to loopback.
                assert_eq!(reply.status, 200);
                continue;
            }
            reply.refused(401, "invalid_key");
            // What is not there is refused alike.
            let nothing = town.call(route, &town.filled(route, |_| "nosuch".to_owned()), &lines);
            assert_eq!(verdict(&reply), verdict(&nothing), "{} {}", route.method, route.path);
        }
        town.call(route, &town.foreign(route), &[&bearer(&town.expired)]).refused(401, "expired_key");
    }
    assert_eq!(town.inventory(), before);
}

#[test]
fn a_scope_opens_its_routes_and_no_other() {
    let town = Town::open();
    let before = town.inventory();
    for route in guarded() {
        for (scope, key) in &town.one {
            let may = match route.needs {
                Needs::Scope(Scope::Send) => matches!(scope, Scope::Send | Scope::SendAll),
                Needs::Scope(needed) => needed == *scope,
                Needs::KeyElsewhere => *scope == Scope::Read,
                Needs::Key | Needs::Nothing => true,
            };
            let context = format!("{} {} with {}", route.method, route.path, scope.as_str());
            if may {
                // What is not there, so that nothing is changed by those who may.
                let reply = town.call(route, &town.filled(route, |_| "nosuch".to_owned()), &[&bearer(key)]);
                let denied = reply.status == 401 || (reply.status == 403 && reply.json()["error"]["code"] != "scope_denied");
                assert!(!denied && reply.status < 500, "{context}: {reply:?}");
            } else {
                let refused = town.call(route, &town.foreign(route), &[&bearer(key)]);
                refused.refused(403, "scope_denied");
                let nothing = town.call(route, &town.filled(route, |_| "nosuch".to_owned()), &[&bearer(key)]);
                assert_eq!(verdict(&refused), verdict(&nothing), "{context}");
            }
        }
    }
    assert_eq!(town.inventory(), before);
}

#[test]
fn another_apps_things_are_as_things_that_are_not_there() {
    let town = Town::open();
    let before = town.inventory();
    let auth = bearer(&town.two);
    for route in guarded() {
        let context = format!("{} {}", route.method, route.path);
        // Whatever a key may do, it may not do it for an app that is not its own.
        let named = town.call(route, &town.foreign(route), &[&auth, "Tidings-App: /one"]);
        named.refused(404, "not_found");
        assert_eq!(verdict(&named), verdict(&town.call(route, &town.foreign(route), &[&auth, "Tidings-App: /nosuch"])), "{context}");
        let reply = town.call(route, &town.foreign(route), &[&auth]);
        if route.path.contains('{') {
            let nothing = town.call(route, &town.filled(route, |_| "nosuch".to_owned()), &[&auth]);
            if reply.status == 200 {
                // A topic is there wherever it is named; another app's has nobody in it.
                assert_eq!(
                    (reply.json(), nothing.json()["devices"].clone()),
                    (json!({"topic": TOPIC, "devices": 0}), json!(0)),
                    "{context}"
                );
            } else {
                let status = if route.path.contains("{topic}") { 400 } else { 404 };
                assert_eq!((reply.status, &verdict(&reply)), (status, &verdict(&nothing)), "{context}");
            }
        }
        for canary in [UID, KEY_NAME, PATTERN, URL, &town.token, &town.id, &town.message, &town.hook] {
            assert!(!reply.body.contains(canary), "{context}: {}", reply.body);
        }
    }
    assert_eq!(town.inventory(), before);
}

#[test]
fn a_body_that_names_anothers_thing_names_nothing() {
    let town = Town::open();
    let auth = bearer(&town.two);
    let nobody = "p_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for (path, foreign, nothing) in [
        ("/message", json!({"data": 1, "token": town.token}), json!({"data": 1, "token": nobody})),
        ("/v1/messages", json!({"to": {"token": town.token}, "data": 1}), json!({"to": {"token": nobody}, "data": 1})),
        ("/v1/keys", json!({"scopes": ["send"], "app": "/one"}), json!({"scopes": ["send"], "app": "/nosuch"})),
    ] {
        let told = town.house.post(path, &[&auth], &foreign.to_string());
        assert_eq!(told.status, 404, "{told:?}");
        assert_eq!(verdict(&told), verdict(&town.house.post(path, &[&auth], &nothing.to_string())), "{path}");
    }
    for field in ["uid", "id"] {
        town.house.post("/message", &[&auth], &json!({"data": 1, field: UID}).to_string()).refused(404, "unknown_target");
    }
    town.house.post("/message", &[&auth], &json!({"data": 1, "id": town.token}).to_string()).refused(404, "unknown_target");
    let put = request("PUT", "/v1/topics/t/subscribers", &[&auth], &json!({"tokens": [town.token, nobody]}).to_string());
    let results = town.house.call(&put).json()["results"].clone();
    assert_eq!(results[0]["error"]["code"], "unknown_target", "{results}");
    assert_eq!(
        (&results[0]["error"]["message"], &results[0]["error"]["code"]),
        (&results[1]["error"]["message"], &results[1]["error"]["code"])
    );
    let events = town.house.get("/v1/events", &[&auth]);
    assert!(events.body.contains("two-uid") && !events.body.contains(UID), "{events:?}");
}

#[test]
fn everyone_is_reached_only_with_the_scope_for_it() {
    let town = Town::open();
    let send = |scope: Scope, body: &Value| {
        let (_, key) = town.one.iter().find(|(known, _)| *known == scope).unwrap();
        town.house.post("/message", &[&bearer(key)], &body.to_string())
    };
    let (all, direct) = (json!({"data": 1}), json!({"data": 1, "uid": UID}));
    assert_eq!((send(Scope::Send, &direct).status, send(Scope::SendAll, &all).status), (200, 200));
    send(Scope::Send, &all).refused(403, "scope_denied");
    send(Scope::SendAll, &direct).refused(403, "scope_denied");
    send(Scope::SendAll, &json!({"data": 1, "uid": "nosuch"})).refused(403, "scope_denied");
}

#[test]
fn an_apps_own_administrator_makes_no_apps_and_rules_no_other() {
    let town = Town::open();
    let auth = bearer(&town.two);
    town.house.post("/v1/apps", &[&auth], r#"{"name":"/three"}"#).refused(403, "scope_denied");
    town.house.post("/v1/apps", &[&auth], r#"{"name":"/one"}"#).refused(403, "scope_denied");
    town.house.delete("/v1/apps/two", &[&auth]).refused(403, "scope_denied");
    town.house.patch("/v1/apps/two", &[&auth], r#"{"disabled":true}"#).refused(403, "scope_denied");
    assert_eq!(town.house.patch("/v1/apps/two", &[&auth], r#"{"client_topics":["a.*"]}"#).status, 200);
    let apps = town.house.get("/v1/apps", &[&auth]).json();
    assert_eq!(apps["apps"].as_array().unwrap().iter().map(|app| app["name"].as_str().unwrap()).collect::<Vec<_>>(), ["/two"]);
    let key = town.house.key(&[&auth], json!({"scopes": ["read"]}));
    assert_eq!(town.house.get("/v1/events", &[&bearer(&key), "Tidings-App: /two"]).status, 200);
}

#[test]
fn an_app_that_is_disabled_serves_nobody_but_who_can_enable_it() {
    let town = Town::open();
    let root = bearer(&town.root);
    town.house.patch("/v1/apps/one", &[&root], r#"{"disabled":true}"#);
    for route in guarded() {
        for (scope, key) in &town.one {
            let reply = town.call(route, &town.foreign(route), &[&bearer(key)]);
            let code = reply.json()["error"]["code"].as_str().unwrap().to_owned();
            assert!(
                matches!((reply.status, code.as_str()), (403, "app_disabled" | "scope_denied")),
                "{} {}: {reply:?}",
                route.path,
                scope.as_str()
            );
        }
    }
    assert_eq!(town.house.patch("/v1/apps/one", &[&root], r#"{"disabled":false}"#).status, 200);
    assert_eq!(town.house.get("/v1/events", &[&root, "Tidings-App: /one"]).status, 200);
}

#[test]
fn without_keys_a_web_page_reaches_no_route() {
    let house = House::open();
    for route in routes() {
        let target = route.path.replace(['{', '}'], "");
        let body = if matches!(route.method, "GET" | "DELETE") { "" } else { "{}" };
        let spared = route.needs == Needs::Nothing && route.method == "GET";
        for page in [
            "Origin: http://evil.example",
            "Origin: null",
            "Origin: https://localhost",
            "Sec-Fetch-Site: cross-site",
            "Sec-Fetch-Site: same-site",
        ] {
            let reply = house.call(&request(route.method, &target, &[page], body));
            if !spared {
                reply.refused(403, "forbidden");
            }
            assert_eq!(reply.header("access-control-allow-origin"), None);
        }
        // A name that was rebound to us stands in `Host`.
        for host in ["evil.example", "evil.example:5001", "10.0.0.1", "localhost.evil.example"] {
            let rebound = format!(
                "{} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                route.method,
                body.len()
            );
            house.call(&rebound).refused(403, "forbidden");
        }
    }
}

#[test]
fn with_keys_a_web_page_is_as_anyone_without_one() {
    let town = Town::open();
    for route in guarded().filter(|route| route.needs != Needs::KeyElsewhere) {
        for page in ["Origin: http://evil.example", "Sec-Fetch-Site: cross-site"] {
            town.call(route, &town.foreign(route), &[page]).refused(401, "invalid_key");
        }
    }
    for page in ["Origin: http://evil.example", "Sec-Fetch-Site: cross-site", "Host: evil.example"] {
        town.house.get("/metrics", &[page]).refused(403, "forbidden");
    }
}

#[test]
fn a_target_that_an_app_does_not_know_is_told_how_it_becomes_known_there() {
    let town = Town::open();
    let told = town.house.post("/message", &[&bearer(&town.two)], &json!({"data": 1, "uid": UID}).to_string());
    let hint = format!("nobody has registered as {UID} yet; try: tidings listen --app /two --uid {UID} --legacy");
    assert_eq!(told.refused(404, "unknown_target")["message"], hint);
}

#[test]
fn the_metrics_need_a_key_on_a_listener_that_others_can_reach() {
    let root = format!("tdk_root_{}", "0".repeat(32));
    let house = House::open_to_others(StandingKey::parse(&root).unwrap());
    let sender = house.key(&[&bearer(&root)], json!({"scopes": ["send"]}));
    let reader = house.key(&[&bearer(&root)], json!({"scopes": ["read"]}));
    house.get("/metrics", &[]).refused(401, "invalid_key");
    house.get("/metrics", &[&bearer(&sender)]).refused(403, "scope_denied");
    assert_eq!(house.get("/metrics", &[&bearer(&reader)]).status, 200);
}
