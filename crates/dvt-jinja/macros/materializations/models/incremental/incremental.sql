{% materialization incremental, default -%}
  {%- set existing = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set intermediate = make_intermediate_relation(target_relation) -%}
  {%- set backup = make_backup_relation(target_relation, 'table' if existing is none else existing.type) -%}
  {%- set temp_relation = make_temp_relation(target_relation) -%}

  {%- set unique_key = config.get('unique_key') -%}
  {%- set grant_config = config.get('grants') -%}
  {%- set on_schema_change = incremental_validate_on_schema_change(config.get('on_schema_change'), default='ignore') -%}
  {#-- What is not a table cannot be added to: it gives way. --#}
  {%- set starts_anew = existing is none or not existing.is_table or should_full_refresh() -%}
  {%- set full_refresh_mode = existing is not none and starts_anew -%}

  {#-- Left behind by a run that died. --#}
  {{ drop_relation_if_exists(load_cached_relation(intermediate)) }}
  {{ drop_relation_if_exists(load_cached_relation(backup)) }}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {%- set strategy = config.get('incremental_strategy') or 'default' -%}
  {%- set strategy_macro = adapter.get_incremental_strategy_macro(context, strategy) -%}

  {%- if starts_anew -%}
    {%- set built = target_relation if existing is none else intermediate -%}
    {%- if landing is not none and adopts_landing() -%}
      {%- call noop_statement('main', 'CREATE TABLE', 'CREATE TABLE') -%}
        {{ sql }}
      {%- endcall -%}
      {{ adopt_landing_relation(landing, built) }}
    {%- else -%}
      {%- call statement('main') -%}
        {{ get_create_table_as_sql(False, built, sql) }}
      {%- endcall -%}
    {%- endif -%}
    {%- do create_indexes(built) -%}
    {%- if full_refresh_mode -%}
      {{ adapter.rename_relation(existing, backup) }}
      {{ adapter.rename_relation(intermediate, target_relation) }}
    {%- endif -%}
  {%- else -%}
    {#-- The transaction begins here, so that a change of columns is undone when the rows cannot be written. --#}
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
  {%- endif -%}

  {%- do apply_grants(target_relation, grant_config, should_revoke=should_revoke(existing, full_refresh_mode)) -%}
  {%- do persist_docs(target_relation, model) -%}

  {{ run_hooks(post_hooks, inside_transaction=True) }}

  {{ adapter.commit() }}

  {%- if full_refresh_mode -%}
    {{ drop_relation_if_exists(backup) }}
  {%- elif not starts_anew -%}
    {{ dvt_drop_temp_relation(temp_relation) }}
  {%- endif -%}

  {{ run_hooks(post_hooks, inside_transaction=False) }}

  {{ return({'relations': [target_relation]}) }}
{%- endmaterialization %}

{#-- Where temporary tables end with the session there is nothing to do; an engine without them drops its stand-in. --#}
{% macro dvt_drop_temp_relation(temp_relation) -%}
  {{- adapter.dispatch('dvt_drop_temp_relation', 'dbt')(temp_relation) -}}
{%- endmacro %}

{% macro default__dvt_drop_temp_relation(temp_relation) -%}
{%- endmacro %}
