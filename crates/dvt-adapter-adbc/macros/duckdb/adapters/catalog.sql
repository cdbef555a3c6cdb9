{# What is in the databases of a connection: its own and those attached. Names are compared without case, as DuckDB does. #}

{% macro duckdb__list_schemas(database) -%}
  {% call statement('list_schemas', fetch_result=True, auto_begin=False) -%}
    select distinct schema_name from duckdb_schemas()
    where lower(database_name) = lower({{ dvt_literal(database or target.database) }})
  {%- endcall %}
  {{ return(load_result('list_schemas').table) }}
{%- endmacro %}

{% macro duckdb__check_schema_exists(information_schema, schema) -%}
  {% call statement('check_schema_exists', fetch_result=True, auto_begin=False) -%}
    select count(*) as schemas from duckdb_schemas()
    where lower(schema_name) = lower({{ dvt_literal(schema) }})
      and lower(database_name) = lower({{ dvt_literal(information_schema.database or target.database) }})
  {%- endcall %}
  {{ return(load_result('check_schema_exists').table) }}
{%- endmacro %}

{% macro duckdb__list_relations_without_caching(schema_relation) -%}
  {%- set here -%}
    lower(schema_name) = lower({{ dvt_literal(schema_relation.schema) }})
      and lower(database_name) = lower({{ dvt_literal(schema_relation.database or target.database) }})
  {%- endset -%}
  {% call statement('list_relations_without_caching', fetch_result=True, auto_begin=False) -%}
    select database_name as "database", table_name as name, schema_name as "schema", 'table' as type
    from duckdb_tables() where {{ here }}
    union all
    select database_name, view_name, schema_name, 'view'
    from duckdb_views() where not internal and {{ here }}
    order by 2
  {%- endcall %}
  {{ return(load_result('list_relations_without_caching').table) }}
{%- endmacro %}

{# Temporary tables have neither database nor schema in their names. #}
{% macro duckdb__get_columns_in_relation(relation) -%}
  {% call statement('get_columns_in_relation', fetch_result=True, auto_begin=False) -%}
    select column_name, data_type, character_maximum_length, numeric_precision, numeric_scale
    from duckdb_columns()
    where lower(table_name) = lower({{ dvt_literal(relation.identifier) }})
      and lower(database_name) = lower({{ dvt_literal((relation.database or target.database) if relation.schema else 'temp') }})
      {%- if relation.schema %}
      and lower(schema_name) = lower({{ dvt_literal(relation.schema) }})
      {%- endif %}
    order by column_index
  {%- endcall %}
  {{ return(sql_convert_columns_in_relation(load_result('get_columns_in_relation').table)) }}
{%- endmacro %}

{% macro duckdb__get_catalog_relations(information_schema, relations) -%}
  {%- set wanted = [] -%}
  {%- for relation in relations -%}
    {%- set schema = 'lower(c.schema_name) = lower(' ~ dvt_literal(relation.schema) ~ ')' -%}
    {%- if relation.identifier -%}
      {%- set schema = schema ~ ' and lower(c.table_name) = lower(' ~ dvt_literal(relation.identifier) ~ ')' -%}
    {%- endif -%}
    {%- do wanted.append('(' ~ schema ~ ')') -%}
  {%- endfor -%}
  {% call statement('catalog', fetch_result=True, auto_begin=False) -%}
    select
      c.database_name as table_database,
      c.schema_name as table_schema,
      c.table_name as table_name,
      case when v.view_name is not null then 'VIEW' else 'BASE TABLE' end as table_type,
      coalesce(t.comment, v.comment) as table_comment,
      c.column_name as column_name,
      c.column_index as column_index,
      c.data_type as column_type,
      c.comment as column_comment,
      null::varchar as table_owner
    from duckdb_columns() as c
    left join duckdb_tables() as t
      on t.database_name = c.database_name and t.schema_name = c.schema_name and t.table_name = c.table_name
    left join duckdb_views() as v
      on v.database_name = c.database_name and v.schema_name = c.schema_name and v.view_name = c.table_name
    where not c.internal
      and lower(c.database_name) = lower({{ dvt_literal(information_schema.database or target.database) }})
      and ({{ wanted | join(' or ') if wanted else 'false' }})
    order by c.schema_name, c.table_name, c.column_index
  {%- endcall %}
  {{ return(load_result('catalog').table) }}
{%- endmacro %}

{% macro duckdb__get_catalog(information_schema, schemas) -%}
  {%- set relations = [] -%}
  {%- for schema in schemas -%}
    {%- do relations.append({'schema': schema}) -%}
  {%- endfor -%}
  {{ return(duckdb__get_catalog_relations(information_schema, relations)) }}
{%- endmacro %}
