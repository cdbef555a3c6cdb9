{#-- A lake's schemas are folders; `main` is the lake's own folder and is always there. --#}

{% macro filesystem__list_schemas(database) -%}
  {%- do return(run_query('select schema_name from information_schema.schemata order by schema_name')) -%}
{%- endmacro %}

{% macro filesystem__check_schema_exists(information_schema, schema) -%}
  {%- set sql -%}
    select count(*) from information_schema.schemata where schema_name = {{ dvt_literal(schema) }}
  {%- endset -%}
  {%- do return(run_query(sql)) -%}
{%- endmacro %}
