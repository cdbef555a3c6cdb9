{% macro sqlite__current_timestamp() -%}
  strftime('%Y-%m-%d %H:%M:%f', 'now')
{%- endmacro %}

{% macro sqlite__snapshot_get_time() -%}
  strftime('%Y-%m-%d %H:%M:%f', 'now')
{%- endmacro %}

{% macro sqlite__snapshot_string_as_time(timestamp) -%}
  {{ return("'" ~ timestamp ~ "'") }}
{%- endmacro %}

{% macro sqlite__current_timestamp_backcompat() -%}
  {{ sqlite__current_timestamp() }}
{%- endmacro %}

{% macro sqlite__current_timestamp_in_utc_backcompat() -%}
  {{ sqlite__current_timestamp() }}
{%- endmacro %}
