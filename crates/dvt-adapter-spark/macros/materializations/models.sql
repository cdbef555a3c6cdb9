{# Tables, views and incremental models. Delta and Iceberg replace a table by one statement. Tables of files cannot be replaced: the
   new one is made beside the old one, which gives way when the new one is whole; only with partitions or a place of its own it goes
   before, as in dbt. #}

{# A landing relation is a plain table: it becomes the model's where nothing else is asked for. #}
{% macro spark__adopts_landing() -%}
  {%- set contract = config.get('contract') -%}
  {%- set comments = config.persist_relation_docs() and model.description -%}
  {%- if comments or (contract and contract.enforced) -%}
    {%- do return(false) -%}
  {%- endif -%}
  {%- for name in ['file_format', 'partition_by', 'clustered_by', 'location_root', 'tblproperties', 'options'] if config.get(name) -%}
    {%- do return(false) -%}
  {%- endfor -%}
  {%- do return(true) -%}
{%- endmacro %}

{# Makes the model's table, with the statement `main`; what was there before is gone afterwards. #}
{% macro spark__dvt_make_table(target_relation, existing, sql, landing) -%}
  {%- set format = spark__dvt_format() -%}
  {%- if spark__dvt_replaces(format) -%}
    {%- if existing is not none and (existing.is_view or spark__dvt_format_of(existing) != format) -%}
      {{ drop_relation_if_exists(existing) }}
    {%- endif -%}
    {%- call statement('main', auto_begin=False) -%}
      {{ get_create_table_as_sql(False, target_relation, sql) }}
    {%- endcall -%}
    {%- do adapter.cache_added(target_relation) -%}
  {%- elif config.get('location_root') or config.get('partition_by') -%}
    {#-- Its place is its own, or its partitions would stay where they were when it is renamed: the old one has to go first. What
         can be known of the query before is asked before. --#}
    {%- if existing is not none -%}
      {%- do get_column_schema_from_query(sql) -%}
      {{ drop_relation_if_exists(existing) }}
    {%- endif -%}
    {%- call statement('main', auto_begin=False) -%}
      {{ get_create_table_as_sql(False, target_relation, sql) }}
    {%- endcall -%}
    {%- do adapter.cache_added(target_relation) -%}
  {%- else -%}
    {%- set intermediate = make_intermediate_relation(target_relation) -%}
    {%- set backup = make_backup_relation(target_relation, 'table' if existing is none else existing.type) -%}
    {#-- Left behind by a run that died. --#}
    {{ drop_relation_if_exists(load_cached_relation(intermediate)) }}
    {{ drop_relation_if_exists(load_cached_relation(backup)) }}
    {%- if landing is not none and adopts_landing() -%}
      {%- call noop_statement('main', 'OK', 'OK') -%}
        {{ sql }}
      {%- endcall -%}
      {{ adopt_landing_relation(landing, intermediate) }}
    {%- else -%}
      {%- call statement('main', auto_begin=False) -%}
        {{ get_create_table_as_sql(False, intermediate, sql) }}
      {%- endcall -%}
    {%- endif -%}
    {%- if existing is not none -%}
      {{ adapter.rename_relation(existing, backup) }}
    {%- endif -%}
    {{ adapter.rename_relation(intermediate, target_relation) }}
    {%- if existing is not none -%}
      {{ drop_relation_if_exists(backup) }}
    {%- endif -%}
  {%- endif -%}
  {%- do spark__dvt_add_constraints(target_relation) -%}
{%- endmacro %}

{% materialization table, adapter='spark', supported_languages=['sql'] %}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set grant_config = config.get('grants') -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {#-- A hook may have removed it. --#}
  {%- set existing_relation = load_cached_relation(this) -%}
  {{ spark__dvt_make_table(target_relation, existing_relation, sql, landing) }}

  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {%- do apply_grants(target_relation, grant_config, should_revoke=should_revoke(existing_relation, full_refresh_mode=True)) -%}
  {%- do persist_docs(target_relation, model) -%}
  {{ adapter.commit() }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}

  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% materialization view, adapter='spark' %}
  {%- set target_relation = this.incorporate(type='view') -%}
  {%- set grant_config = config.get('grants') -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {%- set existing_relation = load_cached_relation(this) -%}
  {%- if existing_relation is not none and not existing_relation.is_view -%}
    {{ drop_relation_if_exists(existing_relation) }}
  {%- endif -%}
  {%- call statement('main', auto_begin=False) -%}
    {{ get_create_view_as_sql(target_relation, sql) }}
  {%- endcall -%}
  {%- do adapter.cache_added(target_relation) -%}

  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {%- do apply_grants(target_relation, grant_config, should_revoke=should_revoke(existing_relation, full_refresh_mode=True)) -%}
  {%- do persist_docs(target_relation, model) -%}
  {{ adapter.commit() }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}

  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% materialization incremental, adapter='spark', supported_languages=['sql'] -%}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set temp_relation = make_temp_relation(target_relation) -%}
  {%- set unique_key = config.get('unique_key') -%}
  {%- set grant_config = config.get('grants') -%}
  {%- set on_schema_change = incremental_validate_on_schema_change(config.get('on_schema_change'), default='ignore') -%}
  {%- set strategy = config.get('incremental_strategy') or 'append' -%}
  {%- do spark__dvt_check_strategy(strategy) -%}
  {%- set strategy_macro = adapter.get_incremental_strategy_macro(context, strategy) -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {%- set existing = load_cached_relation(this) -%}
  {%- set starts_anew = existing is none or not existing.is_table or should_full_refresh() -%}
  {%- if starts_anew -%}
    {{ spark__dvt_make_table(target_relation, existing, sql, landing) }}
  {%- else -%}
    {%- if strategy in ['insert_overwrite', 'microbatch'] and config.get('partition_by') -%}
      {#-- Only partitions that come again give way. --#}
      {%- do run_query('set spark.sql.sources.partitionOverwriteMode = DYNAMIC') -%}
    {%- endif -%}
    {%- call statement('create_temp_relation', auto_begin=False) -%}
      {{ get_create_table_as_sql(True, temp_relation, sql) }}
    {%- endcall -%}
    {%- do process_schema_changes(on_schema_change, temp_relation, existing) -%}
    {%- set build_sql = strategy_macro({
      'target_relation': target_relation,
      'temp_relation': temp_relation,
      'unique_key': unique_key,
      'dest_columns': adapter.get_columns_in_relation(existing),
      'incremental_predicates': config.get('predicates', none) or config.get('incremental_predicates', none),
    }) -%}
    {%- call statement('main', auto_begin=False) -%}
      {{ build_sql }}
    {%- endcall -%}
  {%- endif -%}

  {%- do apply_grants(target_relation, grant_config, should_revoke=should_revoke(existing, full_refresh_mode=starts_anew)) -%}
  {%- do persist_docs(target_relation, model) -%}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {{ adapter.commit() }}
  {%- if not starts_anew -%}
    {{ dvt_drop_temp_relation(temp_relation) }}
  {%- endif -%}
  {{ run_hooks(post_hooks, inside_transaction=False) }}

  {{ return({'relations': [target_relation]}) }}
{%- endmaterialization %}
