{# How rows of a run get into a table that is there. Data definition before them has ended any transaction, so each of these
   has a transaction of its own. #}

{% macro snowflake__dvt_in_transaction(dml) -%}
  begin;
  {{ dml }};
  commit;
{%- endmacro %}

{% macro snowflake__get_incremental_default_sql(arg_dict) -%}
  {%- do return(get_incremental_merge_sql(arg_dict)) -%}
{%- endmacro %}

{% macro snowflake__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
  {%- set names = dest_columns | map(attribute='quoted') | list -%}
  {%- set header = config.get('sql_header', none) or '' -%}
  {%- if not unique_key -%}
    {%- set dml -%}
      {{ header }}
      insert into {{ target }} ({{ names | join(', ') }})
      select {{ names | join(', ') }} from {{ source }}
    {%- endset -%}
    {%- do return(snowflake__dvt_in_transaction(dml)) -%}
  {%- endif -%}
  {%- set conditions = dvt_merge_conditions(unique_key, incremental_predicates) -%}
  {%- set updated = get_merge_update_columns(config.get('merge_update_columns'), config.get('merge_exclude_columns'), dest_columns) -%}
  {%- set dml -%}
    {{ header }}
    merge into {{ target }} as DBT_INTERNAL_DEST
    using {{ source }} as DBT_INTERNAL_SOURCE
    on ({{ conditions | join(') and (') }})
    {%- if updated %}
    when matched then update set
      {%- for column in updated %}
      {{ column }} = DBT_INTERNAL_SOURCE.{{ column }}{{ ',' if not loop.last }}
      {%- endfor %}
    {%- endif %}
    when not matched then insert ({{ names | join(', ') }})
    values ({% for name in names %}DBT_INTERNAL_SOURCE.{{ name }}{{ ', ' if not loop.last }}{% endfor %})
  {%- endset -%}
  {%- do return(snowflake__dvt_in_transaction(dml)) -%}
{%- endmacro %}

{% macro snowflake__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
  {%- set dml = default__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
  {%- do return(snowflake__dvt_in_transaction(dml | trim | trim(';'))) -%}
{%- endmacro %}

{% macro snowflake__get_incremental_append_sql(arg_dict) -%}
  {%- set dml = get_insert_into_sql(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['dest_columns']) -%}
  {%- do return(snowflake__dvt_in_transaction(dml | trim | trim(';'))) -%}
{%- endmacro %}

{# All rows give way, in one step. #}
{% macro snowflake__get_incremental_insert_overwrite_sql(arg_dict) -%}
  {%- set names = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') %}
  insert overwrite into {{ arg_dict['target_relation'] }} ({{ names }})
  select {{ names }} from {{ arg_dict['temp_relation'] }}
{%- endmacro %}

{# The rows of the batch's time give way to those of the run. #}
{% macro snowflake__get_incremental_microbatch_sql(arg_dict) -%}
  {%- set dml -%}
    delete from {{ arg_dict['target_relation'] }} as DBT_INTERNAL_DEST
    where {{ dvt_batch_condition('DBT_INTERNAL_DEST') }};
    {{ get_insert_into_sql(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['dest_columns']) }}
  {%- endset -%}
  {%- do return(snowflake__dvt_in_transaction(dml | trim | trim(';'))) -%}
{%- endmacro %}

{% macro snowflake__snapshot_merge_sql(target, source, insert_cols) -%}
  {%- set names = dvt_snapshot_columns() -%}
  {%- set end = 'DBT_INTERNAL_DEST.' ~ names.dbt_valid_to -%}
  {%- set current = config.get('dbt_valid_to_current') -%}
  {%- set dml -%}
    merge into {{ target }} as DBT_INTERNAL_DEST
    using {{ source }} as DBT_INTERNAL_SOURCE
    on DBT_INTERNAL_SOURCE.{{ names.dbt_scd_id }} = DBT_INTERNAL_DEST.{{ names.dbt_scd_id }}
    when matched and ({{ end }} is null{% if current %} or {{ end }} = {{ current }}{% endif %})
      and DBT_INTERNAL_SOURCE.dbt_change_type in ('update', 'delete')
      then update set {{ names.dbt_valid_to }} = DBT_INTERNAL_SOURCE.{{ names.dbt_valid_to }}
    when not matched and DBT_INTERNAL_SOURCE.dbt_change_type = 'insert'
      then insert ({{ insert_cols | join(', ') }})
      values ({% for column in insert_cols %}DBT_INTERNAL_SOURCE.{{ column }}{{ ', ' if not loop.last }}{% endfor %})
  {%- endset -%}
  {%- do return(snowflake__dvt_in_transaction(dml)) -%}
{%- endmacro %}

{% macro snowflake__seed_column_type(kind, scale) -%}
  {%- set types = {
    'text': 'varchar', 'integer': 'number(38,0)', 'bigint': 'number(38,0)', 'boolean': 'boolean', 'date': 'date',
    'datetime': 'timestamp_ntz', 'time': 'time',
  } -%}
  {%- if kind == 'number' -%}
    {{ return('float' if scale else 'number(38,0)') }}
  {%- endif -%}
  {{ return(types[kind]) }}
{%- endmacro %}
