//! Renders templates with dbt's context and reports what they asked for (ref, source, config).
