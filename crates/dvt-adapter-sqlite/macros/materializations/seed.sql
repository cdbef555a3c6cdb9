{% macro sqlite__seed_column_type(kind, scale) -%}
  {%- set types = {
    'text': 'text', 'integer': 'integer', 'bigint': 'bigint', 'boolean': 'boolean', 'date': 'date',
    'datetime': 'timestamp', 'time': 'time',
  } -%}
  {%- if kind == 'number' -%}
    {{ return('double' if scale else 'bigint') }}
  {%- endif -%}
  {{ return(types[kind]) }}
{%- endmacro %}
