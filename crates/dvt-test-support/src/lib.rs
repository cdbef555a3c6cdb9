//! Fixtures, filters and private database servers for tests. Never shipped.
