{#-- `{% call set_sql_header(config) %} ... {% endcall %}` puts SQL before a model's own statement. --#}
{% macro set_sql_header(config) -%}
  {{- config.set('sql_header', caller()) -}}
{%- endmacro %}

{#-- The node's own config wins over the command line. --#}
{% macro should_full_refresh() -%}
  {%- set from_config = config.get('full_refresh') -%}
  {%- do return(flags.FULL_REFRESH if from_config is none else from_config) -%}
{%- endmacro %}

{% macro should_store_failures() -%}
  {%- set from_config = config.get('store_failures') -%}
  {%- do return(flags.STORE_FAILURES if from_config is none else from_config) -%}
{%- endmacro %}
