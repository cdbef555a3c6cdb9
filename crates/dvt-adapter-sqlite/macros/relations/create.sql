{# Tables and views from queries. CREATE TABLE AS gives columns the types of their affinity only, so a table with a
   contract is made with its columns first and filled then. #}

{% macro sqlite__create_table_as(temporary, relation, sql) -%}
  {%- set sql_header = config.get('sql_header', none) -%}
  {{ sql_header if sql_header is not none }}
  {%- set contract_config = config.get('contract') %}
  {%- if contract_config and contract_config.enforced and not temporary %}
  create table {{ relation }}
  {{ get_assert_columns_equivalent(sql) }}
  {{ get_table_columns_and_constraints() }};
  insert into {{ relation }} ({{ sqlite__get_column_names() }})
  {{ get_select_subquery(sql) }}
  {%- else %}
  {%- if temporary %}
  drop table if exists {{ relation }};
  {%- endif %}
  create table {{ relation }} as
  {{ sql }}
  {%- endif %}
{%- endmacro %}

{% macro sqlite__create_view_as(relation, sql) -%}
  {%- set sql_header = config.get('sql_header', none) -%}
  {{ sql_header if sql_header is not none }}
  {%- set contract_config = config.get('contract') %}
  {%- if contract_config and contract_config.enforced %}
  {{ get_assert_columns_equivalent(sql) }}
  {%- endif %}
  create view {{ relation }}
  as
  {{ sql }}
{%- endmacro %}

{# The names of a contract's columns, in order. #}
{% macro sqlite__get_column_names() -%}
  {%- for column in model['columns'].values() -%}
    {{ adapter.quote(column['name']) if column.get('quote') else column['name'] }}{% if not loop.last %}, {% endif %}
  {%- endfor -%}
{%- endmacro %}
