//! Credentials as tables and properties.
