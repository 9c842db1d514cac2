//! One connection, from its accept to its end.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;

use super::closing::Closing;
use super::refusing::{HEAD_BYTES, HEADERS};
use super::turn::Turn;
use super::watched::Watched;
use crate::http::answer::RequestIds;

/// How long a closing door waits for the rest of a head.
const LAST_HEAD: Duration = Duration::from_secs(1);

pub(super) async fn serve<S>(stream: S, router: Router, ids: RequestIds, mut until: Closing)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let turn = Turn::new();
    let io = TokioIo::new(Watched::new(stream, turn.clone(), ids));
    let requests = Requests { router: TowerToHyperService::new(router), turn: turn.clone() };
    let mut http = http1::Builder::new();
    http.header_read_timeout(None).max_buf_size(HEAD_BYTES).max_headers(HEADERS);
    let mut connection = pin!(http.serve_connection(io, requests));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = turn.is_over() => return,
        () = until.begun() => {
            connection.as_mut().graceful_shutdown();
            finish(connection, &turn).await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = &error as &dyn std::error::Error, "a backend connection ended early");
    }
}

/// A running request ends and is answered; one that has not begun within a second never will.
async fn finish<F: Future<Output = Result<(), hyper::Error>>>(mut connection: Pin<&mut F>, turn: &Turn) -> Result<(), hyper::Error> {
    loop {
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = turn.is_over() => return Ok(()),
            () = sleep(LAST_HEAD) => if turn.awaits_a_head() { return Ok(()) },
        }
    }
}

/// The router, which tells the clock when a request is with it.
struct Requests {
    router: TowerToHyperService<Router>,
    turn: Turn,
}

impl Service<hyper::Request<Incoming>> for Requests {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        self.turn.runs();
        let (answered, turn) = (self.router.call(request), self.turn.clone());
        Box::pin(async move {
            let answer = answered.await;
            turn.is_answered();
            answer
        })
    }
}

#[cfg(test)]
mod tests;
