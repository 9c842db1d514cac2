//! `tidings serve`.

use std::path::PathBuf;

use tokio::runtime::{Builder, Runtime};

use super::{Exit, failed, refused};
use crate::app::{App, Ended, Reread, Wishes};
use crate::config::{self, Config, Environment, Given, Origin, Value};
use crate::telemetry;

#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    /// The configuration file; without it ./tidings.toml, if there is one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder that holds everything durable [default: ./tidings-data]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// Where devices connect [default: 127.0.0.1:5000]
    #[arg(long, value_name = "ADDR")]
    devices: Option<String>,
    /// Where the business server calls [default: 127.0.0.1:5001]
    #[arg(long, value_name = "ADDR")]
    backend: Option<String>,
    /// Where the business server calls over ZeroC Ice; 127.0.0.1:10000 is usual [default: nowhere]
    #[arg(long, value_name = "ADDR")]
    ice: Option<String>,
    /// Serve a page at the backend's address that is a device and a backend at once
    #[arg(long)]
    demo: bool,
    /// Let anyone who reaches the devices' address register as anyone
    #[arg(long)]
    open_registration: bool,
    /// Start although the clock is more than 400 days ahead of the last fact
    #[arg(long)]
    accept_clock: bool,
}

impl Flags {
    fn as_given(&self) -> config::Flags {
        let flags = [
            ("data", "--data", &self.data),
            ("devices.bind", "--devices", &self.devices),
            ("backend.bind", "--backend", &self.backend),
            ("ice.bind", "--ice", &self.ice),
        ];
        let given = flags.into_iter().filter_map(|(key, flag, text)| {
            let value = Value::Text(text.clone()?);
            Some(Given { key: key.to_owned(), value, origin: Origin::Flag(flag) })
        });
        config::Flags { config: self.config.clone(), given: given.collect(), open_registration: self.open_registration }
    }
}

pub(super) fn run(flags: &Flags) -> Exit {
    let config = match Config::load(&flags.as_given(), &Environment::of_process()) {
        Ok(config) => config,
        Err(problems) => return refused(&problems),
    };
    let level = telemetry::start(&config.log);
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("the runtime did not start: {error}")),
    };
    let started = runtime.block_on(App::start(
        &config,
        Wishes { accept_clock: flags.accept_clock, demo: flags.demo, level, reread: reread(flags.as_given()) },
    ));
    let mut app = match started {
        Ok(app) => app,
        Err(error) if error.is_usage() => {
            failed(&error.to_string());
            return Exit::Usage;
        }
        Err(error) => return failed(&error.to_string()),
    };
    let ended = runtime.block_on(app.run());
    finish(ended, app, runtime)
}

/// The same flags and environment, and the file as it is then.
fn reread(given: config::Flags) -> Reread {
    Box::new(move || Config::load(&given, &Environment::of_process()))
}

/// Two threads are plenty for a door that waits for the store; the devices have workers of their own.
fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(2).thread_name("tidings-backend").enable_all().build()
}

fn finish(ended: Ended, app: App, runtime: Runtime) -> Exit {
    if matches!(ended, Ended::Late | Ended::Forced) {
        // Nothing is waited for, not even what dropping would wait for.
        std::mem::forget(app);
        runtime.shutdown_background();
    }
    match ended {
        Ended::Stopped | Ended::Late => Exit::Done,
        Ended::Forced => failed("stopped at once by a second signal; the next start makes good what was left"),
        Ended::Broken(why) => failed(&why),
    }
}
