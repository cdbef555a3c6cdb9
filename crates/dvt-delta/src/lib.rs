//! Delta tables on an object store: create, append, overwrite, read at a version, compact.
