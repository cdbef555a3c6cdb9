{#--
  Incremental models and snapshots. Every change of rows is one commit that writes the table anew (`insert overwrite`), so
  that readers see the old rows or the new ones and nothing is half done when a run dies.
--#}

{% macro filesystem__get_incremental_default_sql(arg_dict) -%}
  {%- if arg_dict['unique_key'] -%}
    {%- do return(get_incremental_delete_insert_sql(arg_dict)) -%}
  {%- endif -%}
  {%- do return(get_incremental_append_sql(arg_dict)) -%}
{%- endmacro %}

{#-- The new rows in the order of the table's columns; NULL for a column that they do not have. --#}
{% macro filesystem__new_rows(target, source, dest_columns, alias) -%}
  {%- set given = dest_columns | map(attribute='name') | list -%}
  select
  {%- for column in adapter.get_columns_in_relation(target) %}
    {{ (alias ~ '.' ~ adapter.quote(column.name)) if column.name in given else 'null' }} as {{ adapter.quote(column.name) }}{{ ',' if not loop.last }}
  {%- endfor %}
  from {{ source }} as {{ alias }}
{%- endmacro %}

{% macro filesystem__key_condition(keys) -%}
  {%- for key in keys -%}
    DBT_INTERNAL_SOURCE.{{ key }} = DBT_INTERNAL_DEST.{{ key }}{{ ' and ' if not loop.last }}
  {%- endfor -%}
{%- endmacro %}

{% macro filesystem__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
  {%- set keys = dvt_key_columns(unique_key) -%}
  {%- if not keys -%}
    {{ get_insert_into_sql(target, source, dest_columns) }}
  {%- else %}
  insert overwrite table {{ target }}
  select DBT_INTERNAL_DEST.*
  from {{ target }} as DBT_INTERNAL_DEST
  left join (select distinct {{ keys | join(', ') }}, true as dbt_comes_again from {{ source }}) as DBT_INTERNAL_SOURCE
    on {{ filesystem__key_condition(keys) }}
  where (
    DBT_INTERNAL_SOURCE.dbt_comes_again
    {%- for predicate in incremental_predicates or [] %}
    and ({{ predicate }})
    {%- endfor %}
  ) is not true
  union all
  {{ filesystem__new_rows(target, source, dest_columns, 'DBT_INTERNAL_SOURCE') }}
  {%- endif -%}
{%- endmacro %}

{% macro filesystem__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
  {%- set keys = dvt_key_columns(unique_key) -%}
  {%- if not keys -%}
    {{ get_insert_into_sql(target, source, dest_columns) }}
  {%- else -%}
    {%- set condition = '(' ~ dvt_merge_conditions(unique_key, incremental_predicates) | join(') and (') ~ ')' -%}
    {%- do dvt_refuse_repeated_keys(target, source, keys) -%}
    {%- set updated = get_merge_update_columns(config.get('merge_update_columns'), config.get('merge_exclude_columns'), dest_columns)
                      | map('replace', '"', '') | map('lower') | list -%}
    {%- set given = dest_columns | map(attribute='name') | list %}
  insert overwrite table {{ target }}
  select
    {%- for column in adapter.get_columns_in_relation(target) %}
    {%- set name = adapter.quote(column.name) %}
    {% if column.name in given and column.name | lower in updated -%}
      case when DBT_INTERNAL_SOURCE.dbt_comes_again then DBT_INTERNAL_SOURCE.{{ name }} else DBT_INTERNAL_DEST.{{ name }} end
    {%- else -%}
      DBT_INTERNAL_DEST.{{ name }}
    {%- endif %} as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
  from {{ target }} as DBT_INTERNAL_DEST
  left join (select *, true as dbt_comes_again from {{ source }}) as DBT_INTERNAL_SOURCE
    on {{ condition }}
  union all
  {{ filesystem__new_rows(target, source, dest_columns, 'DBT_INTERNAL_SOURCE') }}
  left anti join {{ target }} as DBT_INTERNAL_DEST on {{ condition }}
  {%- endif -%}
{%- endmacro %}

{#-- The rows of the batch's time give way to those of the run. --#}
{% macro filesystem__get_incremental_microbatch_sql(arg_dict) -%}
  {%- set target = arg_dict['target_relation'] -%}
  {%- set batch = dvt_batch_condition('DBT_INTERNAL_DEST') | trim %}
  insert overwrite table {{ target }}
  select DBT_INTERNAL_DEST.*
  from {{ target }} as DBT_INTERNAL_DEST
  where ({{ batch }}) is not true
  union all
  {{ filesystem__new_rows(target, arg_dict['temp_relation'], arg_dict['dest_columns'], 'DBT_INTERNAL_SOURCE') }}
{%- endmacro %}

{#-- Nothing of a table but the rows that come is kept; `incremental_predicates` say which rows give way. --#}
{% macro filesystem__get_insert_overwrite_merge_sql(target, source, dest_columns, predicates, include_sql_header) %}
  insert overwrite table {{ target }}
  {%- if predicates %}
  select DBT_INTERNAL_DEST.*
  from {{ target }} as DBT_INTERNAL_DEST
  where ({{ predicates | join(' and ') }}) is not true
  union all
  {%- endif %}
  {{ filesystem__new_rows(target, source, dest_columns, 'DBT_INTERNAL_SOURCE') }}
{%- endmacro %}

{% macro filesystem__snapshot_merge_sql(target, source, insert_cols) %}
  {%- set names = dvt_snapshot_columns() -%}
  {%- set end = 'DBT_INTERNAL_DEST.' ~ names.dbt_valid_to -%}
  {%- set current = config.get('dbt_valid_to_current') %}
  insert overwrite table {{ target }}
  select
    {%- for column in adapter.get_columns_in_relation(target) %}
    {%- set name = adapter.quote(column.name) %}
    {% if column.name | lower == names.dbt_valid_to | lower -%}
      case
        when DBT_INTERNAL_SOURCE.{{ names.dbt_scd_id }} is not null
          and ({{ end }} is null{% if current %} or {{ end }} = {{ current }}{% endif %})
        then DBT_INTERNAL_SOURCE.{{ name }} else DBT_INTERNAL_DEST.{{ name }}
      end as {{ name }}
    {%- else -%}
      DBT_INTERNAL_DEST.{{ name }}
    {%- endif %}{{ ',' if not loop.last }}
    {%- endfor %}
  from {{ target }} as DBT_INTERNAL_DEST
  left join (
    select distinct {{ names.dbt_scd_id }}, {{ names.dbt_valid_to }}
    from {{ source }} where dbt_change_type in ('update', 'delete')
  ) as DBT_INTERNAL_SOURCE on DBT_INTERNAL_SOURCE.{{ names.dbt_scd_id }} = DBT_INTERNAL_DEST.{{ names.dbt_scd_id }}
  union all
  select
    {%- for column in adapter.get_columns_in_relation(target) %}
    {%- set name = adapter.quote(column.name) %}
    {{ name if name in insert_cols else 'null as ' ~ name }}{{ ',' if not loop.last }}
    {%- endfor %}
  from {{ source }} where dbt_change_type = 'insert'
{%- endmacro %}

{% macro filesystem__snapshot_string_as_time(timestamp) -%}
  {%- do return("cast('" ~ timestamp ~ "' as timestamp)") -%}
{%- endmacro %}

{#-- A temporary table is an ordinary one here; what a run that died left is replaced. --#}
{% macro filesystem__dvt_drop_temp_relation(temp_relation) -%}
  {%- call statement('drop_temp_relation', auto_begin=False) -%}
    drop table if exists {{ temp_relation }}
  {%- endcall -%}
{%- endmacro %}

{% macro filesystem__make_temp_relation(base_relation, suffix) -%}
  {%- do return(base_relation.incorporate(path={'identifier': base_relation.identifier ~ suffix}, type='table')) -%}
{%- endmacro %}

{#-- Written as the lake names types: a column is added with its new type, filled, and takes the old one's name. --#}
{% macro filesystem__alter_column_type(relation, column_name, new_column_type) -%}
  {%- set columns = [] -%}
  {%- for column in adapter.get_columns_in_relation(relation) -%}
    {%- set name = adapter.quote(column.name) -%}
    {%- do columns.append('cast(' ~ name ~ ' as ' ~ new_column_type ~ ') as ' ~ name if column.name == column_name else name) -%}
  {%- endfor -%}
  {%- call statement('alter_column_type') -%}
    create or replace table {{ relation }}{{ filesystem__table_format() }} as (select {{ columns | join(', ') }} from {{ relation }})
  {%- endcall -%}
{%- endmacro %}

{% macro filesystem__persist_docs(relation, model, for_relation, for_columns) -%}
  {%- if (for_relation and config.persist_relation_docs() and model.description) or (for_columns and config.persist_column_docs() and model.columns) -%}
    {%- do exceptions.warn('a lake keeps no comments: `persist_docs` of ' ~ model.unique_id ~ ' has no effect') -%}
  {%- endif -%}
{%- endmacro %}

{% macro filesystem__apply_grants(relation, grant_config, should_revoke) -%}
  {%- if grant_config -%}
    {%- do exceptions.raise_compiler_error('a lake has no users: remove `grants` from ' ~ relation) -%}
  {%- endif -%}
{%- endmacro %}

{% macro filesystem__scalar_function_sql(target_relation) -%}
  {%- do exceptions.raise_compiler_error('a lake keeps no functions: ' ~ model['unique_id'] ~ ' cannot be built there') -%}
{%- endmacro %}
