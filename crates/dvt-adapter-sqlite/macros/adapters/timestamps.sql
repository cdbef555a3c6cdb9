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

{#-- Times are texts of several forms here, so the newest is looked for among their instants. What is no time is given as it is,
     and named by the check. --#}
{% macro sqlite__collect_freshness(source, loaded_at_field, filter) -%}
  {%- set instant = "strftime('%Y-%m-%d %H:%M:%f', " ~ loaded_at_field ~ ")" -%}
  {%- call statement('collect_freshness', fetch_result=true, auto_begin=false) -%}
    select
      case
        when max(typeof({{ loaded_at_field }}) not in ('text', 'null')) then max({{ loaded_at_field }})
        when count({{ loaded_at_field }}) <> count({{ instant }})
          then max(case when {{ instant }} is null then {{ loaded_at_field }} end)
        else max({{ instant }})
      end as max_loaded_at,
      {{ current_timestamp() }} as snapshotted_at
    from {{ source }}
    {%- if filter %}
    where {{ filter }}
    {%- endif %}
  {%- endcall -%}
  {%- do return(load_result('collect_freshness')) -%}
{%- endmacro %}
