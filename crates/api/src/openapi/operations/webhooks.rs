//! Webhooks.

use tidings_model::Code;

use super::{ADDRESS, BODY, IN_APP, STORE, empty, json};
use crate::openapi::operation::{Operation, Parameter, Place};
use crate::openapi::schema::{Schema, field, optional};
use crate::openapi::shapes::{EVENT_ID, EVENT_TYPES};

const OF_ID: &[Parameter] =
    &[Parameter { place: Place::Path, name: "id", schema: Schema::Pattern("^wh_[A-Za-z0-9_-]{22}$"), says: "a webhook's id", example: "" }];

const ONE: &[(&str, Schema)] = &[("application/json", Schema::Named("Webhook"))];
const LIST: Schema = Schema::Object(&[field("webhooks", Schema::List(&Schema::Named("Webhook")), "")]);
const TRIED: &[(&str, Schema)] = &[("application/json", Schema::Named("WebhookTest"))];

const URL: &str = "http or https, at a public address or one that `sync.webhook_allow` lists; no user in it";
const TYPES: &str = "which events; null, the default: all of the app's";

pub(super) const ALL: &[Operation] = &[
    Operation {
        method: "get",
        path: "/v1/webhooks",
        id: "listWebhooks",
        summary: "The webhooks that the caller sees",
        says: "Oldest first: those of the app; to a key of / with the scope admin all.",
        parameters: &[IN_APP],
        body: None,
        answers: &[json(200, "the webhooks", &[("application/json", LIST)])],
        refusals: &[],
    },
    Operation {
        method: "post",
        path: "/v1/webhooks",
        id: "createWebhook",
        summary: "Have the app's events carried to a URL",
        says: "What happens from now on, in order, at least once, as signed POSTs of {\"events\":[...]}. The answer is the only one that tells the secret.",
        parameters: &[IN_APP],
        body: Some(Schema::Object(&[field("url", Schema::Text, URL), optional("types", EVENT_TYPES, TYPES)])),
        answers: &[json(201, "made", ONE)],
        refusals: &[BODY, STORE, &[Code::QuotaExceeded]],
    },
    Operation {
        method: "get",
        path: "/v1/webhooks/{id}",
        id: "getWebhook",
        summary: "A webhook, and how far it has come",
        says: "",
        parameters: &[OF_ID, IN_APP],
        body: None,
        answers: &[json(200, "the webhook", ONE)],
        refusals: &[ADDRESS],
    },
    Operation {
        method: "patch",
        path: "/v1/webhooks/{id}",
        id: "changeWebhook",
        summary: "Change a webhook, pause or resume it, draw a new secret",
        says: "Only what is given changes. For a change of secrets without a gap: rotate, give the new one to the receiver, retire; in between each body carries both signatures.",
        parameters: &[OF_ID, IN_APP],
        body: Some(Schema::Object(&[
            optional("url", Schema::Text, URL),
            optional("types", EVENT_TYPES, TYPES),
            optional(
                "state",
                Schema::OneOf(&["active", "paused"]),
                "active: go on from the cursor, at once, also where it waits for its next try",
            ),
            optional("rotate", Schema::Bool, "draws a secret; the newest one until now signs beside it"),
            optional("retire", Schema::Bool, "ends the older secret"),
        ])),
        answers: &[json(200, "the webhook, and its secret where one was drawn", ONE)],
        refusals: &[ADDRESS, BODY, STORE],
    },
    Operation {
        method: "delete",
        path: "/v1/webhooks/{id}",
        id: "deleteWebhook",
        summary: "End a webhook",
        says: "What is under way may still arrive.",
        parameters: &[OF_ID, IN_APP],
        body: None,
        answers: &[empty(204, "ended")],
        refusals: &[ADDRESS, STORE],
    },
    Operation {
        method: "post",
        path: "/v1/webhooks/{id}:test",
        id: "testWebhook",
        summary: "Send a webhook one event that tells nothing",
        says: "Now, also to a paused one, and answered when its receiver has, within 10 s. The event's type is `webhook.test`; its id is no cursor.",
        parameters: &[OF_ID, IN_APP],
        body: None,
        answers: &[json(200, "what came of it", TRIED)],
        refusals: &[ADDRESS, STORE],
    },
    Operation {
        method: "post",
        path: "/v1/webhooks/{id}:replay",
        id: "replayWebhook",
        summary: "Tell a webhook again what it was told",
        says: "Sets its cursor back; parked events behind it are tried again. One of cursor and from is needed.",
        parameters: &[OF_ID, IN_APP],
        body: Some(Schema::Object(&[
            optional("cursor", EVENT_ID, "exclusive, as everywhere: the last event not to be told again"),
            optional("from", EVENT_ID, "instead of it: the first event to be told again, such as the first one parked"),
        ])),
        answers: &[json(200, "the webhook, set back", ONE)],
        refusals: &[ADDRESS, BODY, STORE, &[Code::CursorExpired]],
    },
];
