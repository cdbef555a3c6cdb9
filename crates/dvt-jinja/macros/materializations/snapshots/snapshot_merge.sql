{#-- Closes the versions that changed or went, and adds the new ones. --#}
{% macro snapshot_merge_sql(target, source, insert_cols) -%}
  {{- adapter.dispatch('snapshot_merge_sql', 'dbt')(target, source, insert_cols) -}}
{%- endmacro %}

{% macro default__snapshot_merge_sql(target, source, insert_cols) -%}
  {%- set names = dvt_snapshot_columns() -%}
  {%- set columns = insert_cols | join(', ') -%}
  {%- set end = 'DBT_INTERNAL_DEST.' ~ names.dbt_valid_to -%}
  {%- set current = config.get('dbt_valid_to_current') -%}
  merge into {{ target.render() }} as DBT_INTERNAL_DEST
  using {{ source }} as DBT_INTERNAL_SOURCE
  on DBT_INTERNAL_SOURCE.{{ names.dbt_scd_id }} = DBT_INTERNAL_DEST.{{ names.dbt_scd_id }}
  when matched
    and ({{ end }} is null{% if current %} or {{ equals(end, current) | trim }}{% endif %})
    and DBT_INTERNAL_SOURCE.dbt_change_type in ('update', 'delete')
  then update set {{ names.dbt_valid_to }} = DBT_INTERNAL_SOURCE.{{ names.dbt_valid_to }}
  when not matched and DBT_INTERNAL_SOURCE.dbt_change_type = 'insert'
  then insert ({{ columns }})
  values ({{ columns }})
{%- endmacro %}
