{# Snapshots change rows, which tables of files cannot. #}

{% macro spark__dvt_check_snapshot_format() -%}
  {%- set format = spark__dvt_format() or 'parquet' -%}
  {#-- Databricks dispatches to these macros too, and has its own formats. --#}
  {%- if adapter.type() == 'spark' and format not in ['delta', 'iceberg', 'hudi'] -%}
    {%- do exceptions.raise_compiler_error(
      "Invalid file format: " ~ format ~ "\n    Snapshot functionality requires file_format be set to 'delta' or 'iceberg' or 'hudi'"
    ) -%}
  {%- endif -%}
{%- endmacro %}

{% macro spark__build_snapshot_table(strategy, sql) -%}
  {%- do spark__dvt_check_snapshot_format() -%}
  {%- do return(default__build_snapshot_table(strategy, sql)) -%}
{%- endmacro %}

{% macro spark__snapshot_staging_table(strategy, source_sql, target_relation) -%}
  {%- do spark__dvt_check_snapshot_format() -%}
  {%- do return(default__snapshot_staging_table(strategy, source_sql, target_relation)) -%}
{%- endmacro %}
