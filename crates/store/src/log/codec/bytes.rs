//! Numbers, texts and lists as bytes: varints (LEB128), lengths in front, sorted numbers as differences.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tidings_model::{Dev, Millis, Position};

/// Why bytes are no fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub &'static str);

/// Appends values to bytes.
pub(crate) trait Put {
    fn byte(&mut self, value: u8);
    fn number(&mut self, value: u64);
    fn fixed(&mut self, value: &[u8]);
    fn text(&mut self, value: &str);
    fn addr(&mut self, value: IpAddr);
    fn devs(&mut self, sorted: &[Dev]);

    fn flag(&mut self, value: bool) {
        self.byte(u8::from(value));
    }
    fn position(&mut self, value: Position) {
        self.number(value.raw());
    }
    fn millis(&mut self, value: Millis) {
        self.number(value.0);
    }
    fn count(&mut self, value: usize) {
        self.number(value as u64);
    }
    fn option<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut Self, T))
    where
        Self: Sized,
    {
        self.flag(value.is_some());
        if let Some(value) = value {
            put(self, value);
        }
    }
    fn list<T>(&mut self, values: &[T], mut put: impl FnMut(&mut Self, &T))
    where
        Self: Sized,
    {
        self.count(values.len());
        for value in values {
            put(self, value);
        }
    }
}

impl Put for Vec<u8> {
    fn byte(&mut self, value: u8) {
        self.push(value);
    }

    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.push(value as u8);
    }

    fn fixed(&mut self, value: &[u8]) {
        self.extend_from_slice(value);
    }

    fn text(&mut self, value: &str) {
        self.count(value.len());
        self.extend_from_slice(value.as_bytes());
    }

    fn addr(&mut self, value: IpAddr) {
        match value {
            IpAddr::V4(v4) => {
                self.push(4);
                self.extend_from_slice(&v4.octets());
            }
            IpAddr::V6(v6) => {
                self.push(6);
                self.extend_from_slice(&v6.octets());
            }
        }
    }

    fn devs(&mut self, sorted: &[Dev]) {
        self.count(sorted.len());
        let mut last = 0;
        for dev in sorted {
            self.number(u64::from(dev.0.wrapping_sub(last)));
            last = dev.0;
        }
    }
}

/// Takes values from the front of bytes; nothing is taken beyond their end, no length is believed.
pub(crate) struct Bytes<'a>(&'a [u8]);

type Taken<T> = Result<T, Malformed>;

impl<'a> Bytes<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn end(&self) -> Taken<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed("bytes are left over")) }
    }

    pub(crate) fn take(&mut self, count: usize) -> Taken<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(count).ok_or(Malformed("it ends early"))?;
        self.0 = rest;
        Ok(front)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Taken<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| Malformed("it ends early"))
    }

    pub(crate) fn byte(&mut self) -> Taken<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn flag(&mut self) -> Taken<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed("a flag is neither 0 nor 1")),
        }
    }

    /// The shortest form only: one value has one spelling.
    pub(crate) fn number(&mut self) -> Taken<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return Err(Malformed("a number is too long"));
            }
            value |= bits << shift;
            if byte < 0x80 {
                return if byte == 0 && shift > 0 { Err(Malformed("a number has a longer form than it needs")) } else { Ok(value) };
            }
        }
        Err(Malformed("a number is too long"))
    }

    pub(crate) fn small(&mut self) -> Taken<u32> {
        self.number()?.try_into().map_err(|_| Malformed("a number is too large"))
    }

    pub(crate) fn position(&mut self) -> Taken<Position> {
        self.number().map(Position::from_raw)
    }

    pub(crate) fn millis(&mut self) -> Taken<Millis> {
        self.number().map(Millis)
    }

    pub(crate) fn text(&mut self) -> Taken<&'a str> {
        let count = usize::try_from(self.number()?).map_err(|_| Malformed("it ends early"))?;
        std::str::from_utf8(self.take(count)?).map_err(|_| Malformed("a text is not UTF-8"))
    }

    pub(crate) fn addr(&mut self) -> Taken<IpAddr> {
        match self.byte()? {
            4 => Ok(Ipv4Addr::from(self.array::<4>()?).into()),
            6 => Ok(Ipv6Addr::from(self.array::<16>()?).into()),
            _ => Err(Malformed("an address is neither IPv4 nor IPv6")),
        }
    }

    pub(crate) fn option<T>(&mut self, take: impl FnOnce(&mut Self) -> Taken<T>) -> Taken<Option<T>> {
        if self.flag()? { take(self).map(Some) } else { Ok(None) }
    }

    pub(crate) fn list<T>(&mut self, mut take: impl FnMut(&mut Self) -> Taken<T>) -> Taken<Vec<T>> {
        let count = self.number()?;
        let mut values = Vec::with_capacity(self.at_most(count));
        for _ in 0..count {
            values.push(take(self)?);
        }
        Ok(values)
    }

    pub(crate) fn devs(&mut self) -> Taken<Vec<Dev>> {
        let mut last = 0u32;
        self.list(|bytes| {
            last = last.wrapping_add(bytes.small()?);
            Ok(Dev(last))
        })
    }

    /// A count that a stranger's byte claims reserves no more than there are bytes.
    fn at_most(&self, count: u64) -> usize {
        usize::try_from(count).unwrap_or(usize::MAX).min(self.0.len())
    }
}
