{# As the built-in one, but for renaming: DuckDB renames no table that has an index. #}

{% materialization incremental, adapter='duckdb', supported_languages=['sql'] -%}
  {%- set existing = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set intermediate = make_intermediate_relation(target_relation) -%}
  {%- set temp_relation = make_temp_relation(target_relation) -%}
  {%- set unique_key = config.get('unique_key') -%}
  {%- set grant_config = config.get('grants') -%}
  {%- set on_schema_change = incremental_validate_on_schema_change(config.get('on_schema_change'), default='ignore') -%}
  {%- set starts_anew = existing is none or not existing.is_table or should_full_refresh() -%}

  {# Left behind by a run that died. #}
  {{ drop_relation_if_exists(load_cached_relation(intermediate)) }}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {%- set strategy = config.get('incremental_strategy') or 'default' -%}
  {%- set strategy_macro = adapter.get_incremental_strategy_macro(context, strategy) -%}

  {%- if starts_anew -%}
    {%- if existing is none -%}
      {{ duckdb__dvt_build_table(target_relation, sql) }}
    {%- else -%}
      {{ duckdb__dvt_build_table(intermediate, sql) }}
      {{ duckdb__dvt_take_the_place(intermediate, target_relation) }}
    {%- endif -%}
    {%- do create_indexes(target_relation) -%}
  {%- else -%}
    {%- call statement('create_temp_relation') -%}
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
    {%- call statement('main') -%}
      {{ build_sql }}
    {%- endcall -%}
    {%- call statement('drop_temp_relation') -%}
      drop table if exists {{ temp_relation }}
    {%- endcall -%}
  {%- endif -%}

  {%- do apply_grants(target_relation, grant_config, should_revoke=False) -%}
  {%- do persist_docs(target_relation, model) -%}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {{ adapter.commit() }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}

  {{ return({'relations': [target_relation]}) }}
{%- endmaterialization %}
