//! WebSocket frames: however the bytes are cut, the same messages and the same end.

use tidings_engineio::websocket::{Reader, Taken, Violation, client, need};

const MAX: usize = 200;

/// A reader of either side.
trait Read: Default {
    fn read<'a>(&'a mut self, bytes: &'a mut [u8]) -> Result<Option<Taken<'a>>, Violation>;
}

impl Read for Reader {
    fn read<'a>(&'a mut self, bytes: &'a mut [u8]) -> Result<Option<Taken<'a>>, Violation> {
        Reader::read(self, bytes, MAX)
    }
}

impl Read for client::Reader {
    fn read<'a>(&'a mut self, bytes: &'a mut [u8]) -> Result<Option<Taken<'a>>, Violation> {
        client::Reader::read(self, bytes, MAX)
    }
}

pub(crate) fn client_frames(bytes: &[u8]) {
    cut::<Reader>(bytes);
}

pub(crate) fn server_frames(bytes: &[u8]) {
    cut::<client::Reader>(bytes);
}

/// The first byte says how the rest is cut.
fn cut<R: Read>(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let whole = read_in::<R>(bytes, bytes.len().max(1));
    assert_eq!(read_in::<R>(bytes, usize::from(*first) + 1), whole);
    assert_eq!(read_in::<R>(bytes, 1), whole);
}

/// What is read of bytes that come `step` at a time: the messages, and the end.
fn read_in<R: Read>(bytes: &[u8], step: usize) -> (Vec<String>, Option<Violation>) {
    let (mut reader, mut waiting, mut seen) = (R::default(), Vec::new(), Vec::new());
    for part in bytes.chunks(step) {
        waiting.extend_from_slice(part);
        if let Err(violation) = read_on(&mut reader, &mut waiting, &mut seen) {
            return (seen, Some(violation));
        }
    }
    (seen, None)
}

fn read_on<R: Read>(reader: &mut R, waiting: &mut Vec<u8>, seen: &mut Vec<String>) -> Result<(), Violation> {
    loop {
        let (before, needed) = (waiting.clone(), need(waiting));
        let Some((used, message)) = reader.read(waiting)? else {
            assert_eq!(*waiting, before, "an incomplete frame is left as it is");
            assert!(needed == 0 || needed > waiting.len());
            return Ok(());
        };
        assert_eq!(used, needed);
        seen.extend(message.map(|message| format!("{message:?}")));
        waiting.drain(..used);
    }
}
