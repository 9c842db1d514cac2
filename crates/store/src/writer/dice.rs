//! Random bits for tokens and ids, drawn by the shell.

/// A source of random bytes: the system's in the real store, a seed's in tests.
pub(crate) struct Dice(Fill);

type Fill = Box<dyn FnMut(&mut [u8]) + Send>;

impl Dice {
    pub(crate) fn new(fill: impl FnMut(&mut [u8]) + Send + 'static) -> Self {
        Self(Box::new(fill))
    }

    /// Draws a stock at once: a call of the system for each token would cost more than the token.
    pub(crate) fn buffered(mut fill: impl FnMut(&mut [u8]) + Send + 'static) -> Self {
        const STOCK: usize = 1024;
        let (mut stock, mut used) = ([0; STOCK], STOCK);
        Self::new(move |bytes| {
            for byte in bytes {
                if used == STOCK {
                    fill(&mut stock);
                    used = 0;
                }
                // What was given is kept nowhere.
                *byte = std::mem::take(&mut stock[used]);
                used += 1;
            }
        })
    }

    /// SplitMix64: for tests and the simulator, where one seed gives one history.
    pub(crate) fn seeded(mut seed: u64) -> Self {
        Self::new(move |bytes| {
            for chunk in bytes.chunks_mut(8) {
                seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut mixed = (seed ^ seed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
                chunk.copy_from_slice(&(mixed ^ mixed >> 31).to_le_bytes()[..chunk.len()]);
            }
        })
    }

    pub(crate) fn draw<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.0)(&mut bytes);
        bytes
    }
}
