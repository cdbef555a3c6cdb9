{# What is in the databases of an account. Each database has an information schema of its own; names are compared without
   case, as dbt does here. #}

{% macro snowflake__information_schema_of(database) -%}
  {{ return((database or target.database) ~ '.information_schema') }}
{%- endmacro %}

{% macro snowflake__list_schemas(database) -%}
  {% call statement('list_schemas', fetch_result=True, auto_begin=False) -%}
    select schema_name from {{ snowflake__information_schema_of(database) }}.schemata
  {%- endcall %}
  {{ return(load_result('list_schemas').table) }}
{%- endmacro %}

{% macro snowflake__check_schema_exists(information_schema, schema) -%}
  {% call statement('check_schema_exists', fetch_result=True, auto_begin=False) -%}
    select count(*) as schemas from {{ snowflake__information_schema_of(information_schema.database) }}.schemata
    where upper(schema_name) = upper({{ dvt_literal(schema) }})
  {%- endcall %}
  {{ return(load_result('check_schema_exists').table) }}
{%- endmacro %}

{% macro snowflake__list_relations_without_caching(schema_relation) -%}
  {% call statement('list_relations_without_caching', fetch_result=True, auto_begin=False) -%}
    select table_catalog as "database", table_name as "name", table_schema as "schema",
      case when table_type like '%VIEW' then 'view' else 'table' end as "type"
    from {{ snowflake__information_schema_of(schema_relation.database) }}.tables
    where upper(table_schema) = upper({{ dvt_literal(schema_relation.schema) }})
  {%- endcall %}
  {{ return(load_result('list_relations_without_caching').table) }}
{%- endmacro %}

{% macro snowflake__get_columns_in_relation(relation) -%}
  {% call statement('get_columns_in_relation', fetch_result=True, auto_begin=False) -%}
    select column_name, data_type, character_maximum_length, numeric_precision, numeric_scale
    from {{ snowflake__information_schema_of(relation.database) }}.columns
    where upper(table_name) = upper({{ dvt_literal(relation.identifier) }})
      and upper(table_schema) = upper({{ dvt_literal(relation.schema or target.schema) }})
    order by ordinal_position
  {%- endcall %}
  {{ return(sql_convert_columns_in_relation(load_result('get_columns_in_relation').table)) }}
{%- endmacro %}

{% macro snowflake__get_catalog_relations(information_schema, relations) -%}
  {%- set here = snowflake__information_schema_of(information_schema.database) -%}
  {%- set wanted = [] -%}
  {%- for relation in relations -%}
    {%- set condition = 'upper(c.table_schema) = upper(' ~ dvt_literal(relation.schema) ~ ')' -%}
    {%- if relation.identifier -%}
      {%- set condition = condition ~ ' and upper(c.table_name) = upper(' ~ dvt_literal(relation.identifier) ~ ')' -%}
    {%- endif -%}
    {%- do wanted.append('(' ~ condition ~ ')') -%}
  {%- endfor -%}
  {% call statement('catalog', fetch_result=True, auto_begin=False) -%}
    select
      c.table_catalog as "table_database",
      c.table_schema as "table_schema",
      c.table_name as "table_name",
      t.table_type as "table_type",
      t.comment as "table_comment",
      c.column_name as "column_name",
      c.ordinal_position as "column_index",
      c.data_type as "column_type",
      c.comment as "column_comment",
      t.table_owner as "table_owner"
    from {{ here }}.columns as c
    join {{ here }}.tables as t on t.table_schema = c.table_schema and t.table_name = c.table_name
    where {{ wanted | join(' or ') if wanted else 'false' }}
    order by c.table_schema, c.table_name, c.ordinal_position
  {%- endcall %}
  {{ return(load_result('catalog').table) }}
{%- endmacro %}

{% macro snowflake__get_catalog(information_schema, schemas) -%}
  {%- set relations = [] -%}
  {%- for schema in schemas -%}
    {%- do relations.append({'schema': schema}) -%}
  {%- endfor -%}
  {{ return(snowflake__get_catalog_relations(information_schema, relations)) }}
{%- endmacro %}

{% macro snowflake__get_relation_last_modified(information_schema, relations) -%}
  {%- set wanted = [] -%}
  {%- for relation in relations -%}
    {%- do wanted.append('(upper(table_schema) = upper(' ~ dvt_literal(relation.schema)
          ~ ') and upper(table_name) = upper(' ~ dvt_literal(relation.identifier) ~ '))') -%}
  {%- endfor -%}
  {% call statement('last_modified', fetch_result=True, auto_begin=False) -%}
    select table_schema as "schema", table_name as "identifier", last_altered as "last_modified",
      {{ current_timestamp() }} as "snapshotted_at"
    from {{ snowflake__information_schema_of(information_schema.database) }}.tables
    where {{ wanted | join(' or ') }}
  {%- endcall %}
  {{ return(load_result('last_modified')) }}
{%- endmacro %}
