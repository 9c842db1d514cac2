//! `http://host:port[/path]`: where a command finds its server.

use std::str::FromStr;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    /// As it stands in `Host`.
    pub authority: String,
    /// What `TcpStream::connect` takes.
    pub connect: String,
    /// Without a slash at its end; empty for none.
    pub path: String,
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("http://").ok_or("must begin with http:// (TLS is for a proxy in front)")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.is_empty() || authority.contains(['@', '?', '#', ' ']) || path.contains(['?', '#', ' ']) {
            return Err("must be like http://127.0.0.1:5001".to_owned());
        }
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let connect = if has_port { authority.to_owned() } else { format!("{authority}:80") };
        Ok(Self { authority: authority.to_owned(), connect, path: path.trim_end_matches('/').to_owned() })
    }
}
