{# Tables, views and indexes. #}

{% macro duckdb__create_table_as(temporary, relation, sql) -%}
  {%- set contract = config.get('contract') -%}
  {%- set is_enforced = contract and contract.enforced -%}
  {%- set header = config.get('sql_header', none) -%}
  {%- set named = relation.include(database=(not temporary), schema=(not temporary)) -%}
  {{ header if header is not none }}
  {%- if is_enforced %}{{ get_assert_columns_equivalent(sql) }}{% endif -%}
  {%- if is_enforced and not temporary %}
  create table {{ named }}
  {{ get_table_columns_and_constraints() }};
  insert into {{ named }} ({{ adapter.dispatch('get_column_names', 'dbt')() | trim }})
  (
    {{ get_select_subquery(sql) }}
  )
  {%- else %}
  create {% if temporary %}or replace temporary {% endif %}table {{ named }}
  as (
    {{ sql }}
  )
  {%- endif %};
{%- endmacro %}

{% macro duckdb__create_view_as(relation, sql) -%}
  {%- set contract = config.get('contract') -%}
  {%- set header = config.get('sql_header', none) -%}
  {{ header if header is not none }}
  {%- if contract and contract.enforced %}{{ get_assert_columns_equivalent(sql) }}{% endif %}
  create or replace view {{ relation }} as (
    {{ sql }}
  );
{%- endmacro %}

{% macro duckdb__get_create_index_sql(relation, index_dict) -%}
  {%- set index = adapter.parse_index(index_dict) -%}
  {%- set columns = index.columns | join(', ') -%}
  {%- set name = local_md5([relation.render(), columns, index.unique | string, index.type | string] | join('_')) -%}
  create {{ 'unique ' if index.unique }}index if not exists {{ adapter.quote('__dbt_index_' ~ name) }}
  on {{ relation }} ({{ columns }})
{%- endmacro %}

{% macro duckdb__get_drop_index_sql(relation, index_name) -%}
  drop index if exists {{ adapter.quote(relation.schema) }}.{{ adapter.quote(index_name) }}
{%- endmacro %}

{% macro duckdb__scalar_function_sql(target_relation) -%}
  {{ exceptions.raise_compiler_error('functions are not made on DuckDB: ' ~ model['unique_id'] ~ ' cannot be built there') }}
{%- endmacro %}
