//! Sessions by slot, in fixed chunks: no copy of everybody when one more comes.

const CHUNK: usize = 256;

#[derive(Debug)]
pub(crate) struct Slab<T> {
    chunks: Vec<Vec<Option<T>>>,
    free: Vec<u32>,
    len: usize,
}

impl<T> Slab<T> {
    pub(crate) fn new() -> Self {
        Self { chunks: Vec::new(), free: Vec::new(), len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Where the next one will be put.
    pub(crate) fn vacancy(&self) -> u32 {
        self.free.last().copied().unwrap_or((self.len) as u32)
    }

    pub(crate) fn insert(&mut self, value: T) -> u32 {
        let slot = self.vacancy();
        self.free.pop();
        let (chunk, index) = place(slot);
        if chunk == self.chunks.len() {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let chunk = &mut self.chunks[chunk];
        if index == chunk.len() {
            chunk.push(None);
        }
        chunk[index] = Some(value);
        self.len += 1;
        slot
    }

    pub(crate) fn get(&self, slot: u32) -> Option<&T> {
        let (chunk, index) = place(slot);
        self.chunks.get(chunk)?.get(index)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        let (chunk, index) = place(slot);
        self.chunks.get_mut(chunk)?.get_mut(index)?.as_mut()
    }

    pub(crate) fn remove(&mut self, slot: u32) -> Option<T> {
        let (chunk, index) = place(slot);
        let value = self.chunks.get_mut(chunk)?.get_mut(index)?.take()?;
        self.free.push(slot);
        self.len -= 1;
        if self.len == 0 {
            // The storm is over: give everything back.
            *self = Self::new();
        }
        Some(value)
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        let chunks = self.chunks.iter().enumerate();
        chunks
            .flat_map(|(c, chunk)| chunk.iter().enumerate().filter(|(_, value)| value.is_some()).map(move |(i, _)| (c * CHUNK + i) as u32))
    }
}

fn place(slot: u32) -> (usize, usize) {
    (slot as usize / CHUNK, slot as usize % CHUNK)
}
