{% materialization snapshot, default %}
  {%- set grant_config = config.get('grants') -%}
  {%- set exists, target_relation = get_or_create_relation(
    database=model.database, schema=model.schema, identifier=model.get('alias', model.get('name')), type='table'
  ) -%}
  {%- if not target_relation.is_table -%}
    {%- do exceptions.relation_wrong_type(target_relation, 'table') -%}
  {%- endif -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {%- set strategy_macro = strategy_dispatch(config.get('strategy')) -%}
  {%- set strategy = strategy_macro(model, 'snapshotted_data', 'source_data', model['config'], exists) -%}

  {%- if not exists -%}
    {%- set rows_sql = build_snapshot_table(strategy, model['compiled_code']) -%}
    {{ check_time_data_types(rows_sql) }}
    {%- set final_sql = create_table_as(False, target_relation, rows_sql) -%}
    {%- set staging = none -%}
  {%- else -%}
    {{ adapter.assert_valid_snapshot_target_given_strategy(target_relation, dvt_snapshot_columns(), strategy) }}
    {%- set rows_sql = snapshot_staging_table(strategy, sql, target_relation) -%}
    {#-- Asked on a session of its own: before this one changes, and so locks, the snapshot's table. --#}
    {{ check_time_data_types(rows_sql) }}
    {%- set staging = build_snapshot_staging_table(strategy, sql, target_relation) -%}
    {%- do adapter.expand_target_column_types(from_relation=staging, to_relation=target_relation) -%}

    {#-- What only the merge reads is no column of the snapshot. --#}
    {%- set working = ['dbt_change_type', 'dbt_unique_key'] -%}
    {%- if strategy.unique_key is not string -%}
      {%- for key in strategy.unique_key -%}
        {%- do working.append('dbt_unique_key_' ~ loop.index) -%}
      {%- endfor -%}
    {%- endif -%}
    {%- set missing = [] -%}
    {%- for column in adapter.get_missing_columns(staging, target_relation) if column.name | lower not in working -%}
      {%- do missing.append(column) -%}
    {%- endfor -%}
    {%- do create_columns(target_relation, missing) -%}

    {%- set columns = [] -%}
    {%- for column in adapter.get_columns_in_relation(staging) if column.name | lower not in working -%}
      {%- do columns.append(adapter.quote(column.name)) -%}
    {%- endfor -%}
    {%- set final_sql = snapshot_merge_sql(target=target_relation, source=staging, insert_cols=columns) -%}
  {%- endif -%}

  {%- call statement('main') -%}
    {{ final_sql }}
  {%- endcall -%}

  {%- do apply_grants(target_relation, grant_config, should_revoke=should_revoke(exists, full_refresh_mode=False)) -%}
  {%- do persist_docs(target_relation, model) -%}
  {%- if not exists -%}
    {%- do create_indexes(target_relation) -%}
  {%- endif -%}

  {{ run_hooks(post_hooks, inside_transaction=True) }}

  {{ adapter.commit() }}

  {%- if staging is not none -%}
    {%- do post_snapshot(staging) -%}
  {%- endif -%}

  {{ run_hooks(post_hooks, inside_transaction=False) }}

  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
