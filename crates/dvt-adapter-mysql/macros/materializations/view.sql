{# A view is replaced by one statement. Where a table has the name, the two change places by one atomic RENAME TABLE. #}

{% materialization view, adapter='mysql' %}
  {%- set existing_relation = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='view') -%}
  {%- set intermediate_relation = make_intermediate_relation(target_relation) -%}
  {%- set backup_type = 'view' if existing_relation is none else existing_relation.type -%}
  {%- set backup_relation = make_backup_relation(target_relation, backup_type) -%}
  {%- set grant_config = config.get('grants') -%}
  {%- set takes_turns = existing_relation is not none and not existing_relation.is_view -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}

  {# Left behind by a run that died. #}
  {{ drop_relation_if_exists(load_cached_relation(intermediate_relation)) }}
  {{ drop_relation_if_exists(load_cached_relation(backup_relation)) }}

  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {% call statement('main') -%}
    {{ get_create_view_as_sql(intermediate_relation if takes_turns else target_relation, sql) }}
  {%- endcall %}
  {%- if takes_turns -%}
    {% call statement('swap', auto_begin=False) -%}
      rename table {{ existing_relation }} to {{ backup_relation }}, {{ intermediate_relation }} to {{ target_relation }}
    {%- endcall %}
    {%- do adapter.cache_renamed(existing_relation, backup_relation) -%}
  {%- endif -%}
  {%- do adapter.cache_added(target_relation) -%}

  {%- do apply_grants(target_relation, grant_config,
        should_revoke=should_revoke(existing_relation, full_refresh_mode=takes_turns)) -%}
  {%- do persist_docs(target_relation, model) -%}

  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {{ adapter.commit() }}
  {%- if takes_turns -%}
    {{ drop_relation_if_exists(load_cached_relation(backup_relation)) }}
  {%- endif -%}
  {{ run_hooks(post_hooks, inside_transaction=False) }}

  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
