//! Every request passes here first: the web page's rules where there are no keys, then the key, its scope and its app.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tidings_model::Code;

use super::{answer, caller, keyless};
use crate::error::Failure;
use crate::executor::{Caller, Executor, Knock, Needs};

/// One route's guard.
#[derive(Clone)]
pub(crate) struct Gate {
    pub executor: Executor,
    pub needs: Needs,
    /// Who reaches the listener is on this machine.
    pub is_local: bool,
}

/// The handler finds its [`Caller`] in the request.
pub(crate) async fn guard(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    match gate.check(&request) {
        Ok(caller) => {
            let allowance = caller.allowance();
            request.extensions_mut().insert(caller);
            let mut response = next.run(request).await;
            if let Some(allowance) = allowance {
                answer::limited(&mut response, allowance);
            }
            response
        }
        Err(failure) => failure.into_response(),
    }
}

impl Gate {
    fn check(&self, request: &Request) -> Result<Caller, Failure> {
        let headers = request.headers();
        let shown = caller::Shown::read(headers);
        let is_spared = self.needs == Needs::KeyElsewhere && self.is_local && shown.is_nothing();
        if is_spared || self.executor.is_keyless() {
            keyless::check(request.method(), self.needs, headers).map_err(|why| Failure::new(Code::Forbidden, why))?;
        }
        let needs = if is_spared { Needs::Nothing } else { self.needs };
        // What anyone may read is the same for every app, and so is that there is nothing.
        let app = if matches!(needs, Needs::Nothing | Needs::Key) { None } else { caller::app(headers)? };
        Ok(self.executor.let_in(&Knock { credential: shown.credential(), needs, app })?)
    }
}
