{#- What is in a schema, and what a relation's columns are, by the lake's information_schema. -#}

{% macro filesystem__list_relations_without_caching(schema_relation) %}
  {% call statement('list_relations_without_caching', fetch_result=True, auto_begin=False) %}
    select
      cast(null as varchar) as database,
      table_name as name,
      table_schema as schema,
      case table_type when 'VIEW' then 'view' else 'table' end as type
    from information_schema.tables
    where table_schema = '{{ schema_relation.schema | replace("'", "''") }}'
    order by table_name
  {% endcall %}
  {{ return(load_result('list_relations_without_caching').table) }}
{% endmacro %}

{% macro filesystem__get_columns_in_relation(relation) %}
  {% call statement('get_columns_in_relation', fetch_result=True, auto_begin=False) %}
    select
      column_name,
      data_type,
      character_maximum_length,
      numeric_precision,
      numeric_scale
    from information_schema.columns
    where table_schema = '{{ relation.schema | replace("'", "''") }}'
      and table_name = '{{ relation.identifier | replace("'", "''") }}'
    order by ordinal_position
  {% endcall %}
  {{ return(sql_convert_columns_in_relation(load_result('get_columns_in_relation').table)) }}
{% endmacro %}

{#- The kind is part of the statement: a view is never dropped as a table. -#}
{% macro filesystem__drop_relation(relation) %}
  {%- call statement('drop_relation', auto_begin=False) -%}
    drop {{ 'view' if relation.type == 'view' else 'table' }} if exists {{ relation }}
  {%- endcall -%}
{% endmacro %}

{% macro filesystem__truncate_relation(relation) %}
  {%- call statement('truncate_relation') -%}
    truncate table {{ relation }}
  {%- endcall -%}
{% endmacro %}

{% macro filesystem__rename_relation(from_relation, to_relation) %}
  {%- call statement('rename_relation') -%}
    alter table {{ from_relation }} rename to {{ to_relation }}
  {%- endcall -%}
{% endmacro %}
