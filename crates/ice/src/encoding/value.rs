//! Which types of ours are which types of Slice.

use std::collections::BTreeMap;

use super::{DecodeError, Decoder, Encoder, Format};

/// A type with one encoding.
pub trait Value: Sized {
    /// Bytes that every value takes; None where they differ.
    const FIXED: Option<usize>;
    /// Bytes that the smallest value takes.
    const LEAST: usize;
    /// As an optional.
    const FORMAT: Format;
    /// As an optional of format VSize, a size of its own stands before it.
    const HAS_VSIZE: bool = false;

    fn encode(&self, encoder: &mut Encoder);
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError>;

    /// That size.
    fn vsize(&self) -> Option<usize> {
        None
    }
}

macro_rules! number {
    ($($type:ty: $format:ident),*) => {$(
        impl Value for $type {
            const FIXED: Option<usize> = Some(size_of::<$type>());
            const LEAST: usize = size_of::<$type>();
            const FORMAT: Format = Format::$format;

            fn encode(&self, encoder: &mut Encoder) {
                encoder.raw(&self.to_le_bytes());
            }

            fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                decoder.array().map(<$type>::from_le_bytes)
            }
        }
    )*};
}

number!(u8: F1, i16: F2, i32: F4, i64: F8, f32: F4, f64: F8);

impl Value for bool {
    const FIXED: Option<usize> = Some(1);
    const LEAST: usize = 1;
    const FORMAT: Format = Format::F1;

    fn encode(&self, encoder: &mut Encoder) {
        encoder.raw(&[u8::from(*self)]);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        match u8::decode(decoder)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::BadBool),
        }
    }
}

impl Value for String {
    const FIXED: Option<usize> = None;
    const LEAST: usize = 1;
    const FORMAT: Format = Format::VSize;

    fn encode(&self, encoder: &mut Encoder) {
        encoder.text(self);
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.text().map(str::to_owned)
    }
}

/// The size of an optional of `count` elements of `fixed` bytes: its count and they.
fn vsize_of(count: usize, fixed: usize) -> usize {
    count * fixed + if count < 255 { 1 } else { 5 }
}

impl<T: Value> Value for Vec<T> {
    const FIXED: Option<usize> = None;
    const LEAST: usize = 1;
    const FORMAT: Format = if T::FIXED.is_some() { Format::VSize } else { Format::FSize };
    const HAS_VSIZE: bool = matches!(T::FIXED, Some(2..));

    fn encode(&self, encoder: &mut Encoder) {
        encoder.size(self.len());
        for value in self {
            value.encode(encoder);
        }
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let count = decoder.count(T::LEAST)?;
        // A byte on the wire may be many in memory: these are taken as the elements come.
        let mut values = Self::with_capacity(count.min(1024));
        for _ in 0..count {
            values.push(T::decode(decoder)?);
        }
        Ok(values)
    }

    fn vsize(&self) -> Option<usize> {
        T::FIXED.filter(|&fixed| fixed > 1).map(|fixed| vsize_of(self.len(), fixed))
    }
}

impl<K: Value + Ord, V: Value> Value for BTreeMap<K, V> {
    const FIXED: Option<usize> = None;
    const LEAST: usize = 1;
    const FORMAT: Format = if K::FIXED.is_some() && V::FIXED.is_some() { Format::VSize } else { Format::FSize };
    const HAS_VSIZE: bool = K::FIXED.is_some() && V::FIXED.is_some();

    fn encode(&self, encoder: &mut Encoder) {
        encoder.size(self.len());
        for (key, value) in self {
            key.encode(encoder);
            value.encode(encoder);
        }
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let count = decoder.count(K::LEAST + V::LEAST)?;
        (0..count).map(|_| Ok((K::decode(decoder)?, V::decode(decoder)?))).collect()
    }

    fn vsize(&self) -> Option<usize> {
        Some(vsize_of(self.len(), K::FIXED? + V::FIXED?))
    }
}

/// A struct of Slice: its members in order, and nothing else.
macro_rules! structure {
    ($(#[$about:meta])* $name:ident { $($(#[$member_about:meta])* $member:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            $($(#[$member_about])* pub $member: $type,)*
        }

        impl $crate::encoding::Value for $name {
            const FIXED: Option<usize> = {
                let mut sum = Some(0);
                $(sum = match (sum, <$type as $crate::encoding::Value>::FIXED) {
                    (Some(sum), Some(fixed)) => Some(sum + fixed),
                    _ => None,
                };)*
                sum
            };
            const LEAST: usize = 0 $(+ <$type as $crate::encoding::Value>::LEAST)*;
            const FORMAT: $crate::encoding::Format =
                if Self::FIXED.is_some() { $crate::encoding::Format::VSize } else { $crate::encoding::Format::FSize };
            const HAS_VSIZE: bool = Self::FIXED.is_some();

            fn encode(&self, encoder: &mut $crate::encoding::Encoder) {
                $($crate::encoding::Value::encode(&self.$member, encoder);)*
            }

            fn decode(decoder: &mut $crate::encoding::Decoder<'_>) -> Result<Self, $crate::encoding::DecodeError> {
                Ok(Self { $($member: $crate::encoding::Value::decode(decoder)?,)* })
            }

            fn vsize(&self) -> Option<usize> {
                Self::FIXED
            }
        }

        impl $name {
            /// Members and their types as they are declared here, for comparison with the contract.
            #[cfg(test)]
            #[allow(dead_code, reason = "not all are of the contract")]
            pub(crate) const MEMBERS: &'static [(&'static str, &'static str)] = &[$((stringify!($member), stringify!($type)),)*];
        }
    };
}

pub(crate) use structure;
