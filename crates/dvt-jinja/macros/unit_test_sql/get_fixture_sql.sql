{#-- The rows of one input as a query, typed by the columns of the relation that they stand for. The types may be given,
     where the relation lives on another connection. A column that a row leaves out is null. --#}
{% macro get_fixture_sql(rows, column_name_to_data_types) -%}
  {%- set types = column_name_to_data_types -%}
  {%- set quoted = {} -%}
  {%- if types -%}
    {%- for name in types -%}
      {%- do quoted.update({name: adapter.quote(name)}) -%}
    {%- endfor -%}
  {%- else -%}
    {%- set relation = defer_relation if (defer_relation and not load_relation(this)) else this -%}
    {%- set types = {} -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
      {%- do types.update({column.name | lower: column.data_type}) -%}
      {%- do quoted.update({column.name | lower: column.quoted}) -%}
    {%- endfor -%}
    {%- if not types -%}
      {%- do exceptions.raise_compiler_error("Not able to get columns for unit test '" ~ model.name ~ "' from relation " ~ relation ~ " because the relation doesn't exist") -%}
    {%- endif -%}
  {%- endif -%}
-- Fixture for {{ model.name }}
{% set nulls = {} -%}
  {%- for name, data_type in types.items() -%}
    {%- do nulls.update({name: safe_cast('null', data_type) | trim if data_type else 'null'}) -%}
  {%- endfor -%}
  {%- do validate_fixture_rows(rows, row_number) -%}
  {%- for row in rows -%}
    {%- set cells = nulls.copy() -%}
    {%- do cells.update(format_row(row, types)) -%}
select {% for name, cell in cells.items() %}{{ cell }} as {{ quoted[name] }}{{ ', ' if not loop.last }}{% endfor %}
    {%- if not loop.last %}
union all
{% endif -%}
  {%- else -%}
select {% for name, cell in nulls.items() %}{{ cell }} as {{ quoted[name] }}{{ ', ' if not loop.last }}{% endfor %}
limit 0
  {%- endfor -%}
{%- endmacro %}

{#-- The expected rows as a query, with the types that the model's own columns have. --#}
{% macro get_expected_sql(rows, column_name_to_data_types, column_name_to_quoted) -%}
  {%- for row in rows -%}
    {%- set cells = format_row(row, column_name_to_data_types) -%}
select {% for name, cell in cells.items() %}{{ cell }} as {{ column_name_to_quoted[name] }}{{ ', ' if not loop.last }}{% endfor %}
    {%- if not loop.last %}
union all
{% endif -%}
  {%- else -%}
select * from dbt_internal_unit_test_actual
limit 0
  {%- endfor -%}
{%- endmacro %}

{#-- One row's values as casts, by lower-case column name. --#}
{% macro format_row(row, column_name_to_data_types) -%}
  {%- set cells = {} -%}
  {%- for given_name, value in row.items() -%}
    {%- set name = given_name | lower -%}
    {%- if name not in column_name_to_data_types -%}
      {%- set what = "expected output" if model.resource_type == 'unit_test' else "'" ~ model.name ~ "'" -%}
      {%- do exceptions.raise_compiler_error(
            "Invalid column name: '" ~ name ~ "' in unit test fixture for " ~ what ~ ".\n"
            ~ "Accepted columns for " ~ what ~ " are: " ~ (column_name_to_data_types.keys() | list)
         ) -%}
    {%- endif -%}
    {%- set data_type = column_name_to_data_types[name] -%}
    {#-- A length would cut a text that is too long without a word. --#}
    {%- if value is string and 'varying' in data_type -%}
      {%- set data_type = data_type.split('(')[0] -%}
    {%- endif -%}
    {%- if value is string -%}
      {%- set literal = dbt.string_literal(dbt.escape_single_quotes(value)) -%}
    {%- elif value is none -%}
      {%- set literal = 'null' -%}
    {%- else -%}
      {%- set literal = value -%}
    {%- endif -%}
    {#-- SQLite has columns without a type, which hold values of any. --#}
    {%- do cells.update({name: safe_cast(literal, data_type) | trim if data_type else literal}) -%}
  {%- endfor -%}
  {%- do return(cells) -%}
{%- endmacro %}

{#-- For adapters that must look at the rows before they are written as SQL. --#}
{% macro validate_fixture_rows(rows, row_number) -%}
  {%- do return(adapter.dispatch('validate_fixture_rows', 'dbt')(rows, row_number)) -%}
{%- endmacro %}

{% macro default__validate_fixture_rows(rows, row_number) -%}
{%- endmacro %}
