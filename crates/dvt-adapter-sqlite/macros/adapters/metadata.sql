{# A schema is an attached file; sqlite_master of each names what is in it. #}

{% macro sqlite__literal(text) -%}
  '{{ (text or '') | replace("'", "''") }}'
{%- endmacro %}

{% macro sqlite__list_relations_without_caching(schema_relation) %}
  {% if not sqlite__has_schema(schema_relation.schema) %}
    {{ return([]) }}
  {% endif %}
  {% call statement('list_relations_without_caching', fetch_result=True, auto_begin=False) -%}
    select
      null as "database",
      name as name,
      {{ sqlite__literal(schema_relation.schema) }} as "schema",
      type as type
    from {{ adapter.quote(schema_relation.schema) }}.sqlite_master
    where type in ('table', 'view') and name not like 'sqlite\_%' escape '\'
  {%- endcall %}
  {{ return(load_result('list_relations_without_caching').table) }}
{% endmacro %}

{% macro sqlite__has_schema(schema) -%}
  {% set found = run_query(
       'select 1 as found from pragma_database_list where name = ' ~ sqlite__literal(schema) ~ ' collate nocase') %}
  {{ return((found.rows | length) > 0) }}
{%- endmacro %}

{% macro sqlite__get_columns_in_relation(relation) -%}
  {% call statement('get_columns_in_relation', fetch_result=True, auto_begin=False) -%}
    select
      name as column_name,
      case when instr(type, '(') > 0 and lower(type) not like 'decimal%' and lower(type) not like 'numeric%'
        then trim(substr(type, 1, instr(type, '(') - 1))
        else type
      end as data_type,
      case when instr(type, '(') > 0 and lower(type) like '%char%'
        then cast(substr(type, instr(type, '(') + 1) as integer)
      end as character_maximum_length,
      null as numeric_precision,
      null as numeric_scale
    from pragma_table_xinfo({{ sqlite__literal(relation.identifier) }}, {{ sqlite__literal(relation.schema) }})
    where hidden <> 1
    order by cid
  {%- endcall %}
  {% set table = load_result('get_columns_in_relation').table %}
  {{ return(sql_convert_columns_in_relation(table)) }}
{%- endmacro %}

{% macro sqlite__list_schemas(database) -%}
  {% call statement('list_schemas', fetch_result=True, auto_begin=False) -%}
    select name as schema_name from pragma_database_list where name <> 'temp' order by name
  {%- endcall %}
  {{ return(load_result('list_schemas').table) }}
{%- endmacro %}

{% macro sqlite__check_schema_exists(information_schema, schema) -%}
  {% call statement('check_schema_exists', fetch_result=True, auto_begin=False) -%}
    select count(*) as schemas from pragma_database_list where name = {{ sqlite__literal(schema) }} collate nocase
  {%- endcall %}
  {{ return(load_result('check_schema_exists').table) }}
{%- endmacro %}

{# A schema is a file that the profile names; the target's own is made when it is opened. #}
{% macro sqlite__create_schema(relation) -%}
  {%- if not sqlite__has_schema(relation.schema) -%}
    {{ exceptions.raise_compiler_error(
         'schema `' ~ relation.schema ~ '` has no file on this SQLite connection: name it in `schemas_and_paths` of the profile') }}
  {%- endif -%}
{%- endmacro %}

{# The file stays; what is in it goes. #}
{% macro sqlite__drop_schema(relation) -%}
  {%- for found in adapter.list_relations(database=relation.database, schema=relation.schema) -%}
    {%- do adapter.drop_relation(found) -%}
  {%- endfor -%}
{%- endmacro %}

{% macro sqlite__get_catalog(information_schema, schemas) -%}
  {%- set queries = [] -%}
  {%- for schema in schemas if sqlite__has_schema(schema) -%}
    {%- do queries.append(sqlite__catalog_query(schema, none)) -%}
  {%- endfor -%}
  {{ return(run_query(queries | join(' union all '))) }}
{%- endmacro %}

{% macro sqlite__get_catalog_relations(information_schema, relations) -%}
  {%- set queries = [] -%}
  {%- for relation in relations if sqlite__has_schema(relation.schema) -%}
    {%- do queries.append(sqlite__catalog_query(relation.schema, relation.identifier)) -%}
  {%- endfor -%}
  {{ return(run_query(queries | join(' union all '))) }}
{%- endmacro %}

{% macro sqlite__catalog_query(schema, identifier) -%}
  select
    null as table_database,
    {{ sqlite__literal(schema) }} as table_schema,
    m.name as table_name,
    case m.type when 'view' then 'VIEW' else 'BASE TABLE' end as table_type,
    null as table_comment,
    null as table_owner,
    c.name as column_name,
    c.cid + 1 as column_index,
    c.type as column_type,
    null as column_comment
  from {{ adapter.quote(schema) }}.sqlite_master m
  join pragma_table_xinfo(m.name, {{ sqlite__literal(schema) }}) c
  where m.type in ('table', 'view') and m.name not like 'sqlite\_%' escape '\' and c.hidden <> 1
  {%- if identifier %} and m.name = {{ sqlite__literal(identifier) }}{% endif %}
{%- endmacro %}
