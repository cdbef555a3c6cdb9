{#-- A text as a SQL literal. --#}
{% macro dvt_literal(value) -%}
  '{{ (value | string).replace("'", "''") }}'
{%- endmacro %}

{% macro get_catalog_relations(information_schema, relations) -%}
  {%- do return(adapter.dispatch('get_catalog_relations', 'dbt')(information_schema, relations)) -%}
{%- endmacro %}

{% macro default__get_catalog_relations(information_schema, relations) -%}
  {%- set wanted -%}
    {%- for relation in relations -%}
      (lower(t.table_schema) = lower({{ dvt_literal(relation.schema) }})
      {%- if relation.identifier %} and lower(t.table_name) = lower({{ dvt_literal(relation.identifier) }}){% endif -%})
      {%- if not loop.last %} or {% endif -%}
    {%- endfor -%}
  {%- endset -%}
  {%- do return(dvt_information_schema_catalog(information_schema, wanted)) -%}
{%- endmacro %}

{% macro get_catalog(information_schema, schemas) -%}
  {%- do return(adapter.dispatch('get_catalog', 'dbt')(information_schema, schemas)) -%}
{%- endmacro %}

{% macro default__get_catalog(information_schema, schemas) -%}
  {%- set wanted -%}
    {%- for schema in schemas -%}
      lower(t.table_schema) = lower({{ dvt_literal(schema) }}){% if not loop.last %} or {% endif -%}
    {%- endfor -%}
  {%- endset -%}
  {%- do return(dvt_information_schema_catalog(information_schema, wanted)) -%}
{%- endmacro %}

{#-- One row per column of every wanted table, with dbt's catalog column names. --#}
{% macro dvt_information_schema_catalog(information_schema, wanted) -%}
  {%- set sql -%}
    select
      t.table_catalog as table_database,
      t.table_schema as table_schema,
      t.table_name as table_name,
      t.table_type as table_type,
      null as table_comment,
      c.column_name as column_name,
      c.ordinal_position as column_index,
      c.data_type as column_type,
      null as column_comment,
      null as table_owner
    from {{ information_schema.information_schema('tables') }} t
    join {{ information_schema.information_schema('columns') }} c
      on c.table_schema = t.table_schema and c.table_name = t.table_name
    where {{ wanted if wanted | trim else '1 = 1' }}
    order by t.table_schema, t.table_name, c.ordinal_position
  {%- endset -%}
  {%- do return(run_query(sql)) -%}
{%- endmacro %}

{% macro get_catalog_for_single_relation(relation) -%}
  {%- do return(adapter.dispatch('get_catalog_for_single_relation', 'dbt')(relation)) -%}
{%- endmacro %}

{% macro default__get_catalog_for_single_relation(relation) -%}
  {%- do return(get_catalog_relations(relation, [relation])) -%}
{%- endmacro %}

{% macro information_schema_name(database) -%}
  {%- do return(adapter.dispatch('information_schema_name', 'dbt')(database)) -%}
{%- endmacro %}

{% macro default__information_schema_name(database) -%}
  {%- if database -%}
    {{ adapter.quote_as_configured(database, 'database') }}.INFORMATION_SCHEMA
  {%- else -%}
    INFORMATION_SCHEMA
  {%- endif -%}
{%- endmacro %}

{% macro list_schemas(database) -%}
  {%- do return(adapter.dispatch('list_schemas', 'dbt')(database)) -%}
{%- endmacro %}

{% macro default__list_schemas(database) -%}
  {%- set sql -%}
    select distinct schema_name
    from {{ information_schema_name(database) }}.SCHEMATA
    {% if database %}where lower(catalog_name) = lower({{ dvt_literal(database) }}){% endif %}
  {%- endset -%}
  {%- do return(run_query(sql)) -%}
{%- endmacro %}

{% macro check_schema_exists(information_schema, schema) -%}
  {%- do return(adapter.dispatch('check_schema_exists', 'dbt')(information_schema, schema)) -%}
{%- endmacro %}

{% macro default__check_schema_exists(information_schema, schema) -%}
  {%- set sql -%}
    select count(*)
    from {{ information_schema.information_schema('schemata') }}
    where schema_name = {{ dvt_literal(schema) }}
    {%- if information_schema.database and information_schema.include_policy.database %}
      and catalog_name = {{ dvt_literal(information_schema.database) }}
    {%- endif %}
  {%- endset -%}
  {%- do return(run_query(sql)) -%}
{%- endmacro %}

{#-- Rows of database, name, schema, type ('table' or 'view'). --#}
{% macro list_relations_without_caching(schema_relation) -%}
  {%- do return(adapter.dispatch('list_relations_without_caching', 'dbt')(schema_relation)) -%}
{%- endmacro %}

{% macro default__list_relations_without_caching(schema_relation) -%}
  {%- set sql -%}
    select
      table_catalog as {{ adapter.quote('database') }},
      table_name as {{ adapter.quote('name') }},
      table_schema as {{ adapter.quote('schema') }},
      case
        when upper(table_type) like '%VIEW%' then 'view'
        when upper(table_type) = 'BASE TABLE' then 'table'
        else lower(table_type)
      end as {{ adapter.quote('type') }}
    from {{ schema_relation.information_schema('tables') }}
    where table_schema = {{ dvt_literal(schema_relation.schema) }}
  {%- endset -%}
  {%- do return(run_query(sql)) -%}
{%- endmacro %}

{#-- The functions of a schema, in the same shape; none where the engine keeps none that dvt makes. --#}
{% macro list_function_relations_without_caching(schema_relation) -%}
  {%- do return(adapter.dispatch('list_function_relations_without_caching', 'dbt')(schema_relation)) -%}
{%- endmacro %}

{% macro default__list_function_relations_without_caching(schema_relation) -%}
  {%- do return([]) -%}
{%- endmacro %}

{% macro get_relations() -%}
  {%- do return(adapter.dispatch('get_relations', 'dbt')()) -%}
{%- endmacro %}

{% macro default__get_relations() -%}
  {%- do exceptions.raise_not_implemented('get_relations macro not implemented for adapter ' ~ adapter.type()) -%}
{%- endmacro %}

{% macro get_relation_last_modified(information_schema, relations) -%}
  {%- do return(adapter.dispatch('get_relation_last_modified', 'dbt')(information_schema, relations)) -%}
{%- endmacro %}

{% macro default__get_relation_last_modified(information_schema, relations) -%}
  {%- do exceptions.raise_not_implemented('get_relation_last_modified is not implemented for adapter ' ~ adapter.type()) -%}
{%- endmacro %}
