//! A growing array of small values by u32, in fixed chunks: it never copies itself to grow, and costs nothing where nobody is.

const CHUNK: usize = 1024;

/// Every index has a value, the default one until it is set.
#[derive(Debug)]
pub(crate) struct Table<T> {
    chunks: Vec<Option<Box<[T; CHUNK]>>>,
    empty: T,
}

impl<T: Copy> Table<T> {
    pub(crate) fn new(empty: T) -> Self {
        Self { chunks: Vec::new(), empty }
    }

    pub(crate) fn get(&self, index: u32) -> T {
        let (chunk, place) = split(index);
        match self.chunks.get(chunk) {
            Some(Some(chunk)) => chunk.get(place).copied().unwrap_or(self.empty),
            _ => self.empty,
        }
    }

    pub(crate) fn at(&mut self, index: u32) -> &mut T {
        let (chunk, place) = split(index);
        if self.chunks.len() <= chunk {
            self.chunks.resize_with(chunk + 1, || None);
        }
        &mut self.chunks[chunk].get_or_insert_with(|| Box::new([self.empty; CHUNK]))[place]
    }
}

fn split(index: u32) -> (usize, usize) {
    (index as usize / CHUNK, index as usize % CHUNK)
}
