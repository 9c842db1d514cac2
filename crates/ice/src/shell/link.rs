//! A machine and its socket.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::time::{sleep_until, timeout};

use crate::connection::{CallError, CallId, Connection, Input, Output, Reason, Ticket};
use crate::encoding::Encapsulation;
use crate::request::Request;

/// Bytes read at once.
const CHUNK: usize = 16 * 1024;
/// What a closed connection still has to say is tried this long.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Whatever carries bytes: TCP, or TLS over it.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for S {}

/// The one clock of this crate.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// What a machine wants of its owner.
#[derive(Debug)]
pub(super) enum Event {
    Dispatch(Ticket, Request),
    Done(CallId, Result<Encapsulation, CallError>),
}

#[derive(Debug)]
pub(super) struct Link {
    machine: Connection,
    reader: ReadHalf<Box<dyn StreamObject>>,
    writer: WriteHalf<Box<dyn StreamObject>>,
    input: BytesMut,
    output: BytesMut,
    /// Something written may still lie in TLS's buffers.
    unflushed: bool,
    reading: bool,
    /// A peer that takes nothing for this long is given up.
    patience: Duration,
    progress: Instant,
    over: Option<Reason>,
}

/// [`Stream`] as an object: TCP and TLS share one task type.
pub(super) trait StreamObject: Stream + std::fmt::Debug {}

impl<S: Stream + std::fmt::Debug> StreamObject for S {}

enum Turn {
    Read(std::io::Result<usize>),
    Wrote(std::io::Result<usize>),
    Time,
}

impl Link {
    pub(super) fn new(stream: Box<dyn StreamObject>, machine: Connection, patience: Duration) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self {
            machine,
            reader,
            writer,
            input: BytesMut::with_capacity(CHUNK),
            output: BytesMut::new(),
            unflushed: false,
            reading: true,
            patience,
            progress: now(),
            over: None,
        }
    }

    pub(super) fn machine(&self) -> &Connection {
        &self.machine
    }

    pub(super) fn feed(&mut self, input: Input<'_>) {
        self.machine.handle_input(now(), input);
    }

    /// What the machine wants next; what it sends is put to what is to be written.
    pub(super) fn poll(&mut self) -> Option<Event> {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Send(bytes) => self.enqueue(&bytes),
                Output::Reading(reading) => self.reading = reading,
                Output::Close(reason) => self.over = Some(reason),
                Output::Dispatch(ticket, request) => return Some(Event::Dispatch(ticket, request)),
                Output::Done(call, result) => return Some(Event::Done(call, result)),
            }
        }
        None
    }

    fn enqueue(&mut self, bytes: &Bytes) {
        if !self.is_writing() {
            self.progress = now();
        }
        self.output.extend_from_slice(bytes);
    }

    /// Why the connection ended, once [`Self::poll`] has given all.
    pub(super) fn over(&self) -> Option<Reason> {
        self.over
    }

    fn is_writing(&self) -> bool {
        !self.output.is_empty() || self.unflushed
    }

    /// Bytes in memory for this connection.
    pub(super) fn buffered(&self) -> usize {
        self.machine.buffered() + self.output.len()
    }

    /// Bytes that the peer has not taken.
    pub(super) fn unwritten(&self) -> usize {
        self.output.len()
    }

    /// Waits for the socket or the time, and tells the machine. May be dropped at any await.
    pub(super) async fn turn(&mut self, may_read: bool) {
        let deadline = self.deadline();
        let writing = self.is_writing();
        let Self { reader, writer, input, output, reading, .. } = self;
        let turn = tokio::select! {
            read = reader.read_buf(input), if *reading && may_read => Turn::Read(read),
            wrote = push(writer, output), if writing => Turn::Wrote(wrote),
            () = wait(deadline) => Turn::Time,
        };
        match turn {
            Turn::Read(Ok(1..)) => {
                self.machine.handle_input(now(), Input::Bytes(&self.input));
                self.input.clear();
            }
            Turn::Read(Ok(0) | Err(_)) | Turn::Wrote(Err(_)) => self.feed(Input::Eof),
            Turn::Wrote(Ok(bytes)) => {
                self.unflushed = bytes > 0;
                self.progress = now();
            }
            Turn::Time => self.time_is_up(),
        }
    }

    fn time_is_up(&mut self) {
        let now = now();
        if self.is_writing() && now >= self.progress + self.patience {
            return self.feed(Input::Eof);
        }
        self.machine.handle_timeout(now);
    }

    fn deadline(&self) -> Option<Instant> {
        let stalled = self.is_writing().then(|| self.progress + self.patience);
        [self.machine.poll_timeout(), stalled].into_iter().flatten().min()
    }

    /// Writes what is left, and closes.
    pub(super) async fn end(mut self) {
        let last_words = async {
            self.writer.write_all(&self.output).await?;
            self.writer.shutdown().await
        };
        // Nobody is told: the connection is over either way.
        drop(timeout(LAST_WORDS, last_words).await);
    }
}

/// One write, or the flush behind the last one (0).
async fn push(writer: &mut WriteHalf<Box<dyn StreamObject>>, output: &mut BytesMut) -> std::io::Result<usize> {
    if output.is_empty() {
        return writer.flush().await.map(|()| 0);
    }
    match writer.write_buf(output).await? {
        0 => Err(std::io::ErrorKind::WriteZero.into()),
        bytes => Ok(bytes),
    }
}

async fn wait(deadline: Option<Instant>) {
    match deadline {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
