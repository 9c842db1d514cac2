//! What `[registration]` says, and whether it says enough.

use std::path::PathBuf;

use tidings_registration::{Config, Files, Target};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Auth {
    #[default]
    None,
    Jwt,
    Signed,
    Callback,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Registration {
    pub auth: Auth,
    pub jwt_secret_file: Option<PathBuf>,
    pub jwt_public_key_file: Option<PathBuf>,
    pub jwt_jwks_file: Option<PathBuf>,
    pub signed_secret_file: Option<PathBuf>,
    pub callback_url: Option<Target>,
}

/// A key, and what is wrong with it.
type Found = (&'static str, String);

const AUTH: &str = "registration.auth";
const JWT: [&str; 3] = ["registration.jwt.secret_file", "registration.jwt.public_key_file", "registration.jwt.jwks_file"];
const SIGNED: &str = "registration.signed.secret_file";
const CALLBACK: &str = "registration.callback.url";

impl Registration {
    /// None: anyone may register as anyone. Only where there are no problems.
    pub(crate) fn config(&self) -> Option<Config> {
        match self.auth {
            Auth::None => None,
            Auth::Jwt => Some(Config::Keys(Files::Jwt {
                secret: self.jwt_secret_file.clone(),
                public_key: self.jwt_public_key_file.clone(),
                jwks: self.jwt_jwks_file.clone(),
            })),
            Auth::Signed => Some(Config::Keys(Files::Signed { secret: self.signed_secret_file.clone()? })),
            Auth::Callback => Some(Config::Callback(self.callback_url.clone()?)),
        }
    }

    /// Every key that is missing, of no use or of a file that cannot be used.
    pub(crate) fn problems(&self) -> Vec<Found> {
        let mut found = self.strays();
        found.extend(self.missing());
        if let (true, Some(Config::Keys(files))) = (found.is_empty(), self.config()) {
            let bad = files.load().err().unwrap_or_default().into_iter();
            found.extend(bad.map(|error| (in_full(error.key), error.to_string())));
        }
        found
    }

    fn missing(&self) -> Option<Found> {
        let is_missing = match self.auth {
            Auth::None => false,
            auth => !self.set().any(|(_, of)| of == auth),
        };
        let what = match self.auth {
            Auth::None => return None,
            Auth::Jwt => JWT.join(", "),
            Auth::Signed => SIGNED.to_owned(),
            Auth::Callback => CALLBACK.to_owned(),
        };
        is_missing.then(|| (AUTH, format!("{AUTH} is {:?}, which needs {what}", self.auth.name())))
    }

    /// Whoever names a key thinks that credentials are checked by it.
    fn strays(&self) -> Vec<Found> {
        let strays = self.set().filter(|(_, of)| *of != self.auth);
        strays
            .map(|(key, of)| (key, format!("{key} is of no use while {AUTH} is {:?} and not {:?}", self.auth.name(), of.name())))
            .collect()
    }

    /// The keys that are set, and for which way they are.
    fn set(&self) -> impl Iterator<Item = (&'static str, Auth)> {
        let jwt = [&self.jwt_secret_file, &self.jwt_public_key_file, &self.jwt_jwks_file].map(Option::is_some);
        let [secret, public_key, jwks] = JWT;
        let all = [
            (secret, Auth::Jwt, jwt[0]),
            (public_key, Auth::Jwt, jwt[1]),
            (jwks, Auth::Jwt, jwt[2]),
            (SIGNED, Auth::Signed, self.signed_secret_file.is_some()),
            (CALLBACK, Auth::Callback, self.callback_url.is_some()),
        ];
        all.into_iter().filter(|(_, _, set)| *set).map(|(key, of, _)| (key, of))
    }
}

impl Auth {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Jwt => "jwt",
            Self::Signed => "signed",
            Self::Callback => "callback",
        }
    }
}

fn in_full(key: &str) -> &'static str {
    JWT.into_iter().chain([SIGNED]).find(|full| full.ends_with(key)).unwrap_or(AUTH)
}
