//! The server itself.

use tidings_model::Code;

use super::json;
use crate::openapi::operation::Operation;
use crate::openapi::schema::{Schema, field};

const fn plain(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation { method: "get", path, id, summary, says: "", parameters: &[], body: None, answers: &[], refusals: &[] }
}

const SAID: Schema = Schema::Object(&[field("status", Schema::OneOf(&["ok", "ready"]), "")]);

pub(super) const ALL: &[Operation] = &[
    Operation {
        answers: &[json(200, "it is", &[("application/json", SAID)])],
        ..plain("/healthz", "isAlive", "Whether the process is alive")
    },
    Operation {
        answers: &[json(200, "it may", &[("application/json", SAID)])],
        refusals: &[&[Code::Draining, Code::StorageUnavailable]],
        ..plain("/readyz", "isReady", "Whether this server may get traffic")
    },
    Operation {
        answers: &[json(200, "as Prometheus reads it", &[("application/openmetrics-text", Schema::Text)])],
        ..plain("/metrics", "getMetrics", "Numbers for Prometheus")
    },
    Operation {
        answers: &[json(200, "the document", &[("application/json", Schema::Any)])],
        ..plain("/openapi.json", "getOpenApi", "This document")
    },
];
