//! A stream with a clock: a head must come within 10 s of the accept or of its first byte, and 75 s may pass between
//! requests or without a byte of an answer taken.
//!
//! hyper's own header timeout covers neither the wait for the first byte nor the idle time, hence ours. It also puts
//! hyper's bare refusals of what is no HTTP into our words.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::refusing;
use super::turn::{State, Turn};
use crate::http::answer::RequestIds;

const HEAD: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(75);

pub(super) struct Timed<S> {
    stream: S,
    turn: Turn,
    ids: RequestIds,
    /// The turn that the timer was set for.
    seen: State,
    timer: Pin<Box<Sleep>>,
    /// Our words for a bare refusal, and how much of them is written.
    refusal: Option<(Vec<u8>, usize)>,
}

impl<S> Timed<S> {
    pub(super) fn new(stream: S, turn: Turn, ids: RequestIds) -> Self {
        Self { stream, seen: turn.get(), turn, ids, timer: Box::pin(sleep(HEAD)), refusal: None }
    }

    fn enter(&mut self, state: State) {
        self.seen = state;
        self.rewind(state);
    }

    fn rewind(&mut self, state: State) {
        let allowed = if state == State::Head { HEAD } else { IDLE };
        self.timer.as_mut().reset(Instant::now() + allowed);
    }

    /// Something was read.
    fn heard(&mut self) {
        if self.turn.get() == State::Answered {
            self.turn.set(State::Head);
            self.enter(State::Head);
        }
    }

    /// Nothing happens at the moment: Err once that lasts too long.
    fn waits(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let turn = self.turn.get();
        if turn != self.seen {
            self.enter(turn);
        }
        if turn == State::Running {
            return Poll::Pending;
        }
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Pending => self.waits(cx).map(Err),
            Poll::Ready(read) => {
                if buf.filled().len() > before {
                    self.heard();
                }
                Poll::Ready(read)
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Timed<S> {
    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Pending => self.waits(cx).map(Err),
            Poll::Ready(written) => {
                let state = self.seen;
                self.rewind(state);
                Poll::Ready(written)
            }
        }
    }

    /// Writes our words in place of `bare`, all of them or none as far as hyper can tell.
    fn refuse(&mut self, cx: &mut Context<'_>, bare: &[u8]) -> Poll<io::Result<usize>> {
        let (words, mut written) = self.refusal.take().unwrap_or_else(|| (refusing::in_our_words(bare, &self.ids), 0));
        while written < words.len() {
            match self.write(cx, &words[written..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(more)) => written += more,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.refusal = Some((words, written));
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(bare.len()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.refusal.is_some() || refusing::is_bare(bytes) { self.refuse(cx, bytes) } else { self.write(cx, bytes) }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
