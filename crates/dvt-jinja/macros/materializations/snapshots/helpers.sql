{#-- The names of the columns that a snapshot adds. --#}
{% macro get_snapshot_table_column_names() -%}
  {%- set names = {} -%}
  {%- for name in ['dbt_valid_to', 'dbt_valid_from', 'dbt_scd_id', 'dbt_updated_at', 'dbt_is_deleted'] -%}
    {%- do names.update({name: name}) -%}
  {%- endfor -%}
  {%- do return(names) -%}
{%- endmacro %}

{#-- The same as the config has them: a name that it leaves out keeps its default. --#}
{% macro dvt_snapshot_columns() -%}
  {%- set names = get_snapshot_table_column_names() -%}
  {%- for name, configured in (config.get('snapshot_table_column_names') or {}).items() if configured -%}
    {%- do names.update({name: configured}) -%}
  {%- endfor -%}
  {%- do return(names) -%}
{%- endmacro %}

{#-- New columns of the query, added to the snapshot. --#}
{% macro create_columns(relation, columns) -%}
  {{- adapter.dispatch('create_columns', 'dbt')(relation, columns) -}}
{%- endmacro %}

{% macro default__create_columns(relation, columns) -%}
  {%- for column in columns -%}
    {%- call statement() -%}
      alter table {{ relation.render() }} add column {{ adapter.quote(column.name) }} {{ column.expanded_data_type }};
    {%- endcall -%}
  {%- endfor -%}
{%- endmacro %}

{#-- After the commit: engines whose staging table outlives the session drop it here. --#}
{% macro post_snapshot(staging_relation) -%}
  {{- adapter.dispatch('post_snapshot', 'dbt')(staging_relation) -}}
{%- endmacro %}

{% macro default__post_snapshot(staging_relation) -%}
  {{- dvt_drop_temp_relation(staging_relation) -}}
{%- endmacro %}

{% macro get_true_sql() -%}
  {{- adapter.dispatch('get_true_sql', 'dbt')() -}}
{%- endmacro %}

{% macro default__get_true_sql() -%}
  {%- do return('TRUE') -%}
{%- endmacro %}

{#-- The rows that a run writes: dbt_change_type says whether a row is a new version (insert), closes one that changed
     (update) or one that is gone (delete). --#}
{% macro snapshot_staging_table(strategy, source_sql, target_relation) -%}
  {{- adapter.dispatch('snapshot_staging_table', 'dbt')(strategy, source_sql, target_relation) -}}
{%- endmacro %}

{% macro default__snapshot_staging_table(strategy, source_sql, target_relation) -%}
  {%- set names = dvt_snapshot_columns() -%}
  {%- set key = strategy.unique_key -%}
  {%- set current = config.get('dbt_valid_to_current') -%}
  {%- set keeps_deletions = strategy.hard_deletes == 'new_record' -%}
  {%- set closes_deleted = keeps_deletions or strategy.hard_deletes == 'invalidate' -%}
  {%- set now = snapshot_get_time() -%}
  {%- set is_tombstone = 'snapshotted_data.' ~ names.dbt_is_deleted ~ " = 'True'" -%}
  {%- set same_key = unique_key_join_on(key, 'snapshotted_data', 'source_data') | trim -%}
  {%- set changed = strategy.row_changed ~ (' or ' ~ is_tombstone if keeps_deletions else '') -%}
  {#-- The known versions without a row in the query; one that is already marked as deleted stays as it is. --#}
  {%- set gone -%}
    from snapshotted_data
    left join deletes_source_data as source_data on {{ same_key }}
    where {{ unique_key_is_null(key, 'source_data') | trim }}
    {%- if keeps_deletions %}
      and not (
        {{ is_tombstone }}
        and snapshotted_data.{{ names.dbt_valid_to }} {{ '= ' ~ current if current else 'is null' }}
      )
    {%- endif %}
  {%- endset -%}
  with snapshot_query as (
    {{ source_sql }}
  ),
  snapshotted_data as (
    select *, {{ unique_key_fields(key) | trim }}
    from {{ target_relation }}
    where {{ names.dbt_valid_to }} is null
    {%- if current %} or {{ equals(names.dbt_valid_to, current) | trim }}{% endif %}
  ),
  insertions_source_data as (
    select *, {{ unique_key_fields(key) | trim }},
      {{ strategy.updated_at }} as {{ names.dbt_updated_at }},
      {{ strategy.updated_at }} as {{ names.dbt_valid_from }},
      {{ get_dbt_valid_to_current(strategy, names) | trim }},
      {{ strategy.scd_id }} as {{ names.dbt_scd_id }}
    from snapshot_query
  ),
  updates_source_data as (
    select *, {{ unique_key_fields(key) | trim }},
      {{ strategy.updated_at }} as {{ names.dbt_updated_at }},
      {{ strategy.updated_at }} as {{ names.dbt_valid_from }},
      {{ strategy.updated_at }} as {{ names.dbt_valid_to }}
    from snapshot_query
  ),
  {%- if closes_deleted %}
  deletes_source_data as (
    select *, {{ unique_key_fields(key) | trim }}
    from snapshot_query
  ),
  {%- endif %}
  insertions as (
    select 'insert' as dbt_change_type, source_data.*
      {%- if keeps_deletions %}, 'False' as {{ names.dbt_is_deleted }}{% endif %}
    from insertions_source_data as source_data
    left outer join snapshotted_data on {{ same_key }}
    where {{ unique_key_is_null(key, 'snapshotted_data') | trim }}
      or ({{ unique_key_is_not_null(key, 'snapshotted_data') | trim }} and ({{ changed }}))
  ),
  updates as (
    select 'update' as dbt_change_type, source_data.*, snapshotted_data.{{ names.dbt_scd_id }}
      {%- if keeps_deletions %}, snapshotted_data.{{ names.dbt_is_deleted }}{% endif %}
    from updates_source_data as source_data
    join snapshotted_data on {{ same_key }}
    where ({{ changed }})
  )
  {%- if closes_deleted %},
  deletes as (
    select 'delete' as dbt_change_type, source_data.*,
      {{ now }} as {{ names.dbt_valid_from }},
      {{ now }} as {{ names.dbt_updated_at }},
      {{ now }} as {{ names.dbt_valid_to }},
      snapshotted_data.{{ names.dbt_scd_id }}
      {%- if keeps_deletions %}, snapshotted_data.{{ names.dbt_is_deleted }}{% endif %}
    {{ gone }}
  )
  {%- endif %}
  {%- if keeps_deletions %}
  {%- set known = get_list_of_column_names(get_columns_in_relation(target_relation)) %},
  deletion_records as (
    select 'insert' as dbt_change_type,
      {%- for name in get_columns_in_query(source_sql) %}
      {{ 'snapshotted_data' if name in known else 'source_data' }}.{{ adapter.quote(name) }},
      {%- endfor %}
      {%- if key is string %}
      snapshotted_data.dbt_unique_key as dbt_unique_key,
      {%- else %}{% for part in key %}
      snapshotted_data.{{ part }} as dbt_unique_key_{{ loop.index }},
      {%- endfor %}{% endif %}
      {{ now }} as {{ names.dbt_valid_from }},
      {{ now }} as {{ names.dbt_updated_at }},
      snapshotted_data.{{ names.dbt_valid_to }} as {{ names.dbt_valid_to }},
      {{ snapshot_hash_arguments([names.dbt_scd_id, now]) }} as {{ names.dbt_scd_id }},
      'True' as {{ names.dbt_is_deleted }}
    {{ gone }}
  )
  {%- endif %}
  select * from insertions
  union all
  select * from updates
  {%- if closes_deleted %}
  union all
  select * from deletes
  {%- endif %}
  {%- if keeps_deletions %}
  union all
  select * from deletion_records
  {%- endif %}
{%- endmacro %}

{#-- The first version of every row. --#}
{% macro build_snapshot_table(strategy, sql) -%}
  {{- adapter.dispatch('build_snapshot_table', 'dbt')(strategy, sql) -}}
{%- endmacro %}

{% macro default__build_snapshot_table(strategy, sql) -%}
  {%- set names = dvt_snapshot_columns() -%}
  select *,
    {{ strategy.scd_id }} as {{ names.dbt_scd_id }},
    {{ strategy.updated_at }} as {{ names.dbt_updated_at }},
    {{ strategy.updated_at }} as {{ names.dbt_valid_from }},
    {{ get_dbt_valid_to_current(strategy, names) | trim }}
    {%- if strategy.hard_deletes == 'new_record' %},
    'False' as {{ names.dbt_is_deleted }}
    {%- endif %}
  from (
    {{ sql }}
  ) sbq
{%- endmacro %}

{#-- Makes the staging table, and gives its relation. --#}
{% macro build_snapshot_staging_table(strategy, sql, target_relation) -%}
  {%- set temp_relation = make_temp_relation(target_relation) -%}
  {%- set rows = snapshot_staging_table(strategy, sql, target_relation) -%}
  {%- call statement('build_snapshot_staging_relation') -%}
    {{ create_table_as(True, temp_relation, rows) }}
  {%- endcall -%}
  {%- do return(temp_relation) -%}
{%- endmacro %}

{% macro get_updated_at_column_data_type(snapshot_sql) -%}
  {%- for column in get_column_schema_from_query(snapshot_sql) if column.name | lower == 'dbt_updated_at' -%}
    {%- do return(column.dtype or none) -%}
  {%- endfor -%}
  {%- do return(none) -%}
{%- endmacro %}

{#-- Warns where the clock and the rows' own times are of two types: they would be compared with each other. --#}
{% macro check_time_data_types(sql) -%}
  {%- if not adapter.dispatch('dvt_describes_queries', 'dbt')() -%}
    {%- do return('') -%}
  {%- endif -%}
  {%- set of_rows = get_updated_at_column_data_type(sql) -%}
  {%- set of_clock = get_snapshot_get_time_data_type() -%}
  {%- if of_rows is not none and of_clock is not none and of_rows != of_clock -%}
    {{- exceptions.warn_snapshot_timestamp_data_types(of_clock, of_rows) -}}
  {%- endif -%}
{%- endmacro %}

{% macro default__dvt_describes_queries() -%}
  {%- do return(true) -%}
{%- endmacro %}

{#-- The end of a version that is current: NULL, or what the config says, with the type of the times. --#}
{% macro get_dbt_valid_to_current(strategy, columns) -%}
  coalesce(nullif({{ strategy.updated_at }}, {{ strategy.updated_at }}), {{ config.get('dbt_valid_to_current') or 'null' }})
  as {{ columns.dbt_valid_to }}
{%- endmacro %}

{% macro unique_key_fields(unique_key) -%}
  {%- if unique_key is string -%}
    {{ unique_key }} as dbt_unique_key
  {%- else -%}
    {%- for key in unique_key -%}
      {{ key }} as dbt_unique_key_{{ loop.index }}{{ ', ' if not loop.last }}
    {%- endfor -%}
  {%- endif -%}
{%- endmacro %}

{% macro unique_key_join_on(unique_key, identifier, from_identifier) -%}
  {%- if unique_key is string -%}
    {{ identifier }}.dbt_unique_key = {{ from_identifier }}.dbt_unique_key
  {%- else -%}
    {%- for key in unique_key -%}
      {{ equals(identifier ~ '.dbt_unique_key_' ~ loop.index, from_identifier ~ '.dbt_unique_key_' ~ loop.index) | trim }}
      {{- ' and ' if not loop.last }}
    {%- endfor -%}
  {%- endif -%}
{%- endmacro %}

{% macro unique_key_is_null(unique_key, identifier) -%}
  {{ identifier }}.dbt_unique_key{{ '' if unique_key is string else '_1' }} is null
{%- endmacro %}

{% macro unique_key_is_not_null(unique_key, identifier) -%}
  {{ identifier }}.dbt_unique_key{{ '' if unique_key is string else '_1' }} is not null
{%- endmacro %}
