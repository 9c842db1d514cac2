//! Values by u32 keys that are reused, in fixed chunks: growing copies nothing, and a chunk that empties is given back.

const CHUNK: usize = 256;
const NONE: u16 = u16::MAX;

#[derive(Debug)]
enum Place<T> {
    /// The next free place of its chunk.
    Free(u16),
    Used(T),
}

#[derive(Debug)]
struct Chunk<T> {
    places: Box<[Place<T>]>,
    free: u16,
    used: u16,
}

impl<T> Chunk<T> {
    fn new() -> Self {
        let next = |i: usize| if i + 1 < CHUNK { i as u16 + 1 } else { NONE };
        Self { places: (0..CHUNK).map(|i| Place::Free(next(i))).collect(), free: 0, used: 0 }
    }
}

/// The lowest chunks fill first, so the last ones empty.
#[derive(Debug)]
pub struct Slab<T> {
    chunks: Vec<Option<Chunk<T>>>,
    /// No chunk before this one has room.
    open: usize,
    len: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), open: 0, len: 0 }
    }
}

impl<T> Slab<T> {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The key that the next `insert` will give.
    pub fn vacancy(&self) -> u32 {
        let at = self.first_open();
        let place = self.chunks.get(at).and_then(Option::as_ref).map_or(0, |chunk| chunk.free);
        (at * CHUNK) as u32 + u32::from(place)
    }

    /// The first chunk with room, or the place for one more.
    fn first_open(&self) -> usize {
        let full = |chunk: &&Option<Chunk<T>>| chunk.as_ref().is_some_and(|chunk| chunk.free == NONE);
        self.open + self.chunks[self.open..].iter().take_while(full).count()
    }

    pub fn insert(&mut self, value: T) -> u32 {
        self.open = self.first_open();
        if self.open == self.chunks.len() {
            self.chunks.push(None);
        }
        let chunk = self.chunks[self.open].get_or_insert_with(Chunk::new);
        let place = chunk.free;
        if let Place::Free(next) = std::mem::replace(&mut chunk.places[usize::from(place)], Place::Used(value)) {
            chunk.free = next;
        }
        chunk.used += 1;
        self.len += 1;
        (self.open * CHUNK) as u32 + u32::from(place)
    }

    pub fn get(&self, key: u32) -> Option<&T> {
        match self.chunks.get(key as usize / CHUNK)?.as_ref()?.places.get(key as usize % CHUNK)? {
            Place::Used(value) => Some(value),
            Place::Free(_) => None,
        }
    }

    pub fn get_mut(&mut self, key: u32) -> Option<&mut T> {
        match self.chunks.get_mut(key as usize / CHUNK)?.as_mut()?.places.get_mut(key as usize % CHUNK)? {
            Place::Used(value) => Some(value),
            Place::Free(_) => None,
        }
    }

    pub fn remove(&mut self, key: u32) -> Option<T> {
        let at = key as usize / CHUNK;
        let place = self.chunks.get_mut(at)?.as_mut()?;
        let entry = place.places.get_mut(key as usize % CHUNK)?;
        if let Place::Free(_) = entry {
            return None;
        }
        let Place::Used(value) = std::mem::replace(entry, Place::Free(place.free)) else { return None };
        place.free = (key as usize % CHUNK) as u16;
        place.used -= 1;
        self.len -= 1;
        self.open = self.open.min(at);
        // One empty chunk stays, so that a client that comes and goes does not build and tear it down.
        if place.used == 0 && at > 0 && at > self.open {
            self.chunks[at] = None;
        }
        Some(value)
    }

    pub fn keys(&self) -> impl Iterator<Item = u32> + '_ {
        self.chunks.iter().enumerate().flat_map(|(at, chunk)| {
            let places = chunk.as_ref().map_or(&[][..], |chunk| &chunk.places);
            places.iter().enumerate().filter(|(_, place)| matches!(place, Place::Used(_))).map(move |(i, _)| (at * CHUNK + i) as u32)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_key_is_known_before_it_is_given() {
        let mut slab = Slab::default();
        for value in 0..3 * CHUNK {
            let next = slab.vacancy();
            assert_eq!(slab.insert(value), next);
        }
        for key in [600, 300, 5, 299] {
            slab.remove(key);
            let next = slab.vacancy();
            assert_eq!(slab.insert(0), next);
        }
    }

    #[test]
    fn a_key_is_reused_and_an_empty_chunk_is_given_back() {
        let mut slab = Slab::default();
        let keys: Vec<u32> = (0..1000).map(|i| slab.insert(i)).collect();
        assert_eq!(keys, (0..1000).collect::<Vec<_>>());
        assert_eq!(slab.remove(300), Some(300));
        assert_eq!(slab.insert(7), 300);
        for key in 0..1000 {
            assert!(slab.remove(key).is_some(), "{key}");
        }
        assert_eq!((slab.len(), slab.remove(5)), (0, None));
        assert_eq!(slab.chunks.iter().flatten().count(), 1, "one spare chunk");
        assert!(slab.insert(1) < CHUNK as u32);
    }

    #[test]
    fn keys_are_those_that_are_used() {
        let mut slab = Slab::default();
        for i in 0..600 {
            slab.insert(i);
        }
        for key in (0..600).filter(|key| key % 3 != 0) {
            slab.remove(key);
        }
        assert_eq!(slab.keys().collect::<Vec<_>>(), (0..600).step_by(3).collect::<Vec<_>>());
        assert_eq!(slab.get(3), Some(&3));
        assert_eq!(slab.get(4), None);
    }
}
