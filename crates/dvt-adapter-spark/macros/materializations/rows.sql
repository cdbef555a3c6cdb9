{# How rows of a run get into a table that is there: each strategy is one statement. #}

{# What a strategy wants of the table's format, said before anything is done. #}
{% macro spark__dvt_check_strategy(strategy) -%}
  {%- set format = spark__dvt_format() or 'parquet' -%}
  {%- if strategy == 'merge' and format not in ['delta', 'iceberg', 'hudi'] -%}
    {%- do exceptions.raise_compiler_error(
      "Invalid incremental strategy provided: merge\n    You can only choose this strategy when file_format is set to 'delta' or 'iceberg' or 'hudi'"
    ) -%}
  {%- elif strategy == 'insert_overwrite' and format == 'delta' -%}
    {%- do exceptions.raise_compiler_error(
      "Invalid incremental strategy provided: insert_overwrite\n    You cannot use this strategy when file_format is set to 'delta' or 'iceberg'\n    Use the 'append' or 'merge' strategy instead"
    ) -%}
  {%- elif strategy == 'microbatch' and not config.get('partition_by') -%}
    {%- do exceptions.raise_compiler_error("dbt-spark 'microbatch' incremental strategy requires a `partition_by` config.") -%}
  {%- endif -%}
{%- endmacro %}

{% macro spark__dvt_names(dest_columns) -%}
  {%- set names = [] -%}
  {%- for column in dest_columns -%}
    {%- do names.append(adapter.quote(column.name)) -%}
  {%- endfor -%}
  {%- do return(names) -%}
{%- endmacro %}

{# The table's columns stand in its own order, partitions last. #}
{% macro spark__get_incremental_append_sql(arg_dict) -%}
  {{ config.get('sql_header', none) or '' }}
  insert into table {{ arg_dict['target_relation'].render() }}
  select {{ spark__dvt_names(arg_dict['dest_columns']) | join(', ') }} from {{ arg_dict['temp_relation'].render() }}
{%- endmacro %}

{# Partitions that come again give way; without partitions, all rows do. #}
{% macro spark__get_incremental_insert_overwrite_sql(arg_dict) -%}
  {%- set partitions = spark__dvt_list_of(config.get('partition_by')) -%}
  {{ config.get('sql_header', none) or '' }}
  insert overwrite table {{ arg_dict['target_relation'].render() }}
  {%- if partitions %}
  partition ({{ partitions | join(', ') }})
  {%- endif %}
  select {{ spark__dvt_names(arg_dict['dest_columns']) | join(', ') }} from {{ arg_dict['temp_relation'].render() }}
{%- endmacro %}

{% macro spark__get_incremental_microbatch_sql(arg_dict) -%}
  {%- do return(spark__get_incremental_insert_overwrite_sql(arg_dict)) -%}
{%- endmacro %}

{% macro spark__seed_column_type(kind, scale) -%}
  {%- set types = {
    'text': 'string', 'integer': 'bigint', 'bigint': 'bigint', 'boolean': 'boolean', 'date': 'date',
    'datetime': 'timestamp', 'time': 'string',
  } -%}
  {%- if kind == 'number' -%}
    {%- do return('double' if scale else 'bigint') -%}
  {%- endif -%}
  {%- do return(types[kind]) -%}
{%- endmacro %}

{% macro spark__create_csv_table(model, agate_table) -%}
  {%- set quotes = model['config'].get('quote_columns', none) -%}
  {%- set types = dvt_seed_column_types(model, agate_table) -%}
  {%- set sql -%}
    create table {{ this.render() }} (
      {%- for name, type in types.items() %}
        {{ adapter.quote_seed_column(name, quotes) }} {{ type }}{{ ', ' if not loop.last }}
      {%- endfor %}
    )
    {{ spark__dvt_table_clauses(this) }}
  {%- endset -%}
  {%- call statement('_', auto_begin=False) -%}
    {{ sql }}
  {%- endcall -%}
  {%- do return(sql) -%}
{%- endmacro %}

{% macro spark__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
  {{ adapter.drop_relation(old_relation) }}
  {%- do return(create_csv_table(model, agate_table)) -%}
{%- endmacro %}

{# A text that is no value of its column's type has to be an error, also where the server would make NULL of it. #}
{% macro spark__load_csv_rows(model, agate_table) -%}
  {%- if adapter.type() != 'spark' -%}
    {%- do return(default__load_csv_rows(model, agate_table)) -%}
  {%- endif -%}
  {%- set before = run_query('set spark.sql.ansi.enabled').rows[0][1] -%}
  {%- do run_query('set spark.sql.ansi.enabled = true') -%}
  {%- set said = default__load_csv_rows(model, agate_table) -%}
  {%- if before in ['true', 'false'] -%}
    {%- do run_query('set spark.sql.ansi.enabled = ' ~ before) -%}
  {%- else -%}
    {%- do run_query('reset spark.sql.ansi.enabled') -%}
  {%- endif -%}
  {%- do return(said) -%}
{%- endmacro %}
