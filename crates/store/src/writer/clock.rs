//! Log time.
