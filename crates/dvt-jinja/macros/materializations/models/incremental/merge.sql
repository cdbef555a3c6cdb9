{#-- A unique key as a list of column names: none, one name and a list of names are all the same to what follows. --#}
{% macro dvt_key_columns(unique_key) -%}
  {%- if not unique_key -%}
    {%- do return([]) -%}
  {%- endif -%}
  {%- do return([unique_key] if unique_key is string else unique_key | list) -%}
{%- endmacro %}

{#-- `predicates` is the older name of the last argument. --#}
{% macro get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
  {%- set predicates = kwargs.get('predicates', incremental_predicates) -%}
  {{- adapter.dispatch('get_merge_sql', 'dbt')(target, source, unique_key, dest_columns, predicates) -}}
{%- endmacro %}

{#-- How a key of a new row is compared with that of an old one. --#}
{% macro get_merge_unique_key_match(source_unique_key, target_unique_key) -%}
  {%- do return(adapter.dispatch('get_merge_unique_key_match', 'dbt')(source_unique_key, target_unique_key)) -%}
{%- endmacro %}

{% macro default__get_merge_unique_key_match(source_unique_key, target_unique_key) -%}
  {%- do return(equals(source_unique_key, target_unique_key) | trim) -%}
{%- endmacro %}

{#-- What joins the two sides of a merge: the user's predicates and the key. Without a key no row matches. --#}
{% macro dvt_merge_conditions(unique_key, incremental_predicates) -%}
  {%- set conditions = [] -%}
  {%- for predicate in incremental_predicates or [] -%}
    {%- do conditions.append(predicate) -%}
  {%- endfor -%}
  {%- if not unique_key -%}
    {%- do conditions.append('FALSE') -%}
  {%- elif unique_key is string -%}
    {%- do conditions.append(get_merge_unique_key_match('DBT_INTERNAL_SOURCE.' ~ unique_key, 'DBT_INTERNAL_DEST.' ~ unique_key)) -%}
  {%- else -%}
    {%- for key in unique_key -%}
      {%- do conditions.append('DBT_INTERNAL_SOURCE.' ~ key ~ ' = DBT_INTERNAL_DEST.' ~ key) -%}
    {%- endfor -%}
  {%- endif -%}
  {%- do return(conditions) -%}
{%- endmacro %}

{% macro default__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
  {%- set conditions = dvt_merge_conditions(unique_key, incremental_predicates) -%}
  {%- set columns = get_quoted_csv(dest_columns | map(attribute='name')) -%}
  {%- set updated = get_merge_update_columns(config.get('merge_update_columns'), config.get('merge_exclude_columns'), dest_columns) -%}
  {{ config.get('sql_header', none) or '' }}
  merge into {{ target }} as DBT_INTERNAL_DEST
  using {{ source }} as DBT_INTERNAL_SOURCE
  on ({{ conditions | join(') and (') }})
  {%- if unique_key and updated %}
  when matched then update set
    {%- for column in updated %}
    {{ column }} = DBT_INTERNAL_SOURCE.{{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
  {%- endif %}
  when not matched then insert ({{ columns }})
  values ({{ columns }})
{%- endmacro %}

{#-- Rows whose key comes again are removed, then all new rows are added. --#}
{% macro get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
  {{- adapter.dispatch('get_delete_insert_merge_sql', 'dbt')(target, source, unique_key, dest_columns, incremental_predicates) -}}
{%- endmacro %}

{% macro default__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
  {%- set columns = get_quoted_csv(dest_columns | map(attribute='name')) -%}
  {%- set keys = dvt_key_columns(unique_key) | join(', ') -%}
  {%- if keys %}
  delete from {{ target }} as DBT_INTERNAL_DEST
  where ({{ keys }}) in (
    select distinct {{ keys }}
    from {{ source }} as DBT_INTERNAL_SOURCE
  )
    {%- for predicate in incremental_predicates or [] %}
    and {{ predicate }}
    {%- endfor %};
  {%- endif %}
  insert into {{ target }} ({{ columns }})
  (
    select {{ columns }}
    from {{ source }}
  )
{%- endmacro %}

{#-- Rows that the predicates name make room for all new rows, in one statement. --#}
{% macro get_insert_overwrite_merge_sql(target, source, dest_columns, predicates, include_sql_header=false) -%}
  {{- adapter.dispatch('get_insert_overwrite_merge_sql', 'dbt')(target, source, dest_columns, predicates, include_sql_header) -}}
{%- endmacro %}

{% macro default__get_insert_overwrite_merge_sql(target, source, dest_columns, predicates, include_sql_header) -%}
  {%- set columns = get_quoted_csv(dest_columns | map(attribute='name')) -%}
  {{ (config.get('sql_header', none) or '') if include_sql_header }}
  merge into {{ target }} as DBT_INTERNAL_DEST
  using {{ source }} as DBT_INTERNAL_SOURCE
  on FALSE
  when not matched by source {{ 'and ' ~ (predicates | join(' and ')) if predicates }} then delete
  when not matched then insert ({{ columns }})
  values ({{ columns }})
{%- endmacro %}

{#-- For engines without MERGE, where its two parts are written one after the other: two new rows of one key would then
     change each other, so they are an error. --#}
{% macro dvt_refuse_repeated_keys(target, source, keys) -%}
  {%- set found -%}
    select {{ keys | join(', ') }}, count(*) as rows_found
    from {{ source }}
    where {{ keys | join(' is not null and ') }} is not null
    group by {{ keys | join(', ') }}
    having count(*) > 1
    limit 1
  {%- endset -%}
  {%- if run_query(found).rows | length > 0 -%}
    {%- do exceptions.raise_compiler_error(
      'merge into ' ~ target ~ ': the query gives more than one row for a key (' ~ (keys | join(', '))
      ~ '), and ' ~ adapter.type() ~ ' has no MERGE that could tell them apart. Make the unique_key unique in the query of '
      ~ model['unique_id']
    ) -%}
  {%- endif -%}
{%- endmacro %}

{#-- Whether a row belongs to the batch of a microbatch run. --#}
{% macro dvt_batch_condition(alias) -%}
  {%- if not (model.batch and model.batch.event_time_start and model.batch.event_time_end) -%}
    {%- do exceptions.raise_compiler_error("the strategy 'microbatch' of " ~ model['unique_id'] ~ ' needs an `event_time` and a `batch_size`') -%}
  {%- endif -%}
  {%- set column = alias ~ '.' ~ config.get('event_time') -%}
  {%- set bounds = [] -%}
  {%- for time in [model.batch.event_time_start, model.batch.event_time_end] -%}
    {#-- Bounds are whole seconds in UTC. --#}
    {%- do bounds.append((time | string | replace('T', ' '))[:19]) -%}
  {%- endfor -%}
  {%- do return(adapter.dispatch('dvt_between_times', 'dbt')(column, bounds[0], bounds[1])) -%}
{%- endmacro %}

{% macro default__dvt_between_times(column, start, end) -%}
  {%- do return(column ~ ' >= ' ~ (snapshot_string_as_time(start) | trim) ~ ' and ' ~ column ~ ' < ' ~ (snapshot_string_as_time(end) | trim)) -%}
{%- endmacro %}
