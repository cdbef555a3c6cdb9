{# Strategies that replace rows by key; SQLite has no MERGE and no DELETE … USING. #}

{% macro sqlite__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
  {%- set columns = get_quoted_csv(dest_columns | map(attribute='name')) -%}
  {%- if unique_key %}
    {%- set keys = [unique_key] if unique_key is string else unique_key %}
    delete from {{ target }}
    where exists (
      select 1 from {{ source }} as dbt_source
      where
      {%- for key in keys %}
        dbt_source.{{ key }} = {{ target }}.{{ key }}{% if not loop.last %} and{% endif %}
      {%- endfor %}
    )
    {%- for predicate in incremental_predicates or [] %}
      and {{ predicate }}
    {%- endfor %};
  {%- endif %}

  insert into {{ target }} ({{ columns }})
  select {{ columns }} from {{ source }}
{%- endmacro %}

{% macro sqlite__snapshot_merge_sql(target, source, insert_cols) -%}
  {%- set columns = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
  {%- set insert_cols_csv = insert_cols | join(', ') -%}
  {%- set current_value = config.get('dbt_valid_to_current') %}
  update {{ target }}
  set {{ columns.dbt_valid_to }} = dbt_source.{{ columns.dbt_valid_to }}
  from {{ source }} as dbt_source
  where dbt_source.{{ columns.dbt_scd_id }} = {{ target }}.{{ columns.dbt_scd_id }}
    and dbt_source.dbt_change_type in ('update', 'delete')
    and ({{ target }}.{{ columns.dbt_valid_to }} is null
    {%- if current_value %} or {{ target }}.{{ columns.dbt_valid_to }} = {{ current_value }}{% endif %});

  insert into {{ target }} ({{ insert_cols_csv }})
  select {% for column in insert_cols %}dbt_source.{{ column }}{% if not loop.last %}, {% endif %}{% endfor %}
  from {{ source }} as dbt_source
  where dbt_source.dbt_change_type = 'insert'
{%- endmacro %}
