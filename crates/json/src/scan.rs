//! The scanner: one pass over the bytes that checks the grammar and copies everything but whitespace.

use std::collections::HashSet;
use std::fmt;

use crate::{DEPTH_MAX, split};

/// Why a text is not one acceptable JSON value, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    pub fault: Fault,
    /// Byte offset in what was given.
    pub at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Utf8,
    Syntax,
    End,
    Trailing,
    Depth,
    DuplicateKey,
    LoneSurrogate,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.fault {
            Fault::Utf8 => "invalid UTF-8",
            Fault::Syntax => "unexpected character",
            Fault::End => "unexpected end",
            Fault::Trailing => "something follows the value",
            Fault::Depth => "more than 128 levels",
            Fault::DuplicateKey => "a key stands twice",
            Fault::LoneSurrogate => "a lone surrogate",
        };
        write!(f, "{what} at byte {}", self.at)
    }
}

impl std::error::Error for Error {}

pub(crate) fn minify(bytes: &[u8]) -> Result<String, Error> {
    let text = std::str::from_utf8(bytes).map_err(|e| Error { fault: Fault::Utf8, at: e.valid_up_to() })?;
    let mut scanner = Scanner { text, at: 0, depth: 0, out: String::with_capacity(text.len()) };
    scanner.value()?;
    scanner.space();
    if scanner.at < text.len() {
        return Err(scanner.fault(Fault::Trailing));
    }
    Ok(scanner.out)
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    out: String,
}

impl Scanner<'_> {
    fn fault(&self, fault: Fault) -> Error {
        Error { fault, at: self.at }
    }

    fn unexpected(&self) -> Error {
        self.fault(if self.at < self.text.len() { Fault::Syntax } else { Fault::End })
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Copies one ASCII byte that was just seen.
    fn take(&mut self, byte: u8) {
        self.out.push(char::from(byte));
        self.at += 1;
    }

    fn expect(&mut self, byte: u8) -> Result<(), Error> {
        if self.peek() != Some(byte) {
            return Err(self.unexpected());
        }
        self.take(byte);
        Ok(())
    }

    fn value(&mut self) -> Result<(), Error> {
        self.space();
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => Err(self.unexpected()),
        }
    }

    fn nested(&mut self, body: fn(&mut Self) -> Result<(), Error>) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.fault(Fault::Depth));
        }
        body(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), Error> {
        for byte in word.bytes() {
            self.expect(byte)?;
        }
        Ok(())
    }

    fn array(&mut self) -> Result<(), Error> {
        self.expect(b'[')?;
        self.space();
        if self.peek() == Some(b']') {
            return self.expect(b']');
        }
        loop {
            self.value()?;
            self.space();
            if self.peek() != Some(b',') {
                return self.expect(b']');
            }
            self.take(b',');
        }
    }

    fn object(&mut self) -> Result<(), Error> {
        self.expect(b'{')?;
        self.space();
        if self.peek() == Some(b'}') {
            return self.expect(b'}');
        }
        let mut keys = HashSet::new();
        loop {
            self.space();
            let (from, key_at) = (self.out.len(), self.at);
            self.string()?;
            let inner = &self.out[from + 1..self.out.len() - 1];
            if !keys.insert(split::unescape_inner(inner)) {
                return Err(Error { fault: Fault::DuplicateKey, at: key_at });
            }
            self.space();
            self.expect(b':')?;
            self.value()?;
            self.space();
            if self.peek() != Some(b',') {
                return self.expect(b'}');
            }
            self.take(b',');
        }
    }

    fn string(&mut self) -> Result<(), Error> {
        self.expect(b'"')?;
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.bytes().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f)).unwrap_or(rest.len());
            self.out.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => return self.expect(b'"'),
                Some(b'\\') => self.escape()?,
                _ => return Err(self.unexpected()),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Error> {
        let start = self.at;
        self.take(b'\\');
        match self.peek() {
            Some(b @ (b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')) => {
                self.take(b);
                Ok(())
            }
            Some(b'u') => match self.unit()? {
                0xD800..=0xDBFF => {
                    let low = self.peek() == Some(b'\\') && self.text.as_bytes().get(self.at + 1) == Some(&b'u');
                    if low {
                        self.take(b'\\');
                        if (0xDC00..=0xDFFF).contains(&self.unit()?) {
                            return Ok(());
                        }
                    }
                    Err(Error { fault: Fault::LoneSurrogate, at: start })
                }
                0xDC00..=0xDFFF => Err(Error { fault: Fault::LoneSurrogate, at: start }),
                _ => Ok(()),
            },
            _ => Err(self.unexpected()),
        }
    }

    /// `uXXXX`, the backslash already taken.
    fn unit(&mut self) -> Result<u32, Error> {
        self.expect(b'u')?;
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|b| char::from(b).to_digit(16)).ok_or_else(|| self.unexpected())?;
            unit = unit * 16 + digit;
            self.take(self.text.as_bytes()[self.at]);
        }
        Ok(unit)
    }

    fn number(&mut self) -> Result<(), Error> {
        if self.peek() == Some(b'-') {
            self.take(b'-');
        }
        match self.peek() {
            Some(b'0') => self.take(b'0'),
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.take(b'.');
            self.digits()?;
        }
        if let Some(e @ (b'e' | b'E')) = self.peek() {
            self.take(e);
            if let Some(sign @ (b'+' | b'-')) = self.peek() {
                self.take(sign);
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Error> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.unexpected());
        }
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            self.take(digit);
        }
        Ok(())
    }
}
