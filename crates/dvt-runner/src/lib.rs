//! Runs selected nodes in dependency order: threads, hooks, retries, materializations, run results.
