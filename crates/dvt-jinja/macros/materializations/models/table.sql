{% materialization table, default %}
  {%- set existing = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set intermediate = make_intermediate_relation(target_relation) -%}
  {%- set backup = make_backup_relation(target_relation, 'table' if existing is none else existing.type) -%}
  {%- set grant_config = config.get('grants') -%}

  {#-- Left behind by a run that died. --#}
  {{ drop_relation_if_exists(load_cached_relation(intermediate)) }}
  {{ drop_relation_if_exists(load_cached_relation(backup)) }}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {%- set adopts = landing is not none and adopts_landing() -%}
  {%- set keeps_table = adopts and existing is not none and existing.is_table
                        and not should_full_refresh() and landing_fits(landing, existing) -%}
  {%- if keeps_table -%}
    {{ replace_rows_from_landing(landing, target_relation) }}
  {%- else -%}
    {%- if adopts -%}
      {%- call noop_statement('main', 'CREATE TABLE', 'CREATE TABLE') -%}
        {{ sql }}
      {%- endcall -%}
      {{ adopt_landing_relation(landing, intermediate) }}
    {%- else -%}
      {%- call statement('main') -%}
        {{ get_create_table_as_sql(False, intermediate, sql) }}
      {%- endcall -%}
    {%- endif -%}
    {%- do create_indexes(intermediate) -%}

    {%- if existing is not none -%}
      {#-- A hook, or the drop of something it depended on, may have removed it. --#}
      {%- set existing = load_cached_relation(existing) -%}
      {%- if existing is not none -%}
        {{ adapter.rename_relation(existing, backup) }}
      {%- endif -%}
    {%- endif -%}
    {{ adapter.rename_relation(intermediate, target_relation) }}
  {%- endif -%}

  {{ run_hooks(post_hooks, inside_transaction=True) }}

  {%- do apply_grants(target_relation, grant_config, should_revoke=should_revoke(existing, full_refresh_mode=not keeps_table)) -%}
  {%- do persist_docs(target_relation, model) -%}

  {{ adapter.commit() }}

  {%- if not keeps_table -%}
    {{ drop_relation_if_exists(load_cached_relation(backup)) }}
  {%- endif -%}
  {{ run_hooks(post_hooks, inside_transaction=False) }}

  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
