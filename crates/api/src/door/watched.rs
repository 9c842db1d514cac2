//! A connection's stream: it tells its [`Turn`] what moves, and puts hyper's bare refusals into our words.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::refusing;
use super::turn::Turn;
use crate::http::answer::RequestIds;

pub(super) struct Watched<S> {
    stream: S,
    turn: Turn,
    ids: RequestIds,
    /// Our words for a bare refusal, and how much of them is written.
    refusal: Option<(Vec<u8>, usize)>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, turn: Turn, ids: RequestIds) -> Self {
        Self { stream, turn, ids, refusal: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        if buf.filled().len() > before {
            self.turn.heard();
        }
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> Watched<S> {
    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        self.turn.wrote();
        Poll::Ready(written)
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

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
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
