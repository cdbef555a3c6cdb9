{% macro mysql__current_timestamp() -%}
  current_timestamp(6)
{%- endmacro %}

{% macro mysql__snapshot_get_time() -%}
  current_timestamp(6)
{%- endmacro %}

{% macro mysql__snapshot_string_as_time(timestamp) -%}
  {{ return("cast('" ~ timestamp ~ "' as datetime(6))") }}
{%- endmacro %}

{% macro mysql__current_timestamp_backcompat() -%}
  current_timestamp(6)
{%- endmacro %}

{% macro mysql__current_timestamp_in_utc_backcompat() -%}
  utc_timestamp(6)
{%- endmacro %}
