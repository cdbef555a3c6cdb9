{# What is in the catalogs of a workspace. Each catalog has an information schema of its own, whose names are in lower case;
   columns are asked of the relation itself, which knows them at once. #}

{% macro databricks__information_schema_of(database) -%}
  {%- set catalog = database or target.database -%}
  {%- if catalog | lower == 'hive_metastore' -%}
    {%- do exceptions.raise_compiler_error(
      "the catalog hive_metastore has no information schema: give the output '" ~ target.name ~ "' a `catalog` of Unity Catalog"
    ) -%}
  {%- endif -%}
  {%- do return(adapter.quote(catalog) ~ '.information_schema') -%}
{%- endmacro %}

{% macro databricks__list_schemas(database) -%}
  {%- call statement('list_schemas', fetch_result=True, auto_begin=False) -%}
    select schema_name from {{ databricks__information_schema_of(database) }}.schemata
  {%- endcall -%}
  {%- do return(load_result('list_schemas').table) -%}
{%- endmacro %}

{% macro databricks__check_schema_exists(information_schema, schema) -%}
  {%- call statement('check_schema_exists', fetch_result=True, auto_begin=False) -%}
    select count(*) as schemas from {{ databricks__information_schema_of(information_schema.database) }}.schemata
    where schema_name = lower({{ databricks__dvt_text(schema) }})
  {%- endcall -%}
  {%- do return(load_result('check_schema_exists').table) -%}
{%- endmacro %}

{% macro databricks__list_relations_without_caching(schema_relation) -%}
  {%- call statement('list_relations_without_caching', fetch_result=True, auto_begin=False) -%}
    select table_catalog as `database`, table_name as `name`, table_schema as `schema`,
      case when table_type = 'VIEW' then 'view' when table_type = 'MATERIALIZED_VIEW' then 'materialized_view' else 'table' end as `type`
    from {{ databricks__information_schema_of(schema_relation.database) }}.tables
    where table_schema = lower({{ databricks__dvt_text(schema_relation.schema) }})
  {%- endcall -%}
  {%- do return(load_result('list_relations_without_caching').table) -%}
{%- endmacro %}

{% macro databricks__get_columns_in_relation(relation) -%}
  {%- call statement('get_columns_in_relation', fetch_result=True, auto_begin=False) -%}
    describe table {{ relation.render() }}
  {%- endcall -%}
  {%- set columns = [] -%}
  {#-- Behind the columns come partitions and clustering, under headings. --#}
  {%- set at = namespace(is_over=false) -%}
  {%- for row in load_result('get_columns_in_relation').table.rows -%}
    {%- if not row[0] or row[0].startswith('#') -%}
      {%- set at.is_over = true -%}
    {%- endif -%}
    {%- if not at.is_over -%}
      {%- do columns.append(api.Column(row[0], row[1])) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- do return(columns) -%}
{%- endmacro %}

{% macro databricks__get_catalog_relations(information_schema, relations) -%}
  {%- set here = databricks__information_schema_of(information_schema.database) -%}
  {%- set wanted = [] -%}
  {%- for relation in relations -%}
    {%- set condition = 'c.table_schema = lower(' ~ databricks__dvt_text(relation.schema) ~ ')' -%}
    {%- if relation.identifier -%}
      {%- set condition = condition ~ ' and c.table_name = lower(' ~ databricks__dvt_text(relation.identifier) ~ ')' -%}
    {%- endif -%}
    {%- do wanted.append('(' ~ condition ~ ')') -%}
  {%- endfor -%}
  {%- call statement('catalog', fetch_result=True, auto_begin=False) -%}
    select
      c.table_catalog as table_database,
      c.table_schema as table_schema,
      c.table_name as table_name,
      t.table_type as table_type,
      t.comment as table_comment,
      c.column_name as column_name,
      c.ordinal_position as column_index,
      c.full_data_type as column_type,
      c.comment as column_comment,
      t.table_owner as table_owner
    from {{ here }}.columns as c
    join {{ here }}.tables as t on t.table_schema = c.table_schema and t.table_name = c.table_name and t.table_catalog = c.table_catalog
    where c.table_catalog = lower({{ databricks__dvt_text(information_schema.database or target.database) }})
      and ({{ wanted | join(' or ') if wanted else 'false' }})
    order by c.table_schema, c.table_name, c.ordinal_position
  {%- endcall -%}
  {%- do return(load_result('catalog').table) -%}
{%- endmacro %}

{% macro databricks__get_catalog(information_schema, schemas) -%}
  {%- set relations = [] -%}
  {%- for schema in schemas -%}
    {%- do relations.append({'schema': schema}) -%}
  {%- endfor -%}
  {%- do return(databricks__get_catalog_relations(information_schema, relations)) -%}
{%- endmacro %}

{% macro databricks__get_relation_last_modified(information_schema, relations) -%}
  {%- set wanted = [] -%}
  {%- for relation in relations -%}
    {%- do wanted.append('(table_schema = lower(' ~ databricks__dvt_text(relation.schema)
          ~ ') and table_name = lower(' ~ databricks__dvt_text(relation.identifier) ~ '))') -%}
  {%- endfor -%}
  {%- call statement('last_modified', fetch_result=True, auto_begin=False) -%}
    select table_schema as `schema`, table_name as `identifier`, last_altered as `last_modified`,
      {{ current_timestamp() }} as `snapshotted_at`
    from {{ databricks__information_schema_of(information_schema.database) }}.tables
    where {{ wanted | join(' or ') }}
  {%- endcall -%}
  {%- do return(load_result('last_modified')) -%}
{%- endmacro %}

{# Only what was granted on the table itself; its owner needs no grant. #}
{% macro databricks__get_show_grant_sql(relation) -%}
  select grantee, privilege_type
  from {{ databricks__information_schema_of(relation.database) }}.table_privileges
  where table_schema = lower({{ databricks__dvt_text(relation.schema) }}) and table_name = lower({{ databricks__dvt_text(relation.identifier) }})
    and inherited_from = 'NONE' and privilege_type <> 'OWN'
{%- endmacro %}

{% macro databricks__get_grant_sql(relation, privilege, grantees) -%}
  grant {{ privilege }} on {{ 'view' if relation.is_view else 'table' }} {{ relation.render() }} to {{ adapter.quote(grantees[0]) }}
{%- endmacro %}

{% macro databricks__get_revoke_sql(relation, privilege, grantees) -%}
  revoke {{ privilege }} on {{ 'view' if relation.is_view else 'table' }} {{ relation.render() }} from {{ adapter.quote(grantees[0]) }}
{%- endmacro %}

{% macro databricks__support_multiple_grantees_per_dcl_statement() -%}
  {%- do return(False) -%}
{%- endmacro %}
