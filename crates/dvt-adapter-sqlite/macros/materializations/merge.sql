{# Strategies that replace rows by key; SQLite has no MERGE and no DELETE … USING. All of it is one transaction. #}

{% macro sqlite__get_incremental_default_sql(arg_dict) -%}
  {%- if arg_dict['unique_key'] -%}
    {%- do return(get_incremental_delete_insert_sql(arg_dict)) -%}
  {%- endif -%}
  {%- do return(get_incremental_append_sql(arg_dict)) -%}
{%- endmacro %}

{# SQLite takes a quoted name that is no column for a text; not so behind the name of a table. #}
{% macro sqlite__columns_of(alias, dest_columns) -%}
  {%- for column in dest_columns -%}
    {{ alias }}.{{ adapter.quote(column.name) }}{{ ', ' if not loop.last }}
  {%- endfor -%}
{%- endmacro %}

{% macro sqlite__get_insert_into_sql(target_relation, temp_relation, dest_columns) -%}
  insert into {{ target_relation }} ({{ get_quoted_csv(dest_columns | map(attribute='name')) }})
  select {{ sqlite__columns_of('DBT_INTERNAL_SOURCE', dest_columns) }} from {{ temp_relation }} as DBT_INTERNAL_SOURCE
{%- endmacro %}

{% macro sqlite__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
  {%- set keys = dvt_key_columns(unique_key) -%}
  {%- if keys %}
  delete from {{ target }} as DBT_INTERNAL_DEST
  where exists (
    select 1 from {{ source }} as DBT_INTERNAL_SOURCE
    where {% for key in keys %}DBT_INTERNAL_SOURCE.{{ key }} = DBT_INTERNAL_DEST.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
  )
  {%- for predicate in incremental_predicates or [] %}
    and {{ predicate }}
  {%- endfor %};
  {%- endif %}
  {{ get_insert_into_sql(target, source, dest_columns) }}
{%- endmacro %}

{# New rows first, then the changes: what the first part sees of the table is what MERGE would see. #}
{% macro sqlite__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
  {%- set keys = dvt_key_columns(unique_key) -%}
  {%- if not keys -%}
    {{ get_insert_into_sql(target, source, dest_columns) }}
  {%- else -%}
  {%- do dvt_refuse_repeated_keys(target, source, keys) -%}
  {%- set condition = '(' ~ dvt_merge_conditions(unique_key, incremental_predicates) | join(') and (') ~ ')' -%}
  {%- set updated = get_merge_update_columns(config.get('merge_update_columns'), config.get('merge_exclude_columns'), dest_columns) -%}
  {%- set columns = get_quoted_csv(dest_columns | map(attribute='name')) %}
  insert into {{ target }} ({{ columns }})
  select {{ sqlite__columns_of('DBT_INTERNAL_SOURCE', dest_columns) }} from {{ source }} as DBT_INTERNAL_SOURCE
  where not exists (select 1 from {{ target }} as DBT_INTERNAL_DEST where {{ condition }});
  {%- if updated %}
  update {{ target }} as DBT_INTERNAL_DEST
  set
    {%- for column in updated %}
    {{ column }} = DBT_INTERNAL_SOURCE.{{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
  from {{ source }} as DBT_INTERNAL_SOURCE
  where {{ condition }}
  {%- endif %}
  {%- endif -%}
{%- endmacro %}

{# The rows of the batch's time give way to those of the run. #}
{% macro sqlite__get_incremental_microbatch_sql(arg_dict) %}
  delete from {{ arg_dict['target_relation'] }} as DBT_INTERNAL_DEST
  where {{ dvt_batch_condition('DBT_INTERNAL_DEST') }};
  {{ get_insert_into_sql(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['dest_columns']) }}
{%- endmacro %}

{# Times are texts of more than one form: a date, with or without parts of a second. #}
{% macro sqlite__dvt_between_times(column, start, end) -%}
  {{ return("datetime(" ~ column ~ ") >= datetime('" ~ start ~ "') and datetime(" ~ column ~ ") < datetime('" ~ end ~ "')") }}
{%- endmacro %}

{% macro sqlite__snapshot_merge_sql(target, source, insert_cols) -%}
  {%- set names = dvt_snapshot_columns() -%}
  {%- set end = 'DBT_INTERNAL_DEST.' ~ names.dbt_valid_to -%}
  {%- set current = config.get('dbt_valid_to_current') %}
  update {{ target }} as DBT_INTERNAL_DEST
  set {{ names.dbt_valid_to }} = DBT_INTERNAL_SOURCE.{{ names.dbt_valid_to }}
  from {{ source }} as DBT_INTERNAL_SOURCE
  where DBT_INTERNAL_SOURCE.{{ names.dbt_scd_id }} = DBT_INTERNAL_DEST.{{ names.dbt_scd_id }}
    and DBT_INTERNAL_SOURCE.dbt_change_type in ('update', 'delete')
    and ({{ end }} is null{% if current %} or {{ end }} = {{ current }}{% endif %});

  insert into {{ target }} ({{ insert_cols | join(', ') }})
  select {% for column in insert_cols %}DBT_INTERNAL_SOURCE.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
  from {{ source }} as DBT_INTERNAL_SOURCE
  where DBT_INTERNAL_SOURCE.dbt_change_type = 'insert'
{%- endmacro %}

{# A query's columns cannot be told without running it. #}
{% macro sqlite__dvt_describes_queries() -%}
  {{ return(false) }}
{%- endmacro %}

{# The stand-in for a temporary table goes. #}
{% macro sqlite__dvt_drop_temp_relation(temp_relation) -%}
  {%- call statement('drop_temp_relation', auto_begin=False) -%}
    drop table if exists {{ temp_relation }}
  {%- endcall -%}
{%- endmacro %}

{% macro sqlite__scalar_function_sql(target_relation) -%}
  {{ exceptions.raise_compiler_error('SQLite keeps no functions: ' ~ model['unique_id'] ~ ' cannot be built there') }}
{%- endmacro %}
