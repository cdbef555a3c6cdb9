//! The documentation site: one static page.
