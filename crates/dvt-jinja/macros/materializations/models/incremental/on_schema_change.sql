{#-- What an incremental model does when its query's columns are no longer those of its table. --#}

{% macro incremental_validate_on_schema_change(on_schema_change, default='ignore') -%}
  {%- if on_schema_change in ['sync_all_columns', 'append_new_columns', 'fail', 'ignore'] -%}
    {%- do return(on_schema_change) -%}
  {%- endif -%}
  {{- log('Invalid value for on_schema_change (' ~ on_schema_change ~ ') specified. Setting default value of ' ~ default ~ '.') -}}
  {%- do return(default) -%}
{%- endmacro %}

{#-- The differences between the columns of the new rows and those of the table. --#}
{% macro check_for_schema_changes(source_relation, target_relation) -%}
  {%- do return(adapter.dispatch('check_for_schema_changes', 'dbt')(source_relation, target_relation)) -%}
{%- endmacro %}

{% macro default__check_for_schema_changes(source_relation, target_relation) -%}
  {%- set source_columns = adapter.get_columns_in_relation(source_relation) -%}
  {%- set target_columns = adapter.get_columns_in_relation(target_relation) -%}
  {%- set added = diff_columns(source_columns, target_columns) -%}
  {%- set removed = diff_columns(target_columns, source_columns) -%}
  {%- set retyped = diff_column_data_types(source_columns, target_columns) -%}
  {%- set changes = {
    'schema_changed': (added or removed or retyped) | length > 0,
    'source_not_in_target': added,
    'target_not_in_source': removed,
    'source_columns': source_columns,
    'target_columns': target_columns,
    'new_target_types': retyped,
  } -%}
  {{- log('In ' ~ target_relation ~ ':\n' ~ dvt_schema_changes_text(changes)) -}}
  {%- do return(changes) -%}
{%- endmacro %}

{% macro dvt_schema_changes_text(changes) -%}
  {%- do return(
    '    Schema changed: ' ~ changes['schema_changed'] ~
    '\n    Source columns not in target: ' ~ changes['source_not_in_target'] ~
    '\n    Target columns not in source: ' ~ changes['target_not_in_source'] ~
    '\n    New column types: ' ~ changes['new_target_types']
  ) -%}
{%- endmacro %}

{% macro sync_column_schemas(on_schema_change, target_relation, schema_changes_dict) -%}
  {{- adapter.dispatch('sync_column_schemas', 'dbt')(on_schema_change, target_relation, schema_changes_dict) -}}
{%- endmacro %}

{% macro default__sync_column_schemas(on_schema_change, target_relation, schema_changes_dict) -%}
  {%- set syncs_all = on_schema_change == 'sync_all_columns' -%}
  {%- set added = schema_changes_dict['source_not_in_target'] if syncs_all or on_schema_change == 'append_new_columns' else [] -%}
  {%- set removed = schema_changes_dict['target_not_in_source'] if syncs_all else [] -%}
  {%- set retyped = schema_changes_dict['new_target_types'] if syncs_all else [] -%}
  {%- if added or removed -%}
    {%- do alter_relation_add_remove_columns(target_relation, added or none, removed or none) -%}
  {%- endif -%}
  {%- for column in retyped -%}
    {%- do alter_column_type(target_relation, column['column_name'], column['new_type']) -%}
  {%- endfor -%}
  {{- log('In ' ~ target_relation ~ ':\n    Schema change approach: ' ~ on_schema_change ~ '\n    Columns added: ' ~ added
          ~ '\n    Columns removed: ' ~ removed ~ '\n    Data types changed: ' ~ retyped) -}}
{%- endmacro %}

{#-- Brings the table's columns in line, or stops. Gives the columns that are written, {} for those of the table. --#}
{% macro process_schema_changes(on_schema_change, source_relation, target_relation) -%}
  {%- do return(adapter.dispatch('process_schema_changes', 'dbt')(on_schema_change, source_relation, target_relation)) -%}
{%- endmacro %}

{% macro default__process_schema_changes(on_schema_change, source_relation, target_relation) -%}
  {%- if on_schema_change == 'ignore' -%}
    {%- do return({}) -%}
  {%- endif -%}
  {%- set changes = check_for_schema_changes(source_relation, target_relation) -%}
  {%- if changes['schema_changed'] and on_schema_change == 'fail' -%}
    {%- do exceptions.raise_compiler_error(
      'The source and target schemas on this incremental model are out of sync!\n'
      ~ 'They can be reconciled in several ways:\n'
      ~ '  - set the `on_schema_change` config to either append_new_columns or sync_all_columns, depending on your situation.\n'
      ~ '  - Re-run the incremental model with `full_refresh: True` to update the target schema.\n'
      ~ '  - update the schema manually and re-run the process.\n\n'
      ~ 'Additional troubleshooting context:\n'
      ~ dvt_schema_changes_text(changes)
    ) -%}
  {%- elif changes['schema_changed'] -%}
    {%- do sync_column_schemas(on_schema_change, target_relation, changes) -%}
  {%- endif -%}
  {%- do return(changes['source_columns']) -%}
{%- endmacro %}
