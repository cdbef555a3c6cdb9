{# Tables, views and incremental models by statements of which each is one step for readers: `create or replace` gives a table
   its new rows and columns at once and keeps its history and grants. Rows that have landed are read by it like any others. #}

{% macro databricks__adopts_landing() -%}
  {%- do return(false) -%}
{%- endmacro %}

{# What is in the way and of another kind. #}
{% macro databricks__dvt_make_room(existing, is_fit) -%}
  {%- if existing is not none and not is_fit -%}
    {{ drop_relation_if_exists(existing) }}
  {%- endif -%}
{%- endmacro %}

{% materialization table, adapter='databricks', supported_languages=['sql'] %}
  {%- set existing_relation = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set grant_config = config.get('grants') -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {{ databricks__dvt_make_room(existing_relation, existing_relation.is_table) }}
  {%- call statement('main', auto_begin=False) -%}
    {{ get_create_table_as_sql(False, target_relation, sql) }}
  {%- endcall -%}
  {%- do adapter.cache_added(target_relation) -%}
  {%- do databricks__dvt_add_constraints(target_relation) -%}

  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {%- do apply_grants(target_relation, grant_config, should_revoke=should_revoke(existing_relation, full_refresh_mode=True)) -%}
  {%- do persist_docs(target_relation, model) -%}
  {{ adapter.commit() }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}

  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% materialization view, adapter='databricks' %}
  {%- set existing_relation = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='view') -%}
  {%- set grant_config = config.get('grants') -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {{ databricks__dvt_make_room(existing_relation, existing_relation.is_view) }}
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

{% materialization incremental, adapter='databricks', supported_languages=['sql'] -%}
  {%- set existing = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set temp_relation = make_temp_relation(target_relation) -%}
  {%- set unique_key = config.get('unique_key') -%}
  {%- set grant_config = config.get('grants') -%}
  {%- set on_schema_change = incremental_validate_on_schema_change(config.get('on_schema_change'), default='ignore') -%}
  {%- set starts_anew = existing is none or not existing.is_table or should_full_refresh() -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {%- set strategy = config.get('incremental_strategy') or 'default' -%}
  {%- set strategy_macro = adapter.get_incremental_strategy_macro(context, strategy) -%}

  {%- if starts_anew -%}
    {{ databricks__dvt_make_room(existing, existing.is_table) }}
    {%- call statement('main', auto_begin=False) -%}
      {{ get_create_table_as_sql(False, target_relation, sql) }}
    {%- endcall -%}
    {%- do adapter.cache_added(target_relation) -%}
    {%- do databricks__dvt_add_constraints(target_relation) -%}
  {%- else -%}
    {%- call statement('create_temp_relation', auto_begin=False) -%}
      {{ get_create_table_as_sql(True, temp_relation, sql) }}
    {%- endcall -%}
    {%- set contract = config.get('contract') -%}
    {%- if not (contract and contract.enforced) -%}
      {%- do adapter.expand_target_column_types(from_relation=temp_relation, to_relation=target_relation) -%}
    {%- endif -%}
    {%- set dest_columns = process_schema_changes(on_schema_change, temp_relation, existing)
                           or adapter.get_columns_in_relation(existing) -%}
    {%- set build_sql = strategy_macro({
      'target_relation': target_relation,
      'temp_relation': temp_relation,
      'unique_key': unique_key,
      'dest_columns': dest_columns,
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
