{% macro get_create_index_sql(relation, index_dict) -%}
  {%- do return(adapter.dispatch('get_create_index_sql', 'dbt')(relation, index_dict)) -%}
{%- endmacro %}

{#-- none: this engine has no indexes that dvt makes. --#}
{% macro default__get_create_index_sql(relation, index_dict) -%}
  {%- do return(none) -%}
{%- endmacro %}

{#-- Makes the indexes of the config. --#}
{% macro create_indexes(relation) -%}
  {{- adapter.dispatch('create_indexes', 'dbt')(relation) -}}
{%- endmacro %}

{% macro default__create_indexes(relation) -%}
  {%- for index in config.get('indexes', default=[]) or [] -%}
    {%- set sql = get_create_index_sql(relation, index) -%}
    {%- if sql -%}
      {%- do run_query(sql) -%}
    {%- endif -%}
  {%- endfor -%}
{%- endmacro %}

{% macro get_drop_index_sql(relation, index_name) -%}
  {%- do return(adapter.dispatch('get_drop_index_sql', 'dbt')(relation, index_name)) -%}
{%- endmacro %}

{% macro default__get_drop_index_sql(relation, index_name) -%}
  {%- do exceptions.raise_not_implemented('get_drop_index_sql is not implemented for adapter ' ~ adapter.type()) -%}
{%- endmacro %}

{% macro get_show_indexes_sql(relation) -%}
  {%- do return(adapter.dispatch('get_show_indexes_sql', 'dbt')(relation)) -%}
{%- endmacro %}

{% macro default__get_show_indexes_sql(relation) -%}
  {%- do exceptions.raise_not_implemented('get_show_indexes_sql is not implemented for adapter ' ~ adapter.type()) -%}
{%- endmacro %}
