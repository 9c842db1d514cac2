//! The text form of proxies.

use std::fmt;
use std::str::FromStr;

use super::{Address, BadAddress, Endpoint, Identity, Transport};

/// A piece of the text. What is quoted is never an option. Escapes stay in the words until they are read as what they are.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word { text: String, quoted: bool },
    Colon,
    At,
}

impl Token {
    fn is_option(&self) -> bool {
        matches!(self, Self::Word { text, quoted: false } if text.starts_with('-') && text.len() > 1)
    }
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

/// Splits by spaces, `:` and `@`, but not in quotes.
fn tokens(text: &str) -> Result<Vec<Token>, BadAddress> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(&next) = chars.peek() {
        if SPACES.contains(&next) {
            chars.next();
            continue;
        }
        tokens.push(token(&mut chars, next)?);
    }
    Ok(tokens)
}

fn token(chars: &mut Chars<'_>, first: char) -> Result<Token, BadAddress> {
    if let ':' | '@' | '"' | '\'' = first {
        chars.next();
    }
    Ok(match first {
        ':' => Token::Colon,
        '@' => Token::At,
        '"' | '\'' => {
            let text = word(chars, &[first])?;
            chars.next().ok_or(BadAddress::Unfinished)?;
            Token::Word { text, quoted: true }
        }
        _ => Token::Word { text: word(chars, &[' ', '\t', '\r', '\n', ':', '@'])?, quoted: false },
    })
}

/// Up to one of `ends` that is not escaped, or the end.
fn word(chars: &mut Chars<'_>, ends: &[char]) -> Result<String, BadAddress> {
    let mut text = String::new();
    while let Some(next) = chars.next_if(|next| !ends.contains(next)) {
        text.push(next);
        if next == '\\' {
            text.push(chars.next().ok_or(BadAddress::Unfinished)?);
        }
    }
    Ok(text)
}

/// The parts of `text` between the slashes that are not escaped, without escapes.
fn unescaped(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut chars = text.chars();
    while let Some(next) = chars.next() {
        match next {
            '/' => parts.push(std::mem::take(&mut part)),
            '\\' => part.extend(chars.next()),
            other => part.push(other),
        }
    }
    parts.push(part);
    parts
}

/// `[category/]name`.
fn identity(text: &str) -> Result<Identity, BadAddress> {
    let mut parts = unescaped(text);
    let name = parts.pop().unwrap_or_default();
    let category = parts.pop().unwrap_or_default();
    if name.is_empty() || !parts.is_empty() { Err(BadAddress::BadIdentity(text.to_owned())) } else { Ok(Identity { name, category }) }
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let tokens = tokens(text)?;
        if tokens.contains(&Token::At) {
            return Err(BadAddress::NeedsLocator);
        }
        let mut parts = tokens.split(|token| *token == Token::Colon);
        let (identity, facet) = object(parts.next().unwrap_or_default())?;
        let endpoints: Vec<_> = parts.map(endpoint).collect::<Result<_, _>>()?;
        if endpoints.is_empty() { Err(BadAddress::NeedsLocator) } else { Ok(Self { identity, facet, endpoints }) }
    }
}

/// An option, and its value where one stands behind it.
type Given<'a> = (&'a str, Option<&'a str>);

/// The options of one part; none twice.
fn options(words: &[Token]) -> Result<Vec<Given<'_>>, BadAddress> {
    let mut options: Vec<Given<'_>> = Vec::new();
    for word in words {
        let Token::Word { text, .. } = word else { continue };
        match options.last_mut() {
            _ if word.is_option() => {
                if options.iter().any(|(option, _)| option == text) {
                    return Err(BadAddress::Repeated(text.clone()));
                }
                options.push((text, None));
            }
            Some((_, value @ None)) => *value = Some(text),
            Some(_) | None => return Err(BadAddress::UnknownOption(text.clone())),
        }
    }
    Ok(options)
}

fn needed((option, value): Given<'_>) -> Result<String, BadAddress> {
    value.map(|value| unescaped(value).join("/")).ok_or_else(|| BadAddress::BadValue(option.to_owned()))
}

fn bare((option, value): Given<'_>) -> Result<(), BadAddress> {
    if value.is_none() { Ok(()) } else { Err(BadAddress::BadValue(option.to_owned())) }
}

fn object(words: &[Token]) -> Result<(Identity, String), BadAddress> {
    let Some((Token::Word { text, .. }, rest)) = words.split_first() else { return Err(BadAddress::NoIdentity) };
    let mut facet = String::new();
    for given in options(rest)? {
        match given.0 {
            "-f" => facet = needed(given)?,
            "-t" | "-s" => bare(given)?,
            "-e" if matches!(needed(given)?.as_str(), "1.0" | "1.1") => {}
            "-p" if needed(given)? == "1.0" => {}
            option @ ("-e" | "-p") => return Err(BadAddress::Version(option.to_owned())),
            option @ ("-o" | "-O" | "-d" | "-D") => return Err(BadAddress::NotTwoway(option.to_owned())),
            option => return Err(BadAddress::UnknownOption(option.to_owned())),
        }
    }
    Ok((identity(text)?, facet))
}

fn endpoint(words: &[Token]) -> Result<Endpoint, BadAddress> {
    let Some((Token::Word { text, .. }, rest)) = words.split_first() else { return Err(BadAddress::NeedsLocator) };
    let transport = match text.as_str() {
        "tcp" | "default" => Transport::Tcp,
        "ssl" => Transport::Ssl,
        other => return Err(BadAddress::Transport(other.to_owned())),
    };
    let (mut host, mut port) = (None, None);
    for given in options(rest)? {
        match given.0 {
            "-h" => host = Some(needed(given)?),
            "-p" => port = Some(needed(given)?.parse().map_err(|_| BadAddress::BadValue("-p".to_owned()))?),
            // The limits of the connection are ours to set, and we never compress.
            "-t" => timeout(&needed(given)?)?,
            "-z" => bare(given)?,
            option => return Err(BadAddress::UnknownOption(option.to_owned())),
        }
    }
    let port = port.filter(|&port| port > 0).ok_or(BadAddress::NoPort)?;
    Ok(Endpoint { transport, host: host.unwrap_or_else(|| "127.0.0.1".to_owned()), port })
}

/// Milliseconds or `infinite`.
fn timeout(text: &str) -> Result<(), BadAddress> {
    let known = text == "infinite" || text.parse::<u32>().is_ok_and(|ms| ms > 0);
    if known { Ok(()) } else { Err(BadAddress::BadValue("-t".to_owned())) }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_quoted(f, &self.identity.to_string())?;
        if !self.facet.is_empty() {
            f.write_str(" -f ")?;
            write_quoted(f, &escaped(&self.facet))?;
        }
        self.endpoints.iter().try_for_each(|endpoint| write!(f, ":{endpoint}"))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.category.is_empty() {
            write!(f, "{}/", escaped(&self.category))?;
        }
        f.write_str(&escaped(&self.name))
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('/', "\\/")
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.transport {
            Transport::Tcp => "tcp -h ",
            Transport::Ssl => "ssl -h ",
        })?;
        write_quoted(f, &escaped(&self.host))?;
        write!(f, " -p {}", self.port)
    }
}

/// Quotes `text`, whose escapes stand, where it would be read otherwise.
fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let plain = |c: char| !SPACES.contains(&c) && !matches!(c, ':' | '@' | '"' | '\'');
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(plain) {
        return f.write_str(text);
    }
    write!(f, "\"{}\"", text.replace('"', "\\\""))
}
