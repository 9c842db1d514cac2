//! `tidings key create`: a key, printed once. In the data folder itself while no server has it, else through the server.

use std::path::{Path, PathBuf};

use tidings_api::{Caller, Executor, KeyWish};
use tidings_json::{Json, Object, array, unescape};
use tidings_model::{AppName, Code, Limits, NewApp, Refusal, Scope, Scopes};
use tidings_store::{OpenError, Store};
use tokio::runtime::Builder;

use super::http::{self, Answer};
use super::url::Url;
use super::{Exit, say};
use crate::config::{Environment, Value};
use crate::telemetry::complain;

#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make a key and print it: nobody can show it again
    Create(Create),
}

#[derive(Debug, clap::Args)]
struct Create {
    /// The app that it is for; it is made where there is none of that name
    #[arg(long, value_name = "APP", default_value = "/", value_parser = app)]
    app: AppName,
    /// What it may do, of send, send:all, read, devices and admin, separated by commas
    #[arg(long, value_name = "SCOPES", value_parser = scopes)]
    scopes: Scopes,
    /// What you call it
    #[arg(long, default_value = "")]
    name: String,
    /// The data folder of a server that does not run [default: ./tidings-data, if it is there]
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    data: Option<PathBuf>,
    /// The backend listener of a server that runs
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
    /// A key with the scope admin, for a server that has one; without it, the one in TIDINGS_KEY (which other users cannot see)
    #[arg(long, value_name = "K", conflicts_with = "data", value_parser = super::send::key)]
    key: Option<String>,
}

const FOLDER: &str = "tidings-data";
const SERVER: &str = "http://127.0.0.1:5001";

fn app(text: &str) -> Result<AppName, String> {
    AppName::parse(text).map_err(|why| format!("it {why}"))
}

fn scopes(text: &str) -> Result<Scopes, String> {
    let known = || format!("known are {}", Scope::ALL.map(Scope::as_str).join(", "));
    text.split(',').map(|name| Scope::parse(name).ok_or_else(|| format!("{name} is no scope; {}", known()))).collect()
}

pub(super) fn run(flags: &Flags) -> Exit {
    let Verb::Create(create) = &flags.verb;
    let environment = Environment::of_process();
    let key = create.key.as_deref().or(environment.key.as_deref()).filter(|key| !key.is_empty());
    // A key that is given is for a server.
    let folder = create.folder(&environment).filter(|_| create.key.is_none());
    let made = match (&create.url, folder) {
        (Some(url), _) => create.through(url, key),
        (None, Some(folder)) => create.within(&folder),
        (None, None) => SERVER.parse().and_then(|url| create.through(&url, key)),
    };
    match made {
        Ok(key) => {
            say(&key);
            Exit::Done
        }
        Err(why) => {
            complain(&why);
            Exit::Failed
        }
    }
}

impl Create {
    /// The folder that is meant. None: none is named, and none is there.
    fn folder(&self, environment: &Environment) -> Option<PathBuf> {
        let given = environment.given.iter().find(|given| given.key == "data").and_then(|given| match &given.value {
            Value::Text(text) => Some(PathBuf::from(text)),
            _ => None,
        });
        let usual = || Some(PathBuf::from(FOLDER)).filter(|folder| folder.exists());
        self.data.clone().or(given).or_else(usual)
    }

    fn within(&self, folder: &Path) -> Result<String, String> {
        let config = tidings_store::Config {
            dir: folder.to_owned(),
            limits: Limits::default(),
            workers: 1,
            build: env!("CARGO_PKG_VERSION").to_owned(),
            accept_clock: false,
        };
        let (store, owner) = Store::open(config).map_err(|error| match error {
            OpenError::Locked { .. } => format!("{error}, or ask the server that has it: --url {SERVER}"),
            error => error.to_string(),
        })?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| format!("the runtime did not start: {error}"))?;
        let made = runtime.block_on(self.ask(&Executor::new(store, Limits::default(), None)));
        owner.close().map_err(|error| error.to_string())?;
        made.map_err(|refusal| refusal.to_string())
    }

    async fn ask(&self, executor: &Executor) -> Result<String, Refusal> {
        let operator = Caller::operator();
        let wish = KeyWish { app: Some(self.app.as_str().to_owned()), name: self.name.clone(), scopes: self.scopes, until: None };
        let mut given = executor.create_key(&operator, executor.admit()?, wish.clone()).await;
        if given.as_ref().is_err_and(|refusal| refusal.code == Code::NotFound) {
            let app = NewApp { name: self.app.clone(), disabled: false, client_topics: Vec::new() };
            executor.create_app(&operator, executor.admit()?, app).await?;
            given = executor.create_key(&operator, executor.admit()?, wish).await;
        }
        given?.text.ok_or_else(|| Refusal::new(Code::Internal, "a key without its text"))
    }

    fn through(&self, url: &Url, key: Option<&str>) -> Result<String, String> {
        let post = |path: &str, body: &str| {
            let authorization = key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
            let sent = http::post(url, path, &authorization, body);
            sent.map_err(|error| format!("no answer from {}: {error}; is the server running? If not: --data DIR", url.authority))
        };
        let mut answer = post("/v1/keys", &self.body())?;
        if answer.status == 404 {
            let app = post("/v1/apps", &Object::new().text("name", self.app.as_str()).finish())?;
            if app.status != 201 {
                return Err(refused(&app));
            }
            answer = post("/v1/keys", &self.body())?;
        }
        let said = Json::parse(answer.body.as_bytes()).ok().filter(|_| answer.status == 201);
        let key = said.as_ref().and_then(|said| said.member("key")).and_then(unescape);
        key.map(std::borrow::Cow::into_owned).ok_or_else(|| refused(&answer))
    }

    fn body(&self) -> String {
        let scopes = array(self.scopes.iter().map(|scope| Json::string(scope.as_str())));
        Object::new().text("app", self.app.as_str()).text("name", &self.name).raw("scopes", scopes).finish()
    }
}

/// The code and its message, as the server says them.
fn refused(answer: &Answer) -> String {
    http::refusal(answer).unwrap_or_else(|| format!("HTTP status {}", answer.status))
}
