{% macro sqlite__position(substring_text, string_text) %}
  instr({{ string_text }}, {{ substring_text }})
{% endmacro %}

{# SUBSTR counts from the end with a negative number, and a length of zero is the empty text. #}
{% macro sqlite__right(string_text, length_expression) %}
  case when {{ length_expression }} <= 0 then '' else substr({{ string_text }}, -({{ length_expression }})) end
{% endmacro %}

{% macro sqlite__hash(field) -%}
  lower(hex(md5(cast({{ field }} as text))))
{%- endmacro %}

{% macro sqlite__split_part(string_text, delimiter_text, part_number) %}
  split_part({{ string_text }}, {{ delimiter_text }}, {{ part_number }})
{% endmacro %}

{% macro sqlite__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
  {%- if limit_num -%}
    {{ exceptions.raise_compiler_error('listagg with a limit cannot be written for SQLite') }}
  {%- endif -%}
  group_concat({{ measure }}, {{ delimiter_text }}{% if order_by_clause %} {{ order_by_clause }}{% endif %})
{%- endmacro %}

{% macro sqlite__cast_bool_to_text(field) %}
  case when {{ field }} is null then null when {{ field }} then 'true' else 'false' end
{% endmacro %}
