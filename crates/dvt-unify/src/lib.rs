//! One set of features for every third-party crate, so that each is compiled once. No code.
