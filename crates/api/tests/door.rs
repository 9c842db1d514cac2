//! The backend's door as a backend meets it: real connections to a real store in a folder of its own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod door {
    mod batch;
    mod contract;
    mod drain;
    mod errors;
    mod events;
    mod house;
    mod keyless;
    mod keys;
    mod matrix;
    mod message;
    mod messages;
    mod recall;
    mod stream;
    mod timeline;
    mod topics;
    mod users;
    mod waiting;
    mod webhooks;
}
