{% macro mysql__seed_column_type(kind, scale) -%}
  {%- set types = {
    'text': 'longtext', 'integer': 'int', 'bigint': 'bigint', 'boolean': 'boolean', 'date': 'date',
    'datetime': 'datetime(6)', 'time': 'time(6)',
  } -%}
  {%- if kind == 'number' -%}
    {{ return('double' if scale else 'bigint') }}
  {%- endif -%}
  {{ return(types[kind]) }}
{%- endmacro %}
