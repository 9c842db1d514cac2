//! What is carried to a verifier, as tables.
