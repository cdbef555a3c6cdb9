{# Strategies that replace rows by key. A temporary table may be named once in a statement, which these keep to. DDL (of a
   hook, or of a change of columns) may have ended the transaction that the session thinks is open: each opens its own. #}

{% macro mysql__get_incremental_default_sql(arg_dict) -%}
  {%- if arg_dict['unique_key'] -%}
    {%- do return(get_incremental_delete_insert_sql(arg_dict)) -%}
  {%- endif -%}
  {%- do return(get_incremental_append_sql(arg_dict)) -%}
{%- endmacro %}

{% macro mysql__key_condition(keys) -%}
  {%- for key in keys -%}
    DBT_INTERNAL_SOURCE.{{ key }} = DBT_INTERNAL_DEST.{{ key }}{{ ' and ' if not loop.last }}
  {%- endfor -%}
{%- endmacro %}

{% macro mysql__get_insert_into_sql(target_relation, temp_relation, dest_columns) -%}
  {%- set columns = get_quoted_csv(dest_columns | map(attribute='name')) -%}
  insert into {{ target_relation }} ({{ columns }})
  select {{ columns }} from {{ temp_relation }}
{%- endmacro %}

{% macro mysql__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
  {%- set keys = dvt_key_columns(unique_key) -%}
  {%- if keys %}
  start transaction;
  delete DBT_INTERNAL_DEST from {{ target }} as DBT_INTERNAL_DEST
  inner join (select distinct {{ keys | join(', ') }} from {{ source }}) as DBT_INTERNAL_SOURCE
    on {{ mysql__key_condition(keys) }}
  where true
  {%- for predicate in incremental_predicates or [] %}
    and {{ predicate }}
  {%- endfor %};
  {%- endif %}
  {{ get_insert_into_sql(target, source, dest_columns) }}
{%- endmacro %}

{# New rows first, then the changes: what the first part sees of the table is what MERGE would see. #}
{% macro mysql__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
  {%- set keys = dvt_key_columns(unique_key) -%}
  {%- if not keys -%}
    {{ get_insert_into_sql(target, source, dest_columns) }}
  {%- else -%}
  {%- do dvt_refuse_repeated_keys(target, source, keys) -%}
  {%- set condition = '(' ~ dvt_merge_conditions(unique_key, incremental_predicates) | join(') and (') ~ ')' -%}
  {%- set updated = get_merge_update_columns(config.get('merge_update_columns'), config.get('merge_exclude_columns'), dest_columns) -%}
  {%- set columns = get_quoted_csv(dest_columns | map(attribute='name')) %}
  start transaction;
  insert into {{ target }} ({{ columns }})
  select {{ columns }} from {{ source }} as DBT_INTERNAL_SOURCE
  where not exists (select 1 from {{ target }} as DBT_INTERNAL_DEST where {{ condition }});
  {%- if updated %}
  update {{ target }} as DBT_INTERNAL_DEST
  inner join {{ source }} as DBT_INTERNAL_SOURCE on {{ condition }}
  set
    {%- for column in updated %}
    DBT_INTERNAL_DEST.{{ column }} = DBT_INTERNAL_SOURCE.{{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
  {%- endif %}
  {%- endif -%}
{%- endmacro %}

{# The rows of the batch's time give way to those of the run. #}
{% macro mysql__get_incremental_microbatch_sql(arg_dict) %}
  start transaction;
  delete DBT_INTERNAL_DEST from {{ arg_dict['target_relation'] }} as DBT_INTERNAL_DEST
  where {{ dvt_batch_condition('DBT_INTERNAL_DEST') }};
  {{ get_insert_into_sql(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['dest_columns']) }}
{%- endmacro %}

{% macro mysql__snapshot_hash_arguments(args) -%}
  {%- set texts = [] -%}
  {%- for arg in args -%}
    {%- do texts.append("coalesce(cast(" ~ arg ~ " as char), '')") -%}
  {%- endfor -%}
  md5(concat_ws('|', {{ texts | join(', ') }}))
{%- endmacro %}

{% macro mysql__snapshot_merge_sql(target, source, insert_cols) -%}
  {%- set names = dvt_snapshot_columns() -%}
  {%- set end = 'DBT_INTERNAL_DEST.' ~ names.dbt_valid_to -%}
  {%- set current = config.get('dbt_valid_to_current') %}
  start transaction;
  update {{ target }} as DBT_INTERNAL_DEST
  inner join {{ source }} as DBT_INTERNAL_SOURCE
    on DBT_INTERNAL_SOURCE.{{ names.dbt_scd_id }} = DBT_INTERNAL_DEST.{{ names.dbt_scd_id }}
  set {{ end }} = DBT_INTERNAL_SOURCE.{{ names.dbt_valid_to }}
  where DBT_INTERNAL_SOURCE.dbt_change_type in ('update', 'delete')
    and ({{ end }} is null{% if current %} or {{ end }} = {{ current }}{% endif %});

  insert into {{ target }} ({{ insert_cols | join(', ') }})
  select {% for column in insert_cols %}DBT_INTERNAL_SOURCE.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
  from {{ source }} as DBT_INTERNAL_SOURCE
  where DBT_INTERNAL_SOURCE.dbt_change_type = 'insert'
{%- endmacro %}

{# A session keeps its temporary tables, and it may be used again. #}
{% macro mysql__dvt_drop_temp_relation(temp_relation) -%}
  {%- call statement('drop_temp_relation', auto_begin=False) -%}
    drop temporary table if exists {{ temp_relation }}
  {%- endcall -%}
{%- endmacro %}

{# One word is missing in MySQL's language: functions are made by other statements there. #}
{% macro mysql__scalar_function_sql(target_relation) %}
  drop function if exists {{ target_relation }};
  create function {{ target_relation }} ({{ formatted_scalar_function_args_sql() | trim }})
  returns {{ model.returns.data_type }}
  {{ 'deterministic' if model.config.get('volatility') == 'deterministic' else 'not deterministic' }} reads sql data
  return ({{ model.compiled_code }})
{%- endmacro %}
