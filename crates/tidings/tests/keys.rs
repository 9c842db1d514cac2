//! Keys as an operator makes them, and that no secret leaves the server: not in a log, not in a metric, not in an error.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

fn tidings(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TIDINGS_")) {
        command.env_remove(name);
    }
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What it printed, where it succeeded.
fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// A server whose log is a file, at its most talkative.
struct Server {
    process: Child,
    folder: TempDir,
}

impl Server {
    fn start(backend: &str, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::start_in(folder, backend, settings)
    }

    fn start_in(folder: TempDir, backend: &str, settings: &[(&str, &str)]) -> Self {
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let data = folder.path().join("data");
        let mut command = tidings(&["serve", "--data", data.to_str().unwrap(), "--devices", "127.0.0.1:0", "--backend", backend]);
        command.env("TIDINGS_LOG__LEVEL", "trace").envs(settings.iter().copied());
        let process = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut server = Self { process, folder };
        // Written when all is bound.
        while !server.data().join("addresses.json").exists() {
            assert!(server.process.try_wait().unwrap().is_none(), "it ended: {}", server.log());
            std::thread::yield_now();
        }
        server
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    fn port(&self, door: &str) -> u16 {
        let text = std::fs::read_to_string(self.data().join("addresses.json")).unwrap();
        let address = serde_json::from_str::<Value>(&text).unwrap()[door].as_str().unwrap().to_owned();
        address.rsplit_once(':').unwrap().1.parse().unwrap()
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port("backend"))
    }

    /// The whole answer.
    fn call(&self, door: &str, method: &str, path: &str, (lines, body): (&[String], &str)) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port(door))).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}Content-Length: {}\r\n\r\n", body.len());
        stream.write_all((head + body).as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn backend(&self, method: &str, path: &str, key: &str, body: &str) -> String {
        self.call("backend", method, path, (&[format!("Authorization: Bearer {key}")], body))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn create(arguments: &[&str]) -> Command {
    tidings(&[&["key", "create"], arguments].concat())
}

fn status(answer: &str) -> &str {
    &answer[9..12]
}

#[test]
fn a_key_is_made_in_the_folder_of_a_server_that_does_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let refused = create(&["--scopes", "send", "--data", data]).output().unwrap();
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(1), 0));
    assert!(said(&refused).starts_with("conflict: the first key must have the scope admin"), "{}", said(&refused));
    let admin = printed(&mut create(&["--scopes", "admin", "--data", data]));
    let shop = printed(&mut create(&["--app", "/shop", "--scopes", "send:all,read", "--name", "till", "--data", data]));
    assert!(admin.starts_with("tdk_") && shop.starts_with("tdk_"));

    let server = Server::start_in(folder, "127.0.0.1:0", &[]);
    assert_eq!(status(&server.backend("GET", "/v1/keys", &admin, "")), "200");
    let apps = server.backend("GET", "/v1/apps", &admin, "");
    assert!(apps.contains(r#""name":"/shop""#), "{apps}");
    assert_eq!(status(&server.backend("POST", "/message", &shop, r#"{"data":1}"#)), "200");
    let live = create(&["--scopes", "send", "--data", server.data().to_str().unwrap()]).output().unwrap();
    assert_eq!(live.status.code(), Some(1));
    assert!(said(&live).contains("--url"), "{}", said(&live));
}

#[test]
fn a_key_is_made_through_the_server_that_runs() {
    let server = Server::start("127.0.0.1:0", &[]);
    let url = server.url();
    let admin = printed(&mut create(&["--scopes", "admin", "--url", &url]));
    let stranger = create(&["--scopes", "send", "--url", &url]).output().unwrap();
    assert!(said(&stranger).starts_with("invalid_key: "), "{}", said(&stranger));
    let shop = printed(create(&["--app", "/shop", "--scopes", "send:all", "--url", &url]).env("TIDINGS_KEY", &admin));
    let send = |key: Option<&str>| {
        let mut command = tidings(&["send", "--url", &url, "--all", "1"]);
        if let Some(key) = key {
            command.args(["--key", key]);
        }
        command.output().unwrap()
    };
    assert!(send(Some(&shop)).status.success());
    assert!(said(&send(None)).starts_with("invalid_key: "));
    assert!(said(&send(Some(&admin))).starts_with("scope_denied: "));
}

#[test]
fn a_backend_that_others_reach_starts_only_with_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let serve =
        |data: &Path| tidings(&["serve", "--data", data.to_str().unwrap(), "--devices", "127.0.0.1:0", "--backend", "0.0.0.0:0"]).output();
    let refused = serve(&data).unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("tidings key create --app / --scopes admin"), "{}", said(&refused));
    let admin = printed(&mut create(&["--scopes", "admin", "--data", data.to_str().unwrap()]));
    let server = Server::start_in(folder, "0.0.0.0:0", &[]);
    assert_eq!(status(&server.backend("GET", "/v1/keys", &admin, "")), "200");
    assert_eq!(status(&server.call("backend", "GET", "/metrics", (&[], ""))), "401", "its numbers are not for everyone");
    assert_eq!(status(&server.call("backend", "GET", "/healthz", (&["X: y".to_owned()], ""))), "200");
}

#[test]
fn a_file_names_an_admin_key_from_the_start() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let key = format!("tdk_boot_{}", "z".repeat(64));
    std::fs::write(file.path(), format!("{key}\n")).unwrap();
    let server = Server::start("0.0.0.0:0", &[("TIDINGS_ADMIN_KEY_FILE", file.path().to_str().unwrap())]);
    assert_eq!(status(&server.backend("GET", "/v1/keys", &key, "")), "200");
    assert_eq!(status(&server.backend("GET", "/v1/keys", "tdk_boot_x", "")), "401");
    assert!(!server.log().contains(&key[10..]));
}

/// Everything that a stranger, a caller and a device could make the server say.
#[test]
fn no_secret_and_no_token_is_ever_said() {
    let server = Server::start("127.0.0.1:0", &[]);
    let admin = printed(&mut create(&["--scopes", "admin,send,send:all,read", "--url", &server.url()]));
    let made = server.backend("POST", "/v1/keys", &admin, r#"{"scopes":["read"]}"#);
    let read = made.split("\"key\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();

    // A device registers, by polling.
    let path = "/socket.io/?EIO=4&transport=polling";
    let opened = server.call("devices", "GET", path, (&[], ""));
    let sid = opened.split("\"sid\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let session = format!("{path}&sid={sid}");
    server.call("devices", "POST", &session, (&[], "40"));
    server.call("devices", "POST", &session, (&[], r#"42["register",{"data":"canary-user"}]"#));
    let mut token = None;
    while token.is_none() {
        let polled = server.call("devices", "GET", &session, (&[], ""));
        token = polled.split("\"token\":\"").nth(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    }
    let token = token.unwrap();

    let wrong = format!("tdk_{}_{}", "a".repeat(10), "canarysecret".repeat(5));
    let mut answers = String::new();
    for key in [&wrong, &read, &token, &format!("{admin}x")] {
        for (method, path, body) in [
            ("POST", "/message", format!(r#"{{"data":1,"token":"{token}"}}"#)),
            ("POST", "/message", "{".to_owned()),
            ("GET", "/v1/keys/nosuch", String::new()),
            ("PATCH", "/v1/keys/nosuch", "{}".to_owned()),
            ("DELETE", "/v1/apps/nosuch", String::new()),
            ("GET", "/v1/events?cursor=x", String::new()),
            ("GET", "/nothing", String::new()),
        ] {
            answers += &server.backend(method, path, key, &body);
        }
    }
    answers += &server.backend("GET", "/v1/keys", &admin, "");
    answers += &server.backend("POST", "/message", &admin, r#"{"data":1,"uid":"nosuch"}"#);
    assert_eq!(status(&server.backend("POST", "/message", &admin, &format!(r#"{{"data":1,"token":"{token}"}}"#))), "200");
    let metrics = server.call("backend", "GET", "/metrics", (&[], ""));
    assert!(metrics.starts_with("HTTP/1.1 200") && answers.contains("invalid_key") && answers.contains("scope_denied"));

    let secret = |key: &str| key.splitn(3, '_').nth(2).unwrap().to_owned();
    let told = [("an answer", &answers), ("a metric", &metrics), ("the log", &server.log())].map(|(place, text)| (place, text.clone()));
    for (place, text) in &told {
        for canary in [secret(&admin), secret(&read), secret(&wrong), token[2..].to_owned()] {
            assert!(!text.contains(&canary), "{canary} stands in {place}");
        }
    }
    assert!(told[2].1.contains("request answered"), "the log was at its most talkative");
}
