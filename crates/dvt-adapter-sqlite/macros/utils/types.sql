{# CAST goes by the affinity of the word, and dates are texts: casting to `timestamp` would make a number of a date. #}

{% macro sqlite__type_string() %}text{% endmacro %}
{% macro sqlite__type_timestamp() %}text{% endmacro %}
{% macro sqlite__type_float() %}real{% endmacro %}
{% macro sqlite__type_numeric() %}numeric{% endmacro %}
{% macro sqlite__type_bigint() %}integer{% endmacro %}
{% macro sqlite__type_int() %}integer{% endmacro %}
{% macro sqlite__type_boolean() %}integer{% endmacro %}

{% macro sqlite__cast(field, type) %}
  {%- set base = (type | lower | trim).split('(')[0].split(' ')[0] -%}
  {%- if base in ('date', 'datetime', 'timestamp', 'timestamptz', 'time') -%}
    cast({{ field }} as text)
  {%- else -%}
    cast({{ field }} as {{ type }})
  {%- endif -%}
{% endmacro %}

{% macro sqlite__safe_cast(field, type) %}
  {{ sqlite__cast(field, type) }}
{% endmacro %}
