//! The binary: configuration, command line, composition.

fn main() {}
