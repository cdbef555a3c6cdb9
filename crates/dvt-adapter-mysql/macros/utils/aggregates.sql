{# ANY_VALUE is not in MariaDB; MIN is one of the values too. #}
{% macro mysql__any_value(expression) -%}
  min({{ expression }})
{%- endmacro %}

{% macro mysql__bool_or(expression) -%}
  max({{ expression }})
{%- endmacro %}

{# Equal, or both NULL. #}
{% macro mysql__equals(expr1, expr2) -%}
  (({{ expr1 }}) <=> ({{ expr2 }}))
{%- endmacro %}

{% macro mysql__array_construct(inputs, data_type) -%}
  {{ exceptions.raise_compiler_error('MySQL has no arrays: array_construct cannot be written; json_array can') }}
{%- endmacro %}

{% macro mysql__array_append(array, new_element) -%}
  {{ exceptions.raise_compiler_error('MySQL has no arrays: array_append cannot be written') }}
{%- endmacro %}

{% macro mysql__array_concat(array_1, array_2) -%}
  {{ exceptions.raise_compiler_error('MySQL has no arrays: array_concat cannot be written') }}
{%- endmacro %}
