{# What is in the datasets, as their information schemas tell it. #}

{% macro dvt_bigquery_schema(database, schema, view) -%}
  {{ return(adapter.quote(database or target.database) ~ '.' ~ adapter.quote(schema) ~ '.INFORMATION_SCHEMA.' ~ view) }}
{%- endmacro %}

{% macro bigquery__list_schemas(database) -%}
  {% call statement('list_schemas', fetch_result=True, auto_begin=False) -%}
    select schema_name from {{ adapter.quote(database | replace('`', '') if database else target.database) }}.INFORMATION_SCHEMA.SCHEMATA
  {%- endcall %}
  {{ return(load_result('list_schemas').table) }}
{%- endmacro %}

{% macro bigquery__check_schema_exists(information_schema, schema) -%}
  {% call statement('check_schema_exists', fetch_result=True, auto_begin=False) -%}
    select count(*) as schemas from {{ adapter.quote(information_schema.database or target.database) }}.INFORMATION_SCHEMA.SCHEMATA
    where schema_name = {{ dvt_bigquery_literal(schema) }}
  {%- endcall %}
  {{ return(load_result('check_schema_exists').table) }}
{%- endmacro %}

{# A dataset that is not there has no information schema, and no relations. #}
{% macro bigquery__list_relations_without_caching(schema_relation) -%}
  {%- set there = bigquery__check_schema_exists(schema_relation, schema_relation.schema) -%}
  {% call statement('list_relations_without_caching', fetch_result=True, auto_begin=False) -%}
    {%- if there.rows[0][0] | int == 0 -%}
    select cast(null as string) as database, cast(null as string) as name, cast(null as string) as `schema`, cast(null as string) as type
    from unnest([1]) as nothing where nothing = 0
    {%- else -%}
    select table_catalog as database, table_name as name, table_schema as `schema`,
      case table_type
        when 'VIEW' then 'view'
        when 'MATERIALIZED VIEW' then 'materialized_view'
        when 'EXTERNAL' then 'external'
        else 'table'
      end as type
    from {{ dvt_bigquery_schema(schema_relation.database, schema_relation.schema, 'TABLES') }}
    {%- endif -%}
  {%- endcall %}
  {{ return(load_result('list_relations_without_caching').table) }}
{%- endmacro %}

{% macro bigquery__get_columns_in_relation(relation) -%}
  {% call statement('get_columns_in_relation', fetch_result=True, auto_begin=False) -%}
    select column_name, data_type
    from {{ dvt_bigquery_schema(relation.database, relation.schema or target.schema, 'COLUMNS') }}
    where table_name = {{ dvt_bigquery_literal(relation.identifier) }}
    order by ordinal_position
  {%- endcall %}
  {{ return(sql_convert_columns_in_relation(load_result('get_columns_in_relation').table)) }}
{%- endmacro %}

{% macro bigquery__get_catalog(information_schema, schemas) -%}
  {%- set relations = [] -%}
  {%- for schema in schemas -%}
    {%- do relations.append({'schema': schema}) -%}
  {%- endfor -%}
  {{ return(bigquery__get_catalog_relations(information_schema, relations)) }}
{%- endmacro %}

{# One row per column of the wanted relations; an entry without identifier wants its whole dataset. #}
{% macro bigquery__get_catalog_relations(information_schema, relations) -%}
  {%- set by_schema = {} -%}
  {%- for relation in relations -%}
    {%- do by_schema.setdefault(relation.schema, []).append(relation.identifier) -%}
  {%- endfor -%}
  {%- set database = information_schema.database or target.database -%}
  {% call statement('catalog', fetch_result=True, auto_begin=False) -%}
    {%- for schema, names in by_schema.items() %}
    select
      t.table_catalog as table_database,
      t.table_schema,
      t.table_name,
      case t.table_type when 'BASE TABLE' then 'table' else lower(t.table_type) end as table_type,
      json_value(o.option_value, '$') as table_comment,
      c.column_name,
      c.ordinal_position as column_index,
      c.data_type as column_type,
      p.description as column_comment,
      cast(null as string) as table_owner
    from {{ dvt_bigquery_schema(database, schema, 'TABLES') }} as t
    join {{ dvt_bigquery_schema(database, schema, 'COLUMNS') }} as c on c.table_name = t.table_name
    left join {{ dvt_bigquery_schema(database, schema, 'COLUMN_FIELD_PATHS') }} as p
      on p.table_name = c.table_name and p.column_name = c.column_name and p.field_path = c.column_name
    left join {{ dvt_bigquery_schema(database, schema, 'TABLE_OPTIONS') }} as o
      on o.table_name = t.table_name and o.option_name = 'description'
    {%- if none not in names and names %}
    where t.table_name in ({% for name in names %}{{ dvt_bigquery_literal(name) }}{{ ', ' if not loop.last }}{% endfor %})
    {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
    order by table_schema, table_name, column_index
  {%- endcall %}
  {{ return(load_result('catalog').table) }}
{%- endmacro %}

{# When tables were last written. #}
{% macro bigquery__get_relation_last_modified(information_schema, relations) -%}
  {%- set by_schema = {} -%}
  {%- for relation in relations -%}
    {%- do by_schema.setdefault(relation.schema, []).append(relation) -%}
  {%- endfor -%}
  {% call statement('last_modified', fetch_result=True, auto_begin=False) -%}
    {%- for schema, found in by_schema.items() %}
    select dataset_id as `schema`, table_id as identifier, timestamp_millis(last_modified_time) as last_modified,
      {{ current_timestamp() }} as snapshotted_at
    from {{ adapter.quote(found[0].database or target.database) }}.{{ adapter.quote(schema) }}.__TABLES__
    where table_id in ({% for relation in found %}{{ dvt_bigquery_literal(relation.identifier) }}{{ ', ' if not loop.last }}{% endfor %})
    {{ 'union all' if not loop.last }}
    {%- endfor %}
  {%- endcall %}
  {{ return(load_result('last_modified')) }}
{%- endmacro %}
