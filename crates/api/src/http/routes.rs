//! Every route with what it asks of its caller. What is not in here is not served; the guard reads what it demands from here.

use axum::routing::{MethodFilter, MethodRouter, on};
use tidings_model::Scope;

use super::{
    Face, apps, demo, device, events, health, keys, message, messages, metrics, openapi, recall, timeline, topics, users, webhooks,
};
use crate::executor::Needs;

/// One verb at one path.
pub struct Route {
    pub method: &'static str,
    /// As axum writes it: `{name}` stands for a segment.
    pub path: &'static str,
    pub needs: Needs,
    pub(crate) serve: fn() -> MethodRouter<Face>,
}

impl Route {
    /// Served only where the operator asked for it.
    pub fn is_demo(&self) -> bool {
        self.path == "/" || self.path.starts_with("/demo/")
    }
}

macro_rules! routes {
    ($($method:ident $path:literal $needs:expr => $handler:path,)*) => {
        &[$(Route { method: stringify!($method), path: $path, needs: $needs, serve: || on(MethodFilter::$method, $handler) },)*]
    };
}

const ADMIN: Needs = Needs::Scope(Scope::Admin);
const DEVICES: Needs = Needs::Scope(Scope::Devices);
const READ: Needs = Needs::Scope(Scope::Read);
/// Also for `send:all` alone: `Caller::may_send` looks at the target.
const SEND: Needs = Needs::Scope(Scope::Send);

pub const ROUTES: &[Route] = routes! {
    POST "/message" SEND => message::post,
    POST "/v1/messages" SEND => messages::post,
    POST "/v1/messages:batch" SEND => messages::post_batch,
    DELETE "/v1/messages/{id}" SEND => recall::delete,
    GET "/v1/devices/{token}" READ => device::get,
    GET "/v1/users/{uid}" READ => users::get,
    POST "/v1/users/{uid}" DEVICES => users::post,
    DELETE "/v1/users/{uid}" DEVICES => users::delete,
    GET "/v1/users/{uid}/timeline" READ => timeline::get,
    POST "/v1/users:status" READ => users::status,
    GET "/v1/topics/{topic}" READ => topics::get,
    PUT "/v1/topics/{topic}/subscribers" DEVICES => topics::subscribe,
    DELETE "/v1/topics/{topic}/subscribers" DEVICES => topics::unsubscribe,
    GET "/v1/events" READ => events::get,
    GET "/v1/apps" ADMIN => apps::list,
    POST "/v1/apps" ADMIN => apps::create,
    GET "/v1/apps/{name}" ADMIN => apps::get,
    PATCH "/v1/apps/{name}" ADMIN => apps::change,
    DELETE "/v1/apps/{name}" ADMIN => apps::remove,
    GET "/v1/keys" ADMIN => keys::list,
    POST "/v1/keys" ADMIN => keys::create,
    GET "/v1/keys/{id}" ADMIN => keys::get,
    PATCH "/v1/keys/{id}" ADMIN => keys::change,
    DELETE "/v1/keys/{id}" ADMIN => keys::remove,
    GET "/v1/webhooks" ADMIN => webhooks::list,
    POST "/v1/webhooks" ADMIN => webhooks::create,
    GET "/v1/webhooks/{id}" ADMIN => webhooks::get,
    PATCH "/v1/webhooks/{id}" ADMIN => webhooks::change,
    DELETE "/v1/webhooks/{id}" ADMIN => webhooks::remove,
    POST "/v1/webhooks/{id}" ADMIN => webhooks::post,
    GET "/healthz" Needs::Nothing => health::alive,
    GET "/readyz" Needs::Nothing => health::ready,
    GET "/openapi.json" Needs::Nothing => openapi,
    GET "/metrics" Needs::KeyElsewhere => metrics::get,
    GET "/" Needs::Nothing => demo::page,
    GET "/demo/settings.json" READ => demo::settings,
    GET "/demo/{name}" Needs::Nothing => demo::file,
};
