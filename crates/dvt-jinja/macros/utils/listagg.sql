{% macro listagg(measure, delimiter_text="','", order_by_clause=none, limit_num=none) -%}
  {{ return(adapter.dispatch('listagg', 'dbt')(measure, delimiter_text, order_by_clause, limit_num)) }}
{%- endmacro %}

{% macro default__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
  {%- set all_of_it -%}
    listagg({{ measure }}, {{ delimiter_text }}){% if order_by_clause %} within group ({{ order_by_clause }}){% endif %}
  {%- endset -%}
  {%- if limit_num -%}
    {%- set picked -%}
      array_agg({{ measure }}){% if order_by_clause %} within group ({{ order_by_clause }}){% endif %}
    {%- endset -%}
    array_to_string(array_slice({{ picked }}, 0, {{ limit_num }}), {{ delimiter_text }})
  {%- else -%}
    {{ all_of_it }}
  {%- endif -%}
{%- endmacro %}
