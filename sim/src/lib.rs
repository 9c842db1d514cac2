//! Many sessions and a store in memory under one seed.
