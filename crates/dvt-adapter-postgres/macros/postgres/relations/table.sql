{# Tables: create, drop, rename; and their indexes. #}

{% macro postgres__create_table_as(temporary, relation, sql) -%}
  {%- set contract = config.get('contract') -%}
  {%- set is_enforced = contract and contract.enforced -%}
  {%- set header = config.get('sql_header', none) -%}
  {%- if header is not none %}{{ header }}
  {% endif -%}
  {%- set kind = 'temporary ' if temporary else ('unlogged ' if config.get('unlogged', default=false) else '') -%}
  {%- if is_enforced %}{{ get_assert_columns_equivalent(sql) }}{% endif -%}
  {%- if is_enforced and not temporary %}
  create {{ kind }}table {{ relation }}
  {{ get_table_columns_and_constraints() }};
  insert into {{ relation }} ({{ adapter.dispatch('get_column_names', 'dbt')() | trim }})
  (
    {{ get_select_subquery(sql) }}
  )
  {%- else %}
  create {{ kind }}table {{ relation }}
  as (
    {{ sql }}
  )
  {%- endif %};
{%- endmacro %}


{% macro postgres__drop_table(relation) -%}
  drop table if exists {{ relation }} cascade
{%- endmacro %}


{% macro postgres__get_rename_table_sql(relation, new_name) -%}
  alter table {{ relation }} rename to {{ adapter.quote_as_configured(new_name, "identifier") }}
{%- endmacro %}


{# The old table may still be there with an index of the same definition: each run names its own. #}
{% macro postgres__get_create_index_sql(relation, index_dict) -%}
  {%- set index = adapter.parse_index(index_dict) -%}
  {%- set columns = index.columns | join(', ') -%}
  {%- set name = local_md5([relation.render(), columns, index.unique | string, index.type | string, invocation_id] | join('_')) -%}
  create {{ 'unique ' if index.unique }}index if not exists {{ adapter.quote(name) }}
  on {{ relation }}{{ ' using ' ~ index.type if index.type }} ({{ columns }})
{%- endmacro %}


{% macro postgres__get_drop_index_sql(relation, index_name) -%}
  drop index if exists {{ adapter.quote(relation.schema) }}.{{ adapter.quote(index_name) }}
{%- endmacro %}


{# Rows of name, method, unique and column_names (with commas between), one per index. #}
{% macro postgres__get_show_indexes_sql(relation) -%}
  select
    i.relname::text as name,
    m.amname::text as method,
    x.indisunique as "unique",
    string_agg(a.attname::text, ',' order by a.attnum) as column_names
  from pg_catalog.pg_index as x
  join pg_catalog.pg_class as i on i.oid = x.indexrelid
  join pg_catalog.pg_am as m on m.oid = i.relam
  join pg_catalog.pg_class as t on t.oid = x.indrelid and t.relkind in ('r', 'm')
  join pg_catalog.pg_namespace as n on n.oid = t.relnamespace
  join pg_catalog.pg_attribute as a on a.attrelid = t.oid and a.attnum = any(x.indkey)
  where t.relname = {{ dvt_postgres_literal(relation.identifier) }}
    and n.nspname = {{ dvt_postgres_literal(relation.schema) }}
  group by 1, 2, 3
  order by 1, 2, 3
{%- endmacro %}


{# PostgreSQL has no `create or replace table`; who calls this gets its error. #}
{% macro postgres__get_replace_table_sql(relation, sql) -%}
  {%- set contract = config.get('contract') -%}
  {%- set is_enforced = contract and contract.enforced -%}
  {{ config.get('sql_header', none) or '' }}
  create or replace table {{ relation }}
  {%- if is_enforced %}
  {{ get_assert_columns_equivalent(sql) }}
  {{ get_table_columns_and_constraints() }}
  {%- endif %}
  as (
    {{ get_select_subquery(sql) if is_enforced else sql }}
  );
{%- endmacro %}

{#-- A landing relation is an ordinary table, so an unlogged model is made by its own DDL. --#}
{% macro postgres__adopts_landing() -%}
  {%- do return(default__adopts_landing() and not config.get('unlogged', default=false)) -%}
{%- endmacro %}
