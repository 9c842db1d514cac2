//! The binary as an operator meets it: exit codes, what it prints, and what it leaves on the disk.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A command without what this process's environment may say.
fn tidings(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidings"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TIDINGS_") {
            command.env_remove(name);
        }
    }
    command
}

fn ended(arguments: &[&str]) -> Output {
    tidings(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A server on ports of its own; killed when a test forgets it. Nobody reads its log once it is up, which must not matter.
struct Server {
    process: Child,
    folder: TempDir,
    data: PathBuf,
    /// Its first lines.
    printed: Vec<String>,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        Self::start_in(folder, data)
    }

    /// On a folder that is there and is somebody else's.
    fn start_on(data: &Path) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), data.to_owned())
    }

    fn start_in(folder: TempDir, data: PathBuf) -> Self {
        let mut process = serve(&data, "127.0.0.1:0", "127.0.0.1:0").stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut printed = Vec::new();
        // The warning comes when everything is bound and written.
        while !printed.last().is_some_and(|line: &String| line.contains("no keys")) {
            printed.push(lines.next().unwrap_or_else(|| panic!("it ended: {printed:?}")).unwrap());
        }
        Self { process, folder, data, printed }
    }

    fn data(&self) -> PathBuf {
        self.data.clone()
    }

    fn address(&self, door: &str) -> String {
        let text = std::fs::read_to_string(self.data().join("addresses.json")).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()[door].as_str().unwrap().to_owned()
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.process.id().to_string()]).stderr(Stdio::null()).status().is_ok());
    }

    fn exit_code(&mut self) -> Option<i32> {
        self.process.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn serve(data: &Path, devices: &str, backend: &str) -> Command {
    tidings(&["serve", "--data", data.to_str().unwrap(), "--devices", devices, "--backend", backend])
}

#[test]
fn bound_addresses_are_printed_and_written() {
    let server = Server::start();
    assert_eq!(server.printed[0], format!("devices  http://{}", server.address("devices")));
    assert_eq!(server.printed[1], format!("backend  http://{}", server.address("backend")));
    let text = std::fs::read_to_string(server.data().join("addresses.json")).unwrap();
    let keys: Vec<String> = serde_json::from_str::<Value>(&text).unwrap().as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["devices", "backend", "sockets", "ice"]);
    for door in ["devices", "backend"] {
        assert!(TcpStream::connect(server.address(door)).is_ok());
    }
}

#[test]
fn a_stop_ends_well_and_takes_the_addresses_away() {
    for signal in ["-TERM", "-INT"] {
        let mut server = Server::start();
        server.signal(signal);
        assert_eq!(server.exit_code(), Some(0));
        assert!(!server.data().join("addresses.json").exists());
    }
}

#[test]
fn one_signal_that_comes_twice_is_one() {
    let mut server = Server::start();
    let id = server.process.id().to_string();
    assert!(Command::new("sh").args(["-c", "kill -TERM $0; kill -INT $0; kill -TERM $0", &id]).status().unwrap().success());
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn a_second_signal_does_not_wait() {
    let mut server = Server::start();
    // A request that never ends holds the drain.
    let mut running = TcpStream::connect(server.address("backend")).unwrap();
    running.write_all(b"POST /message HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n").unwrap();
    running.read_exact(&mut [0; 25]).unwrap();
    let backend = server.address("backend");
    server.signal("-TERM");
    while !ready(&backend).contains("draining") {}
    // The very next one may still count as the first.
    while server.process.try_wait().unwrap().is_none() {
        server.signal("-TERM");
    }
    assert_eq!(server.exit_code(), Some(1));
}

fn ready(backend: &str) -> String {
    let mut stream = TcpStream::connect(backend).unwrap();
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_second_server_on_the_folder_names_the_first() {
    let server = Server::start();
    let second = serve(&server.data(), "127.0.0.1:0", "127.0.0.1:0").output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(said(&second).contains(&format!("process {}", server.process.id())), "{}", said(&second));
    assert!(server.data().join("addresses.json").exists(), "the first one's");
}

#[test]
fn a_port_in_use_is_named_with_the_flag_that_changes_it() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (devices, backend, flag) in
        [(taken.to_string(), "127.0.0.1:0".to_owned(), "--devices"), ("127.0.0.1:0".to_owned(), taken.to_string(), "--backend")]
    {
        let ended = serve(&folder.path().join("data"), &devices, &backend).output().unwrap();
        assert_eq!(ended.status.code(), Some(1));
        assert!(said(&ended).contains(flag) && said(&ended).contains(&taken.port().to_string()), "{}", said(&ended));
        assert!(!folder.path().join("data/addresses.json").exists());
    }
}

#[test]
fn bad_usage_and_refused_configurations_exit_2() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let file = folder.path().join("tidings.toml");
    std::fs::write(&file, "[devices]\npth = '/'\n").unwrap();
    let ended = ended(&["serve", "--data", data.to_str().unwrap(), "--config", file.to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(2));
    assert!(said(&ended).contains("tidings.toml:2: unknown key devices.pth"), "{}", said(&ended));
    for (devices, backend) in [("0.0.0.0:0", "127.0.0.1:0"), ("127.0.0.1:0", "[::]:0"), ("nonsense", "127.0.0.1:0")] {
        let ended = serve(&data, devices, backend).output().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{}", said(&ended));
    }
    assert!(!data.exists(), "refused before anything was made");
}

#[test]
fn check_config_says_what_is_wrong_or_that_nothing_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    std::fs::write(&file, "[legacy]\n\np2p_event = 'x'\n").unwrap();
    let bad = ended(&["check-config", file.to_str().unwrap()]);
    assert_eq!((bad.status.code(), said(&bad).lines().count()), (Some(1), 1));
    assert!(said(&bad).contains("a.toml:3: legacy.p2p_event"));
    std::fs::write(&file, "[legacy]\np2p_event = 'uid'\n").unwrap();
    assert_eq!(ended(&["check-config", file.to_str().unwrap()]).status.code(), Some(0));
    let keys = ended(&["check-config", "--keys"]);
    assert!(String::from_utf8_lossy(&keys.stdout).contains("legacy.p2p_event = \"token\"\n    "));
}

#[test]
fn send_prints_id_and_targets_or_the_code() {
    let server = Server::start();
    let url = format!("http://{}", server.address("backend"));
    let sent = ended(&["send", "--url", &url, "--all", r#"{"text":"é"}"#]);
    let line = String::from_utf8(sent.stdout.clone()).unwrap();
    assert_eq!(sent.status.code(), Some(0), "{}", said(&sent));
    assert!(line.len() > 36 && line[36..] == *"  0 devices, 0 online\n", "{line}");
    let refused = ended(&["send", "--url", &url, "--uid", "42", "1"]);
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(1), 0));
    assert!(said(&refused).starts_with("unknown_target: nobody has registered as 42 yet"), "{}", said(&refused));
}

#[test]
fn send_without_a_server_fails() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ended = ended(&["send", "--url", &format!("http://{free}"), "--all", "1"]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(said(&ended).contains("is the server running?"), "{}", said(&ended));
}

#[test]
fn listen_registers_and_prints_what_arrives() {
    let server = Server::start();
    let (devices, backend) = (format!("http://{}", server.address("devices")), format!("http://{}", server.address("backend")));
    let mut listening = tidings(&["listen", "--url", &devices, "--uid", "42", "--legacy"]).spawn().unwrap();
    let mut lines = BufReader::new(listening.stdout.take().unwrap()).lines().map(Result::unwrap);
    let registered = lines.next().unwrap();
    assert!(registered.starts_with("registered as 42, token p_"), "{registered}");
    for (to, printed) in [
        (["--uid", "42"], r#"message {"data":"hi 😀"}"#),
        (["--token", registered.rsplit(' ').next().unwrap()], r#"message {"data":"hi 😀"}"#),
    ] {
        assert!(ended(&[&["send", "--url", &backend], to.as_slice(), &["\"hi 😀\""]].concat()).status.success());
        assert_eq!(lines.next().unwrap(), printed);
    }
    assert!(ended(&["send", "--url", &backend, "--all", "null"]).status.success());
    assert_eq!(lines.next().unwrap(), r#"app broadcast {"data":null}"#);
    let waited = ended(&["send", "--url", &backend, "--uid", "42", "--wait", "1"]);
    let printed = String::from_utf8(waited.stdout).unwrap();
    let (first, second) = printed.trim_end().split_once('\n').unwrap();
    assert!(waited.status.success() && first.ends_with("  1 device, 1 online"), "{printed}");
    assert!(second.starts_with("reached after ") && second.ends_with(" ms, proof: engine"), "{printed}");
    listening.kill().unwrap();
    listening.wait().unwrap();
}

/// What a phone in the terminal is told as it registers and is given, until it has had `messages` of them.
fn listened(server: &Server, uid: &str, messages: usize) -> Vec<String> {
    let devices = format!("http://{}", server.address("devices"));
    let mut listening = tidings(&["listen", "--url", &devices, "--uid", uid, "--legacy"]).spawn().unwrap();
    let lines: Vec<String> = BufReader::new(listening.stdout.take().unwrap()).lines().map(Result::unwrap).take(1 + messages).collect();
    listening.kill().unwrap();
    listening.wait().unwrap();
    lines
}

#[test]
fn what_a_backup_of_a_running_server_holds_is_there_after_a_restore() {
    let server = Server::start();
    let token = listened(&server, "42", 0).remove(0);
    let backend = format!("http://{}", server.address("backend"));
    assert!(ended(&["send", "--url", &backend, "--uid", "42", "\"waits\""]).status.success());
    let place = server.folder.path();
    let (to, back) = (place.join("backup"), place.join("back"));
    let (data, to, back) = (server.data(), to.to_str().unwrap(), back.to_str().unwrap());

    let made = ended(&["backup", to, "--data", data.to_str().unwrap()]);
    assert!(made.status.success() && String::from_utf8_lossy(&made.stdout).contains("running server"), "{}", said(&made));
    let again = ended(&["backup", to, "--data", data.to_str().unwrap()]);
    assert!(again.status.code() == Some(1) && said(&again).contains("not empty"), "{}", said(&again));
    let no_place = ended(&["restore", to, "--data", data.to_str().unwrap()]);
    assert!(no_place.status.code() == Some(1) && said(&no_place).contains("not empty"), "{}", said(&no_place));
    let restored = ended(&["restore", to, "--data", back]);
    assert_eq!(restored.status.code(), Some(0), "{}", said(&restored));

    let server = Server::start_on(Path::new(back));
    let lines = listened(&server, "42", 1);
    assert_eq!(lines, [token, r#"message {"data":"waits"}"#.to_owned()], "the registration, and the mail that waited");
}

#[test]
fn a_doctor_names_what_is_wrong_and_fails_by_it() {
    let server = Server::start();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let (file, data) = (server.folder.path().join("tidings.toml"), server.folder.path().join("elsewhere"));
    let doctor = |bind: &str, data: &Path| {
        std::fs::write(&file, format!("devices.bind = '{bind}'\nbackend.bind = '127.0.0.1:0'\n")).unwrap();
        let ended = ended(&["doctor", "--config", file.to_str().unwrap(), "--data", data.to_str().unwrap()]);
        (ended.status.code(), String::from_utf8(ended.stdout).unwrap())
    };
    let taken = holder.local_addr().unwrap().to_string();
    let (code, lines) = doctor(&taken, &data);
    assert!(code == Some(1) && lines.contains(&format!("fail  ports    devices.bind: {taken} is in use by another program")), "{lines}");
    assert!(!data.exists(), "it makes nothing");
    // The rest depends on the machine; where nothing fails it says so by its code.
    let (code, lines) = doctor(&server.address("devices"), &server.data());
    assert!(lines.contains(&server.process.id().to_string()) && lines.contains("by the running server"), "{lines}");
    for topic in ["data", "ports", "files", "backlog", "space", "disk", "clock", "proxy"] {
        assert!(lines.lines().any(|line| line.split_whitespace().nth(1) == Some(topic)), "{topic}: {lines}");
    }
    assert_eq!(code, Some(i32::from(lines.lines().any(|line| line.starts_with("fail")))), "{lines}");
    std::fs::write(&file, "[devices]\npth = '/'\n").unwrap();
    assert_eq!(ended(&["doctor", "--config", file.to_str().unwrap()]).status.code(), Some(1));
}
