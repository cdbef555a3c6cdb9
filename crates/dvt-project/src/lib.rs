//! Turns a folder into a manifest: reads YAML, SQL, seeds and packages, parses each file once.
