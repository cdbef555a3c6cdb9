{#- Tables and views from a query. `format` of the model's config chooses how the table is kept. -#}

{% macro filesystem__table_format() %}
  {%- set format = config.get('format') if config is defined and config else none -%}
  {%- if format %} with (format = '{{ format | replace("'", "''") }}'){% endif -%}
{% endmacro %}

{#- There are no temporary tables: what dbt makes as one is an ordinary table that is dropped at the end. -#}
{% macro filesystem__create_table_as(temporary, relation, sql) -%}
  {%- set sql_header = config.get('sql_header', none) -%}
  {{ sql_header if sql_header is not none }}
  create table {{ relation }}{{ filesystem__table_format() }} as (
    {% set contract_config = config.get('contract') -%}
    {%- if contract_config and contract_config.enforced and not temporary -%}
      {{ get_assert_columns_equivalent(sql) }}
      {%- set sql = get_select_subquery(sql) -%}
    {%- endif -%}
    {{ sql }}
  )
{%- endmacro %}

{% macro filesystem__create_view_as(relation, sql) -%}
  {%- set sql_header = config.get('sql_header', none) -%}
  {{ sql_header if sql_header is not none }}
  create or replace view {{ relation }} as (
    {% set contract_config = config.get('contract') -%}
    {%- if contract_config and contract_config.enforced -%}
      {{ get_assert_columns_equivalent(sql) }}
    {%- endif -%}
    {{ sql }}
  )
{%- endmacro %}
