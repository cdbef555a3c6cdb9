{% macro is_core_v2() -%}
  {%- do return(false) -%}
{%- endmacro %}
