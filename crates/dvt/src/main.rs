//! The command line: reads flags and settings, calls one function, prints the outcome, picks the exit code.
fn main() {}
