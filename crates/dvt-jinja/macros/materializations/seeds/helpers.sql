{#-- The type of a seed's column: what column_types says, else what its values say. --#}
{% macro dvt_seed_column_types(model, agate_table) -%}
  {%- set overrides = model['config'].get('column_types', {}) or {} -%}
  {%- set types = {} -%}
  {%- for name in agate_table.column_names -%}
    {%- set inferred = adapter.convert_type(agate_table, loop.index0) -%}
    {%- do types.update({name: overrides.get(name, inferred)}) -%}
  {%- endfor -%}
  {%- do return(types) -%}
{%- endmacro %}

{#-- The engine's type for a kind of value: text, integer, bigint, number, boolean, date, datetime, time. `scale` is the
     most digits after the point of a number. --#}
{% macro seed_column_type(kind, scale=0) -%}
  {%- do return(adapter.dispatch('seed_column_type', 'dbt')(kind, scale)) -%}
{%- endmacro %}

{% macro default__seed_column_type(kind, scale) -%}
  {%- set types = {
    'text': 'text', 'integer': 'integer', 'bigint': 'bigint', 'boolean': 'boolean', 'date': 'date',
    'datetime': 'timestamp without time zone', 'time': 'time',
  } -%}
  {%- if kind == 'number' -%}
    {%- do return('float8' if scale else 'integer') -%}
  {%- endif -%}
  {%- do return(types[kind]) -%}
{%- endmacro %}

{% macro create_csv_table(model, agate_table) -%}
  {%- do return(adapter.dispatch('create_csv_table', 'dbt')(model, agate_table)) -%}
{%- endmacro %}

{% macro default__create_csv_table(model, agate_table) -%}
  {%- set quotes = model['config'].get('quote_columns', none) -%}
  {%- set types = dvt_seed_column_types(model, agate_table) -%}
  {%- set sql -%}
    create table {{ this.render() }} (
      {%- for name, type in types.items() %}
        {{ adapter.quote_seed_column(name, quotes) }} {{ type }}{{ ', ' if not loop.last }}
      {%- endfor %}
    )
  {%- endset -%}
  {%- call statement('_') -%}
    {{ sql }}
  {%- endcall -%}
  {%- do return(sql) -%}
{%- endmacro %}

{#-- A full refresh makes the table anew; otherwise it keeps its identity and loses its rows. --#}
{% macro reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
  {%- do return(adapter.dispatch('reset_csv_table', 'dbt')(model, full_refresh, old_relation, agate_table)) -%}
{%- endmacro %}

{% macro default__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
  {%- if full_refresh -%}
    {{ adapter.drop_relation(old_relation) }}
    {%- do return(create_csv_table(model, agate_table)) -%}
  {%- endif -%}
  {{ adapter.truncate_relation(old_relation) }}
  {%- do return('truncate table ' ~ old_relation.render()) -%}
{%- endmacro %}

{% macro get_csv_sql(create_or_truncate_sql, insert_sql) -%}
  {%- do return(adapter.dispatch('get_csv_sql', 'dbt')(create_or_truncate_sql, insert_sql)) -%}
{%- endmacro %}

{% macro default__get_csv_sql(create_or_truncate_sql, insert_sql) -%}
  {{ create_or_truncate_sql }};
  -- dvt seed --
  {{ insert_sql }}
{%- endmacro %}

{% macro get_binding_char() -%}
  {%- do return(adapter.dispatch('get_binding_char', 'dbt')()) -%}
{%- endmacro %}

{% macro default__get_binding_char() -%}
  {%- do return('%s') -%}
{%- endmacro %}

{% macro get_batch_size() -%}
  {%- do return(adapter.dispatch('get_batch_size', 'dbt')()) -%}
{%- endmacro %}

{% macro default__get_batch_size() -%}
  {%- do return(10000) -%}
{%- endmacro %}

{% macro get_seed_column_quoted_csv(model, column_names) -%}
  {%- set quotes = model['config'].get('quote_columns', none) -%}
  {%- set quoted = [] -%}
  {%- for name in column_names -%}
    {%- do quoted.append(adapter.quote_seed_column(name, quotes)) -%}
  {%- endfor -%}
  {%- do return(quoted | join(', ')) -%}
{%- endmacro %}

{#-- Loads the rows; gives the text that stands for it in target/run. --#}
{% macro load_csv_rows(model, agate_table) -%}
  {%- do return(adapter.dispatch('load_csv_rows', 'dbt')(model, agate_table)) -%}
{%- endmacro %}

{% macro default__load_csv_rows(model, agate_table) -%}
  {%- set types = dvt_seed_column_types(model, agate_table) -%}
  {%- set rows = adapter.load_seed_rows(this, types) -%}
  {%- do return('-- ' ~ rows ~ ' rows loaded into ' ~ this.render() ~ ' (' ~ get_seed_column_quoted_csv(model, agate_table.column_names) ~ ')') -%}
{%- endmacro %}
