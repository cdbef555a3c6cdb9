{#- Names of the lake's types, and the time. -#}

{% macro filesystem__type_string() %}{{ return('varchar') }}{% endmacro %}

{% macro filesystem__type_timestamp() %}{{ return('timestamp') }}{% endmacro %}

{% macro filesystem__type_float() %}{{ return('double') }}{% endmacro %}

{% macro filesystem__type_numeric() %}{{ return('decimal(28,6)') }}{% endmacro %}

{% macro filesystem__type_bigint() %}{{ return('bigint') }}{% endmacro %}

{% macro filesystem__type_int() %}{{ return('integer') }}{% endmacro %}

{% macro filesystem__type_boolean() %}{{ return('boolean') }}{% endmacro %}

{% macro filesystem__current_timestamp() -%}
  now()
{%- endmacro %}

{% macro filesystem__snapshot_string_as_time(timestamp) -%}
  {{ return("cast('" ~ timestamp ~ "' as timestamp)") }}
{%- endmacro %}

{% macro filesystem__snapshot_get_time() -%}
  cast(now() as timestamp)
{%- endmacro %}

{% macro filesystem__current_timestamp_backcompat() -%}
  cast(now() as timestamp)
{%- endmacro %}

{% macro filesystem__current_timestamp_in_utc_backcompat() -%}
  cast(now() as timestamp)
{%- endmacro %}
