{# `create table … as` without brackets: both servers take a leading WITH there. #}

{% macro mysql__create_table_as(temporary, relation, sql) -%}
  {%- set sql_header = config.get('sql_header', none) -%}
  {{ sql_header if sql_header is not none }}
  {%- set contract_config = config.get('contract') %}
  create {% if temporary %}temporary {% endif %}table {{ relation }}
  {%- if contract_config and contract_config.enforced and not temporary %}
    {{ get_assert_columns_equivalent(sql) }}
    {{ get_table_columns_and_constraints() }}
    {%- set sql = get_select_subquery(sql) %}
  {%- endif %}
  as
  {{ sql }}
{%- endmacro %}

{% macro mysql__create_view_as(relation, sql) -%}
  {%- set sql_header = config.get('sql_header', none) -%}
  {{ sql_header if sql_header is not none }}
  {%- set contract_config = config.get('contract') %}
  create or replace view {{ relation }}
  {%- if contract_config and contract_config.enforced %}
    {{ get_assert_columns_equivalent(sql) }}
  {%- endif %}
  as
  {{ sql }}
{%- endmacro %}

{% macro mysql__get_replace_view_sql(relation, sql) -%}
  {{ mysql__create_view_as(relation, sql) }}
{%- endmacro %}
