{#-- Tables from a query, and from a landing relation. `format` of the model's config chooses how the table is kept. --#}

{% macro filesystem__table_format() -%}
  {%- set format = config.get('format') -%}
  {%- if format %} with (format = {{ dvt_literal(format) }}){% endif -%}
{%- endmacro %}

{#-- There are no temporary tables: one is an ordinary table, which its maker drops. --#}
{% macro filesystem__create_table_as(temporary, relation, sql) -%}
  {%- set sql_header = config.get('sql_header', none) -%}
  {%- set contract = config.get('contract') -%}
  {{ sql_header if sql_header is not none }}
  {%- if contract and contract.enforced and not temporary %}
  {{ get_assert_columns_equivalent(sql) }}
  {%- set sql = get_select_subquery(sql) %}
  {%- endif %}
  create {{ 'or replace ' if temporary }}table {{ relation }}{{ filesystem__table_format() }} as (
    {{ sql }}
  )
{%- endmacro %}

{#-- One commit replaces rows and columns: readers see the old table or the new one. --#}
{% macro filesystem__replace_rows_from_landing(landing, target) -%}
  {%- call statement('main') -%}
    create or replace table {{ target }} clone {{ landing }}
  {%- endcall -%}
{%- endmacro %}
