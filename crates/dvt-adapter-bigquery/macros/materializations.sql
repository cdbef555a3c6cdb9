{# Tables and views by `create or replace`, incremental models by one statement each: every job is atomic by itself. #}

{# Whether the stored table is divided and ordered as the config says; a table cannot be replaced by one that is not. #}
{% macro dvt_bigquery_is_replaceable(relation) -%}
  {%- if relation is none or not relation.is_table -%}
    {%- do return(true) -%}
  {%- endif -%}
  {%- set partition = dvt_bigquery_partition(config.get('partition_by', none)) -%}
  {%- set clusters = config.get('cluster_by', none) or [] -%}
  {%- set clusters = [clusters] if clusters is string else clusters | list -%}
  {%- set asked -%}
    select column_name, is_partitioning_column, clustering_ordinal_position
    from {{ dvt_bigquery_schema(relation.database, relation.schema, 'COLUMNS') }}
    where table_name = {{ dvt_bigquery_literal(relation.identifier) }}
      and (is_partitioning_column = 'YES' or clustering_ordinal_position is not null)
    order by clustering_ordinal_position
  {%- endset -%}
  {%- set found_partition, found_clusters = [], [] -%}
  {%- for row in run_query(asked).rows -%}
    {%- if row[1] == 'YES' -%}{%- do found_partition.append(row[0] | lower) -%}{%- endif -%}
    {%- if row[2] is not none -%}{%- do found_clusters.append(row[0] | lower) -%}{%- endif -%}
  {%- endfor -%}
  {%- set wanted_partition = [partition.field | lower] if partition is not none else [] -%}
  {{ return(found_partition == wanted_partition and found_clusters == (clusters | map('lower') | list)) }}
{%- endmacro %}

{# A table is made by its own statement wherever that says more than its rows. #}
{% macro bigquery__adopts_landing() -%}
  {%- do return(default__adopts_landing() and config.get('partition_by', none) is none and config.get('cluster_by', none) is none
        and bigquery_table_options(config, model, false) == 'OPTIONS()') -%}
{%- endmacro %}

{% macro bigquery__adopt_landing_relation(landing, target) -%}
  {%- call statement('adopt_landing_relation', auto_begin=False) -%}
    alter table {{ landing }} rename to {{ adapter.quote(target.identifier) }}
  {%- endcall -%}
{%- endmacro %}


{% materialization table, adapter='bigquery' %}
  {%- set existing_relation = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set grant_config = config.get('grants') -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {%- if existing_relation is not none and not (existing_relation.is_table and dvt_bigquery_is_replaceable(existing_relation)) -%}
    {{- log('Hard refreshing ' ~ existing_relation ~ ' because it is not replaceable') -}}
    {{ drop_relation_if_exists(existing_relation) }}
    {%- set existing_relation = none -%}
  {%- endif -%}
  {%- if landing is not none and adopts_landing() and existing_relation is none -%}
    {%- call noop_statement('main', 'CREATE TABLE', 'CREATE TABLE') -%}
      {{ sql }}
    {%- endcall -%}
    {{ adopt_landing_relation(landing, target_relation) }}
    {%- do adapter.cache_renamed(landing, target_relation) -%}
  {%- else -%}
    {% call statement('main', auto_begin=False) -%}
      {{ get_create_table_as_sql(False, target_relation, sql) }}
    {%- endcall %}
    {%- do adapter.cache_added(target_relation) -%}
  {%- endif -%}

  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {%- do apply_grants(target_relation, grant_config, should_revoke=should_revoke(existing_relation, full_refresh_mode=True)) -%}
  {%- do persist_docs(target_relation, model) -%}
  {{ adapter.commit() }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}

  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{% materialization view, adapter='bigquery' %}
  {%- set existing_relation = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='view') -%}
  {%- set grant_config = config.get('grants') -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {%- if existing_relation is not none and not existing_relation.is_view -%}
    {{ drop_relation_if_exists(existing_relation) }}
  {%- endif -%}
  {% call statement('main', auto_begin=False) -%}
    {{ get_create_view_as_sql(target_relation, sql) }}
  {%- endcall %}
  {%- do adapter.cache_added(target_relation) -%}

  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {%- do apply_grants(target_relation, grant_config, should_revoke=should_revoke(existing_relation, full_refresh_mode=True)) -%}
  {%- do persist_docs(target_relation, model) -%}
  {{ adapter.commit() }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}

  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{% macro bigquery__get_incremental_default_sql(arg_dict) -%}
  {%- do return(get_incremental_merge_sql(arg_dict)) -%}
{%- endmacro %}

{# Without a key, rows are added. A table that wants a condition on its partitions gets one that holds for every row. #}
{% macro bigquery__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
  {%- set predicates = (incremental_predicates or []) | list -%}
  {%- set partition = dvt_bigquery_partition(config.get('partition_by', none)) -%}
  {%- if config.get('require_partition_filter', false) and partition is not none -%}
    {%- set column = 'DBT_INTERNAL_DEST.' ~ partition.field -%}
    {%- do predicates.append(column ~ ' is null or ' ~ column ~ ' is not null') -%}
  {%- endif -%}
  {{ default__get_merge_sql(target, source, unique_key, dest_columns, predicates) }}
{%- endmacro %}

{# Inside of a MERGE an equality that spells out its NULLs keeps partitions from being read for nothing. #}
{% macro bigquery__get_merge_unique_key_match(source_unique_key, target_unique_key) -%}
  {%- if adapter.behavior.enable_truthy_nulls_equals_macro.no_warn -%}
    {%- do return('(' ~ source_unique_key ~ ' is null and ' ~ target_unique_key ~ ' is null) or (' ~ source_unique_key ~ ' = ' ~ target_unique_key ~ ')') -%}
  {%- endif -%}
  {%- do return(source_unique_key ~ ' = ' ~ target_unique_key) -%}
{%- endmacro %}

{# The partitions that the new rows belong to, or those that `partitions` names, give way to them. #}
{% macro bigquery__get_incremental_insert_overwrite_sql(arg_dict) -%}
  {%- set partition = dvt_bigquery_partition(config.get('partition_by', none)) -%}
  {%- if partition is none -%}
    {%- do exceptions.raise_compiler_error("The 'insert_overwrite' strategy requires the `partition_by` config.") -%}
  {%- endif -%}
  {%- set target, source = arg_dict['target_relation'], arg_dict['temp_relation'] -%}
  {%- set given = config.get('partitions', none) -%}
  {%- set value = dvt_bigquery_partition_value(partition, 'DBT_INTERNAL_DEST') -%}
  {%- if given -%}
    {{ default__get_insert_overwrite_merge_sql(target, source, arg_dict['dest_columns'], [value ~ ' in (' ~ (given | join(', ')) ~ ')'], false) }}
  {%- else -%}
  declare dbt_partitions_for_replacement array<{{ partition.data_type }}>;
  set dbt_partitions_for_replacement = (
    select array_agg(distinct {{ dvt_bigquery_partition_value(partition) }} ignore nulls) from {{ source }}
  );
  {{ default__get_insert_overwrite_merge_sql(target, source, arg_dict['dest_columns'], [value ~ ' in unnest(dbt_partitions_for_replacement)'], false) }};
  {%- endif -%}
{%- endmacro %}

{% macro bigquery__get_incremental_microbatch_sql(arg_dict) -%}
  {%- set partition = dvt_bigquery_partition(config.get('partition_by', none)) -%}
  {%- if partition is none -%}
    {%- do exceptions.raise_compiler_error("The 'microbatch' strategy requires a `partition_by` config.") -%}
  {%- endif -%}
  {%- if partition.granularity != config.get('batch_size') -%}
    {%- do exceptions.raise_compiler_error(
      "The 'microbatch' strategy requires a `partition_by` config with the same granularity as its configured `batch_size`.\nGot:\n  `batch_size`: "
      ~ config.get('batch_size') ~ '\n  `partition_by.granularity`: ' ~ partition.granularity
    ) -%}
  {%- endif -%}
  {{ bigquery__get_incremental_insert_overwrite_sql(arg_dict) }}
{%- endmacro %}


{% macro bigquery__snapshot_merge_sql(target, source, insert_cols) -%}
  {%- set names = dvt_snapshot_columns() -%}
  {%- set end = 'DBT_INTERNAL_DEST.' ~ names.dbt_valid_to -%}
  {%- set current = config.get('dbt_valid_to_current') -%}
  merge into {{ target }} as DBT_INTERNAL_DEST
  using {{ source }} as DBT_INTERNAL_SOURCE
  on DBT_INTERNAL_SOURCE.{{ names.dbt_scd_id }} = DBT_INTERNAL_DEST.{{ names.dbt_scd_id }}
  when matched and ({{ end }} is null{% if current %} or {{ end }} = {{ current }}{% endif %})
    and DBT_INTERNAL_SOURCE.dbt_change_type in ('update', 'delete')
    then update set {{ names.dbt_valid_to }} = DBT_INTERNAL_SOURCE.{{ names.dbt_valid_to }}
  when not matched and DBT_INTERNAL_SOURCE.dbt_change_type = 'insert'
    then insert ({{ insert_cols | join(', ') }})
    values ({% for column in insert_cols %}DBT_INTERNAL_SOURCE.{{ column }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}

{% macro bigquery__post_snapshot(staging_relation) -%}
  {{ drop_relation_if_exists(staging_relation) }}
{%- endmacro %}


{% macro bigquery__seed_column_type(kind, scale) -%}
  {%- set types = {
    'text': 'string', 'integer': 'int64', 'bigint': 'int64', 'boolean': 'bool', 'date': 'date', 'datetime': 'datetime',
    'time': 'time',
  } -%}
  {%- if kind == 'number' -%}
    {{ return('float64' if scale else 'int64') }}
  {%- endif -%}
  {{ return(types[kind]) }}
{%- endmacro %}

{# Rows come by one statement, so the table is made anew and empty before it. #}
{% macro bigquery__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
  {{ adapter.drop_relation(old_relation) }}
  {%- do return(create_csv_table(model, agate_table)) -%}
{%- endmacro %}


{# A view that the engine keeps up to date; how it is divided is part of what it is. #}
{% macro bigquery__get_create_materialized_view_as_sql(relation, sql) -%}
  {%- set options = dvt_bigquery_common_options(config, model) -%}
  {%- for key in ['enable_refresh', 'refresh_interval_minutes', 'allow_non_incremental_definition', 'kms_key_name'] if config.get(key) is not none -%}
    {%- set value = config.get(key) -%}
    {%- do options.update({key: dvt_bigquery_literal(value) if key == 'kms_key_name' else (value | string | lower)}) -%}
  {%- endfor -%}
  {%- if config.get('max_staleness') is not none -%}
    {%- do options.update({'max_staleness': config.get('max_staleness')}) -%}
  {%- endif -%}
  create materialized view if not exists {{ relation }}
  {{ partition_by(config.get('partition_by', none)) }}
  {{ cluster_by(config.get('cluster_by', none)) }}
  {{ bigquery_options(options) }}
  as {{ sql }}
{%- endmacro %}

{% macro bigquery__refresh_materialized_view(relation) -%}
  call bq.refresh_materialized_view({{ dvt_bigquery_literal(relation.database ~ '.' ~ relation.schema ~ '.' ~ relation.identifier) }})
{%- endmacro %}

{# What it was made with is not asked: a changed config takes effect with --full-refresh. #}
{% macro bigquery__get_materialized_view_configuration_changes(existing_relation, new_config) -%}
  {%- do return(none) -%}
{%- endmacro %}
