{# Relations, columns and schemas as information_schema has them. MySQL has no level above the schema. #}

{% macro mysql__literal(text) -%}
  '{{ (text or '') | replace('\\', '\\\\') | replace("'", "''") }}'
{%- endmacro %}

{% macro mysql__list_relations_without_caching(schema_relation) %}
  {% call statement('list_relations_without_caching', fetch_result=True) -%}
    select
      null as `database`,
      table_name as name,
      table_schema as `schema`,
      case when table_type in ('VIEW', 'SYSTEM VIEW') then 'view' else 'table' end as type
    from information_schema.tables
    where table_schema = {{ mysql__literal(schema_relation.schema) }}
      and table_type <> 'SEQUENCE'
  {%- endcall %}
  {{ return(load_result('list_relations_without_caching').table) }}
{% endmacro %}

{# The full type text where the short one would lose something: unsigned, digits of a second, labels, lengths. #}
{% macro mysql__get_columns_in_relation(relation) -%}
  {% call statement('get_columns_in_relation', fetch_result=True) -%}
    select
      column_name as column_name,
      case
        when data_type in ('char', 'varchar') then data_type
        when data_type in ('tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'decimal', 'float', 'double')
          and column_type not like '%unsigned%' then data_type
        else column_type
      end as data_type,
      character_maximum_length as character_maximum_length,
      case when data_type = 'decimal' then numeric_precision end as numeric_precision,
      case when data_type = 'decimal' then numeric_scale end as numeric_scale
    from information_schema.columns
    where table_schema = {{ mysql__literal(relation.schema) }}
      and table_name = {{ mysql__literal(relation.identifier) }}
    order by ordinal_position
  {%- endcall %}
  {% set table = load_result('get_columns_in_relation').table %}
  {% if table.rows | length == 0 and '__dbt_tmp' in relation.identifier %}
    {{ return(mysql__columns_of_temporary(relation)) }}
  {% endif %}
  {{ return(sql_convert_columns_in_relation(table)) }}
{%- endmacro %}

{# information_schema does not know temporary tables; SHOW does. #}
{% macro mysql__columns_of_temporary(relation) -%}
  {%- set columns = [] -%}
  {%- for row in run_query('show columns from ' ~ relation).rows -%}
    {%- set type = row[1] | string -%}
    {%- set word = modules.re.split('[( ]', type, 1)[0] | lower -%}
    {%- if word in ['char', 'varchar', 'decimal'] and 'unsigned' not in type -%}
      {%- do columns.append(api.Column.from_description(row[0], type)) -%}
    {%- elif word in ['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'float', 'double'] and 'unsigned' not in type -%}
      {%- do columns.append(api.Column(row[0], word)) -%}
    {%- else -%}
      {%- do columns.append(api.Column(row[0], type)) -%}
    {%- endif -%}
  {%- endfor -%}
  {{ return(columns) }}
{%- endmacro %}

{% macro mysql__list_schemas(database) -%}
  {% call statement('list_schemas', fetch_result=True, auto_begin=False) -%}
    select schema_name as schema_name from information_schema.schemata order by schema_name
  {%- endcall %}
  {{ return(load_result('list_schemas').table) }}
{%- endmacro %}

{% macro mysql__check_schema_exists(information_schema, schema) -%}
  {% call statement('check_schema_exists', fetch_result=True, auto_begin=False) -%}
    select count(*) as schemas from information_schema.schemata where schema_name = {{ mysql__literal(schema) }}
  {%- endcall %}
  {{ return(load_result('check_schema_exists').table) }}
{%- endmacro %}

{% macro mysql__information_schema_name(database) -%}
  information_schema
{%- endmacro %}

{% macro mysql__create_schema(relation) -%}
  {%- call statement('create_schema') -%}
    create schema if not exists {{ relation.include(database=False).without_identifier() }}
  {%- endcall -%}
{%- endmacro %}

{% macro mysql__drop_schema(relation) -%}
  {%- call statement('drop_schema') -%}
    drop schema if exists {{ relation.include(database=False).without_identifier() }}
  {%- endcall -%}
{%- endmacro %}

{% macro mysql__get_catalog_relations(information_schema, relations) -%}
  {%- set wanted -%}
    {%- for relation in relations %}
      (t.table_schema = {{ mysql__literal(relation.schema) }}
      {%- if relation.identifier %} and t.table_name = {{ mysql__literal(relation.identifier) }}{% endif %})
      {%- if not loop.last %} or {% endif -%}
    {%- endfor %}
  {%- endset -%}
  {{ return(mysql__run_catalog_query(wanted)) }}
{%- endmacro %}

{% macro mysql__get_catalog(information_schema, schemas) -%}
  {%- set wanted -%}
    {%- for schema in schemas %}
      t.table_schema = {{ mysql__literal(schema) }}{% if not loop.last %} or {% endif %}
    {%- endfor %}
  {%- endset -%}
  {{ return(mysql__run_catalog_query(wanted)) }}
{%- endmacro %}

{% macro mysql__run_catalog_query(wanted) -%}
  {% call statement('catalog', fetch_result=True) -%}
    select
      null as table_database,
      t.table_schema as table_schema,
      t.table_name as table_name,
      case when t.table_type = 'BASE TABLE' then 'BASE TABLE' else t.table_type end as table_type,
      case when t.table_type <> 'VIEW' then nullif(t.table_comment, '') end as table_comment,
      null as table_owner,
      c.column_name as column_name,
      c.ordinal_position as column_index,
      c.column_type as column_type,
      nullif(c.column_comment, '') as column_comment
    from information_schema.tables t
    join information_schema.columns c on c.table_schema = t.table_schema and c.table_name = t.table_name
    where {{ wanted }}
    order by t.table_schema, t.table_name, c.ordinal_position
  {%- endcall %}
  {{ return(load_result('catalog').table) }}
{%- endmacro %}
