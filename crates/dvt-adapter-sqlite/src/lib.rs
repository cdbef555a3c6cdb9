//! The sqlite client: connect, run SQL, stream Arrow out, load Arrow in.
