{#-- Names of the lake's types, and the time. --#}

{% macro filesystem__type_string() -%}
  {%- do return('string') -%}
{%- endmacro %}

{% macro filesystem__type_timestamp() -%}
  {%- do return('timestamp') -%}
{%- endmacro %}

{% macro filesystem__type_float() -%}
  {%- do return('double') -%}
{%- endmacro %}

{% macro filesystem__type_numeric() -%}
  {%- do return('decimal(28,6)') -%}
{%- endmacro %}

{% macro filesystem__seed_column_type(kind, scale) -%}
  {%- set types = {
    'text': 'string', 'integer': 'integer', 'bigint': 'bigint', 'boolean': 'boolean', 'date': 'date',
    'datetime': 'timestamp', 'time': 'time', 'number': 'double' if scale else 'integer',
  } -%}
  {%- do return(types[kind]) -%}
{%- endmacro %}

{% macro filesystem__current_timestamp() -%}
  now()
{%- endmacro %}

{% macro filesystem__snapshot_get_time() -%}
  cast(now() as timestamp)
{%- endmacro %}

{% macro filesystem__current_timestamp_backcompat() -%}
  cast(now() as timestamp)
{%- endmacro %}
