{% macro sqlite__any_value(expression) -%}
  min({{ expression }})
{%- endmacro %}

{% macro sqlite__bool_or(expression) -%}
  max({{ expression }})
{%- endmacro %}

{# Compares NULLs as well. #}
{% macro sqlite__equals(expr1, expr2) -%}
  (({{ expr1 }}) is not distinct from ({{ expr2 }}))
{%- endmacro %}

{% macro sqlite__array_construct(inputs, data_type) -%}
  {{ exceptions.raise_compiler_error('SQLite has no arrays: array_construct cannot be written; json_array can') }}
{%- endmacro %}

{% macro sqlite__array_append(array, new_element) -%}
  {{ exceptions.raise_compiler_error('SQLite has no arrays: array_append cannot be written') }}
{%- endmacro %}

{% macro sqlite__array_concat(array_1, array_2) -%}
  {{ exceptions.raise_compiler_error('SQLite has no arrays: array_concat cannot be written') }}
{%- endmacro %}
