{# Strategies that replace rows by key. A temporary table may be named once in a statement, which these keep to. #}

{% macro mysql__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
  {%- set columns = get_quoted_csv(dest_columns | map(attribute='name')) -%}
  {%- if unique_key %}
    {%- set keys = [unique_key] if unique_key is string else unique_key %}
    delete dbt_target from {{ target }} as dbt_target
    inner join {{ source }} as dbt_source on
    {%- for key in keys %}
      dbt_source.{{ key }} = dbt_target.{{ key }}{% if not loop.last %} and{% endif %}
    {%- endfor %}
    {%- if incremental_predicates %}
    where
      {%- for predicate in incremental_predicates %}
      {{ predicate }}{% if not loop.last %} and{% endif %}
      {%- endfor %}
    {%- endif %};
  {%- endif %}

  insert into {{ target }} ({{ columns }})
  select {{ columns }} from {{ source }}
{%- endmacro %}

{% macro mysql__snapshot_merge_sql(target, source, insert_cols) -%}
  {%- set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
  {%- set insert_cols_csv = insert_cols | join(', ') -%}
  {%- set current_value = config.get('dbt_valid_to_current') %}
  update {{ target }} as dbt_target
  inner join {{ source }} as dbt_source on dbt_source.{{ columns.dbt_scd_id }} = dbt_target.{{ columns.dbt_scd_id }}
  set dbt_target.{{ columns.dbt_valid_to }} = dbt_source.{{ columns.dbt_valid_to }}
  where dbt_source.dbt_change_type in ('update', 'delete')
    and (dbt_target.{{ columns.dbt_valid_to }} is null
    {%- if current_value %} or dbt_target.{{ columns.dbt_valid_to }} = {{ current_value }}{% endif %});

  insert into {{ target }} ({{ insert_cols_csv }})
  select {% for column in insert_cols %}dbt_source.{{ column }}{% if not loop.last %}, {% endif %}{% endfor %}
  from {{ source }} as dbt_source
  where dbt_source.dbt_change_type = 'insert'
{%- endmacro %}
