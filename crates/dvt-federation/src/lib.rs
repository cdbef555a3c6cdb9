//! Chooses the route, and splits a cross-database query into extracts plus one joining query. No I/O.
