use clap::CommandFactory;

use super::*;

/// Err: how the process would end.
fn read(line: &str) -> Result<Line, Exit> {
    Line::try_parse_from(std::iter::once("tidings").chain(line.split(' ').filter(|word| !word.is_empty()))).map_err(|error| verdict(&error))
}

#[test]
fn the_command_line_is_consistent() {
    Line::command().debug_assert();
}

#[test]
fn the_help_lists_what_there_is_and_nothing_else() {
    let verbs: Vec<String> = Line::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    assert_eq!(verbs, ["serve", "check-config", "key", "send", "listen", "backup", "restore", "doctor", "token", "why"]);
}

#[test]
fn what_can_be_said_is_understood() {
    for line in [
        "serve",
        "serve --config a.toml --data d --devices 127.0.0.1:0 --backend 127.0.0.1:0 --open-registration --accept-clock",
        "check-config tidings.toml",
        "check-config --keys",
        "send --all 1",
        "send --uid 42 \"hi\"",
        "send --token p_x --url http://127.0.0.1:5001 {}",
        "send --all null",
        "send --app /shop --all 1",
        "send --all -1",
        "backup b",
        "backup b --data d --config a.toml",
        "restore b --data d",
        "doctor",
        "doctor --config a.toml --data d",
        "send --uid 42 --wait --key tdk_1_x 1",
        "listen --uid 42 --legacy",
        "key create --app / --scopes send,read",
        "key create --scopes admin --name boss --data d",
        "key create --app /shop --scopes send:all,devices --url http://127.0.0.1:5001",
        "send --key tdk_a_b --all 1",
        "token --uid 42 --secret FILE",
        "token --app /shop --uid 42 --ttl 90m --secret FILE --signed-uid",
        "serve --ice 127.0.0.1:10000",
        "why --uid 42",
        "why --uid 42 --url http://127.0.0.1:5001 --key tdk_a_b --limit 200",
        "listen --uid 42 --legacy --device d1 --url http://[::1]:5000/push",
    ] {
        assert!(read(line).is_ok(), "{line}: {:?}", read(line));
    }
}

#[test]
fn what_makes_no_sense_is_bad_usage() {
    for line in [
        "",
        "serv",
        "serve x",
        "serve --ice",
        "check-config",
        "check-config a.toml --keys",
        "send",
        "send 1",
        "send --all",
        "send --all hello",
        "send --all --uid 42 1",
        "send --uid 42 --token p_x 1",
        "send --all 1 --url https://127.0.0.1",
        "send --topic t --uid 42 1",
        "send --app shop --all 1",
        "backup",
        "restore",
        "doctor x",
        "why",
        "send --all --wait 1",
        "send --all --key é 1",
        "listen --legacy",
        "token --uid 42",
        "token --uid 42 --secret FILE --ttl 1w",
        "token --uid 42 --secret FILE --app shop",
        "listen --uid 42",
        "listen --uid= --legacy",
    ] {
        assert_eq!(read(line).err(), Some(Exit::Usage), "{line}");
    }
}

#[test]
fn help_and_version_are_no_mistakes() {
    for line in ["--help", "--version", "serve --help"] {
        assert_eq!(read(line).err(), Some(Exit::Done), "{line}");
    }
}

#[test]
fn a_url_is_a_host_a_port_and_a_path() {
    let url = |text: &str| text.parse::<url::Url>().ok().map(|url| (url.authority, url.connect, url.path));
    let of = |authority: &str, connect: &str, path: &str| Some((authority.to_owned(), connect.to_owned(), path.to_owned()));
    assert_eq!(url("http://127.0.0.1:5001"), of("127.0.0.1:5001", "127.0.0.1:5001", ""));
    assert_eq!(url("http://push.example/socket.io/"), of("push.example", "push.example:80", "/socket.io"));
    assert_eq!(url("http://[::1]:5000/"), of("[::1]:5000", "[::1]:5000", ""));
    assert_eq!(url("http://[::1]"), of("[::1]", "[::1]:80", ""));
    for text in ["127.0.0.1:5001", "https://x", "http://", "http:///x", "http://a@b", "http://x/?q"] {
        assert_eq!(url(text), None, "{text}");
    }
}
