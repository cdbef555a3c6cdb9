//! Makes cargo count the build dependencies; does nothing.

fn main() {}
