//! The flags that say which configuration and which data folder, and what they come to.

use std::path::PathBuf;

use crate::config::{self, Config, Environment, Given, Origin, Problem, Value};

#[derive(Debug, clap::Args)]
pub(super) struct Folder {
    /// The configuration file; without it ./tidings.toml, if there is one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder that holds everything durable [default: ./tidings-data]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
}

impl Folder {
    /// What a server with these flags would start with.
    pub(super) fn load(&self) -> Result<Config, Vec<Problem>> {
        let data = self.data.clone().map(|text| Given { key: "data".to_owned(), value: Value::Text(text), origin: Origin::Flag("--data") });
        let flags = config::Flags { config: self.config.clone(), given: data.into_iter().collect(), open_registration: false };
        Config::load(&flags, &Environment::of_process())
    }
}
