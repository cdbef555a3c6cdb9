{# What is in the database. The views SVV_… show tables, views, late-binding views and external tables alike. #}

{# One connection works in one database; RA3 nodes read others. #}
{% macro dvt_redshift_check_database(database) %}
  {%- set wanted = database | string | replace('"', '') | lower -%}
  {%- if database and wanted != (target.database | string | lower) and not target.get('ra3_node', false) -%}
    {%- do exceptions.raise_not_implemented(
      'Cross-db references allowed only in RA3.* node or with datasharing enabled. (' ~ database ~ ' vs ' ~ target.database ~ ')'
    ) -%}
  {%- endif -%}
{% endmacro %}

{# SHOW commands are for data shares, which dvt does not use. #}
{% macro redshift__use_show_apis() -%}
  {{ return(false) }}
{%- endmacro %}


{% macro redshift__create_schema(relation) -%}
  {%- do dvt_redshift_check_database(relation.database) -%}
  {%- call statement('create_schema') -%}
    create schema if not exists {{ relation.without_identifier().include(database=False) }}
  {%- endcall -%}
{%- endmacro %}

{% macro redshift__drop_schema(relation) -%}
  {%- do dvt_redshift_check_database(relation.database) -%}
  {%- call statement('drop_schema') -%}
    drop schema if exists {{ relation.without_identifier().include(database=False) }} cascade
  {%- endcall -%}
{%- endmacro %}

{% macro redshift__list_schemas(database) %}
  {%- do dvt_redshift_check_database(database) -%}
  {% call statement('list_schemas', fetch_result=True, auto_begin=False) %}
    select distinct nspname from pg_namespace
  {% endcall %}
  {{ return(load_result('list_schemas').table) }}
{% endmacro %}

{% macro redshift__check_schema_exists(information_schema, schema) %}
  {%- do dvt_redshift_check_database(information_schema.database) -%}
  {% call statement('check_schema_exists', fetch_result=True, auto_begin=False) %}
    select count(*) as schemas from pg_namespace where nspname = {{ dvt_redshift_literal(schema) }}
  {% endcall %}
  {{ return(load_result('check_schema_exists').table) }}
{% endmacro %}

{% macro redshift__information_schema_name(database) -%}
  {%- do dvt_redshift_check_database(database) -%}
  information_schema
{%- endmacro %}


{# A materialized view is a view whose definition says so. #}
{% macro redshift__list_relations_without_caching(schema_relation) %}
  {%- set schema = dvt_redshift_literal(schema_relation.schema | string | lower) -%}
  {% call statement('list_relations_without_caching', fetch_result=True, auto_begin=False) %}
    select table_catalog as database, table_name as name, table_schema as schema, 'table' as type
    from information_schema.tables
    where lower(table_schema) = {{ schema }} and table_type = 'BASE TABLE'
    union all
    select
      table_catalog as database, table_name as name, table_schema as schema,
      case when view_definition ilike '%create materialized view%' then 'materialized_view' else 'view' end as type
    from information_schema.views
    where lower(table_schema) = {{ schema }}
  {% endcall %}
  {{ return(load_result('list_relations_without_caching').table) }}
{% endmacro %}


{# A temporary table has neither database nor schema, and is found under its name. Late-binding views have lengths and digits
   in the names of their types. #}
{% macro redshift__get_columns_in_relation(relation) %}
  {%- set has_place = relation.schema is not none and relation.schema -%}
  {%- set elsewhere = relation.database and (relation.database | lower) != (target.database | lower) -%}
  {%- set brackets = "split_part(split_part(data_type, '(', 2), ')', 1)" -%}
  {%- set is_text = "data_type like 'character%(%' or data_type like 'varchar%(%'" -%}
  {%- set is_number = "data_type like 'numeric(%'" -%}
  {% call statement('get_columns_in_relation', fetch_result=True, auto_begin=False) %}
    select
      column_name,
      case when {{ is_text }} or {{ is_number }} then split_part(data_type, '(', 1) else data_type end as data_type,
      case when {{ is_text }} then cast({{ brackets }} as integer) else character_maximum_length end as character_maximum_length,
      case when {{ is_number }} then cast(split_part({{ brackets }}, ',', 1) as integer) else numeric_precision end as numeric_precision,
      case when {{ is_number }} then cast(split_part({{ brackets }}, ',', 2) as integer) else numeric_scale end as numeric_scale
    from {{ 'svv_all_columns' if elsewhere else ('svv_columns' if has_place else 'information_schema.columns') }}
    where table_name = {{ dvt_redshift_literal(relation.identifier | string | lower) }}
    {%- if elsewhere %}
      and database_name = {{ dvt_redshift_literal(relation.database) }}
      and schema_name = {{ dvt_redshift_literal(relation.schema | string | lower) }}
    {%- elif has_place %}
      and table_schema = {{ dvt_redshift_literal(relation.schema | string | lower) }}
    {%- endif %}
    order by ordinal_position
  {% endcall %}
  {{ return(sql_convert_columns_in_relation(load_result('get_columns_in_relation').table)) }}
{% endmacro %}


{# Pairs of a view and a relation that it reads, so that the cache can forget what a cascade dropped. A late-binding view
   depends on nothing. #}
{% macro redshift__get_relations() -%}
  {% call statement('relations', fetch_result=True) %}
    select distinct
      dn.nspname as dependent_schema,
      d.relname as dependent_name,
      rn.nspname as referenced_schema,
      r.relname as referenced_name
    from pg_depend as p
    join pg_rewrite as w on w.oid = p.objid
    join pg_class as d on d.oid = w.ev_class
    join pg_namespace as dn on dn.oid = d.relnamespace
    join pg_class as r on r.oid = p.refobjid
    join pg_namespace as rn on rn.oid = r.relnamespace
    where d.oid <> r.oid
      and rn.nspname not in ('information_schema', 'pg_catalog')
      and dn.nspname not in ('information_schema', 'pg_catalog')
  {% endcall %}
  {{ return(load_result('relations').table) }}
{%- endmacro %}


{% macro redshift__get_catalog(information_schema, schemas) -%}
  {%- set relations = [] -%}
  {%- for schema in schemas -%}
    {%- do relations.append({'schema': schema}) -%}
  {%- endfor -%}
  {{ return(redshift__get_catalog_relations(information_schema, relations)) }}
{%- endmacro %}

{# One row per column of the wanted relations; an entry without identifier wants its whole schema. Owners come from another
   part of the catalog, and are put beside them here: some of these views run on the leader node alone. #}
{% macro redshift__get_catalog_relations(information_schema, relations) -%}
  {%- do dvt_redshift_check_database(information_schema.database) -%}
  {%- set wanted = [] -%}
  {%- for relation in relations -%}
    {%- set condition = 'lower(c.table_schema) = ' ~ dvt_redshift_literal(relation.schema | string | lower) -%}
    {%- if relation.identifier -%}
      {%- set condition = condition ~ ' and lower(c.table_name) = ' ~ dvt_redshift_literal(relation.identifier | string | lower) -%}
    {%- endif -%}
    {%- do wanted.append('(' ~ condition ~ ')') -%}
  {%- endfor -%}
  {% call statement('catalog', fetch_result=True) %}
    select
      {{ dvt_redshift_literal(information_schema.database or target.database) }} as table_database,
      c.table_schema,
      c.table_name,
      case when t.table_type = 'TABLE' then 'BASE TABLE' else t.table_type end as table_type,
      t.remarks as table_comment,
      c.column_name,
      c.ordinal_position as column_index,
      case
        when c.data_type in ('character varying', 'character') and c.character_maximum_length is not null
          then c.data_type || '(' || cast(c.character_maximum_length as varchar(10)) || ')'
        when c.data_type = 'numeric' and c.numeric_precision is not null
          then 'numeric(' || cast(c.numeric_precision as varchar(10)) || ',' || cast(c.numeric_scale as varchar(10)) || ')'
        else c.data_type
      end as column_type,
      c.remarks as column_comment,
      o.table_owner
    from svv_columns as c
    join svv_tables as t on t.table_schema = c.table_schema and t.table_name = c.table_name
    left join (
      select schemaname as table_schema, tablename as table_name, tableowner as table_owner from pg_tables
      union all
      select schemaname, viewname, viewowner from pg_views
    ) as o on o.table_schema = c.table_schema and o.table_name = c.table_name
    where {{ wanted | join(' or ') if wanted else '1 = 0' }}
    order by c.table_schema, c.table_name, c.ordinal_position
  {% endcall %}
  {{ return(load_result('catalog').table) }}
{%- endmacro %}


{# When rows were last added, as far as the history of queries goes back. #}
{% macro redshift__get_relation_last_modified(information_schema, relations) -%}
  {%- set wanted = [] -%}
  {%- for relation in relations -%}
    {%- do wanted.append('(lower(n.nspname) = ' ~ dvt_redshift_literal(relation.schema | string | lower)
          ~ ' and lower(c.relname) = ' ~ dvt_redshift_literal(relation.identifier | string | lower) ~ ')') -%}
  {%- endfor -%}
  {%- call statement('last_modified', fetch_result=True) -%}
    select
      n.nspname as "schema", c.relname as identifier, max(q.start_time) as last_modified,
      {{ current_timestamp() }} as snapshotted_at
    from sys_query_detail as q
    join pg_class as c on c.oid = q.table_id
    join pg_namespace as n on n.oid = c.relnamespace
    where q.step_name = 'insert' and ({{ wanted | join(' or ') }})
    group by n.nspname, c.relname
  {%- endcall -%}
  {{ return(load_result('last_modified')) }}
{%- endmacro %}
