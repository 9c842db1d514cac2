//! The seam under one seed: real sessions on several workers, a store in memory with crash points between append, apply
//! and notify, phones of every kind on a network that loses, delays, repeats and half-opens, and a manual clock.
//!
//! One thread, no real time, no hash order: a seed replays to the byte. What must hold is in [`model`], on one screen.

pub mod dice;
pub mod history;
pub mod model;
pub mod phone;
pub mod script;
pub mod wire;
pub mod world;
