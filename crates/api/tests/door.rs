//! The backend's door as a backend meets it: real connections to a real store in a folder of its own.

mod door {
    mod drain;
    mod errors;
    mod events;
    mod house;
    mod keyless;
    mod message;
}
