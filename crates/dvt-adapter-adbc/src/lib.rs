//! ADBC drivers, loaded at run time: connect, run SQL, stream Arrow out, load Arrow in.
