{# Closes the rows that changed or went, and adds the new ones. #}

{% macro postgres__snapshot_merge_sql(target, source, insert_cols) -%}
  {%- set names = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
  {%- set current = config.get('dbt_valid_to_current') -%}
  update {{ target }}
  set {{ names.dbt_valid_to }} = staged.{{ names.dbt_valid_to }}
  from {{ source }} as staged
  where staged.{{ names.dbt_scd_id }}::text = {{ target }}.{{ names.dbt_scd_id }}::text
    and staged.dbt_change_type::text in ('update', 'delete')
    and (
      {{ target }}.{{ names.dbt_valid_to }} is null
      {%- if current %}
      or {{ target }}.{{ names.dbt_valid_to }} = {{ current }}
      {%- endif %}
    );

  insert into {{ target }} ({{ insert_cols | join(', ') }})
  select {% for column in insert_cols %}staged.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
  from {{ source }} as staged
  where staged.dbt_change_type::text = 'insert';
{%- endmacro %}
