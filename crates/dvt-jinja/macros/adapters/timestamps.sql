{%- macro current_timestamp() -%}
  {{- adapter.dispatch('current_timestamp', 'dbt')() -}}
{%- endmacro -%}

{%- macro default__current_timestamp() -%}
  current_timestamp
{%- endmacro -%}

{%- macro snapshot_get_time() -%}
  {{- adapter.dispatch('snapshot_get_time', 'dbt')() -}}
{%- endmacro -%}

{%- macro default__snapshot_get_time() -%}
  {{- current_timestamp() -}}
{%- endmacro -%}

{#-- The type of what snapshot_get_time() gives. --#}
{%- macro get_snapshot_get_time_data_type() -%}
  {%- set columns = get_column_schema_from_query('select ' ~ snapshot_get_time() ~ ' as dbt_snapshot_time') -%}
  {%- do return(columns[0].dtype or none) -%}
{%- endmacro -%}

{%- macro current_timestamp_backcompat() -%}
  {{- adapter.dispatch('current_timestamp_backcompat', 'dbt')() -}}
{%- endmacro -%}

{%- macro default__current_timestamp_backcompat() -%}
  current_timestamp::timestamp
{%- endmacro -%}

{%- macro current_timestamp_in_utc_backcompat() -%}
  {{- adapter.dispatch('current_timestamp_in_utc_backcompat', 'dbt')() -}}
{%- endmacro -%}

{%- macro default__current_timestamp_in_utc_backcompat() -%}
  {{- current_timestamp_backcompat() -}}
{%- endmacro -%}
