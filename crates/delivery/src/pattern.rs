//! Names of events that an app may send to its business server: a `*`, wherever it stands, is any run of characters.

/// `order.*`, `*.done`, `cart`. Case counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Box<str>);

impl Pattern {
    pub const BYTES_MAX: usize = 64;

    /// Err: why it is none.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() || text.len() > Self::BYTES_MAX {
            return Err("must be 1 to 64 bytes long");
        }
        if text.chars().any(char::is_control) {
            return Err("must not hold control characters");
        }
        Ok(Self(text.into()))
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        let Some((front, rest)) = self.0.split_once('*') else { return *self.0 == *name };
        let Some(mut left) = name.strip_prefix(front) else { return false };
        let (middle, back) = rest.rsplit_once('*').unwrap_or(("", rest));
        // The first place that fits leaves the most for what follows.
        for part in middle.split('*') {
            let Some(at) = left.find(part) else { return false };
            left = &left[at + part.len()..];
        }
        left.ends_with(back)
    }
}

#[cfg(test)]
mod tests;
