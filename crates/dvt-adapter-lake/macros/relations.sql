{#-- What is in a schema, and what a relation's columns are, by the lake's information_schema. --#}

{% macro filesystem__list_relations_without_caching(schema_relation) -%}
  {%- set sql -%}
    select
      cast(null as string) as "database",
      table_name as "name",
      table_schema as "schema",
      case table_type when 'VIEW' then 'view' else 'table' end as "type"
    from information_schema.tables
    where table_schema = {{ dvt_literal(schema_relation.schema) }}
    order by table_name
  {%- endset -%}
  {%- do return(run_query(sql)) -%}
{%- endmacro %}

{#-- A lake's type text is complete: `decimal(10,2)`, `varchar(25)`. --#}
{% macro filesystem__get_columns_in_relation(relation) -%}
  {%- set sql -%}
    select column_name, data_type
    from information_schema.columns
    where table_schema = {{ dvt_literal(relation.schema) }} and table_name = {{ dvt_literal(relation.identifier) }}
    order by ordinal_position
  {%- endset -%}
  {%- set columns = [] -%}
  {%- for row in run_query(sql) -%}
    {%- do columns.append(api.Column(row[0], row[1])) -%}
  {%- endfor -%}
  {%- do return(columns) -%}
{%- endmacro %}

{#-- Views are renamed as tables are. --#}
{% macro filesystem__get_rename_view_sql(relation, new_name) -%}
  alter table {{ relation.render() }} rename to {{ adapter.quote(new_name) }}
{%- endmacro %}

{% macro filesystem__rename_relation(from_relation, to_relation) -%}
  {%- call statement('rename_relation') -%}
    alter table {{ from_relation }} rename to {{ to_relation }}
  {%- endcall -%}
{%- endmacro %}

{#-- A lake has no grants: the file system has the permissions. --#}
{% macro filesystem__copy_grants() -%}
  {%- do return(false) -%}
{%- endmacro %}
