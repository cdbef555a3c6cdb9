{# Tables and views by `create or replace`, which readers see as one step. A federated result that has landed becomes the
   table by a rename where nothing is in its place; where a table with the same columns is there, `insert overwrite` gives
   it the new rows in one step, and else the new table is made from the landing relation. #}

{% materialization table, adapter='snowflake' %}
  {%- set existing_relation = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set grant_config = config.get('grants') -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {%- if existing_relation is not none and not existing_relation.is_table -%}
    {{ drop_relation_if_exists(existing_relation) }}
    {%- set existing_relation = none -%}
  {%- endif -%}
  {%- set adopts = landing is not none and adopts_landing() -%}
  {%- set keeps_table = adopts and existing_relation is not none and not should_full_refresh()
        and landing_fits(landing, existing_relation) -%}

  {%- if keeps_table -%}
    {{ replace_rows_from_landing(landing, target_relation) }}
  {%- elif adopts and existing_relation is none -%}
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
  {%- do apply_grants(target_relation, grant_config, should_revoke=should_revoke(existing_relation, full_refresh_mode=not keeps_table)) -%}
  {%- do persist_docs(target_relation, model) -%}
  {{ adapter.commit() }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}

  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% materialization view, adapter='snowflake' %}
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

{# The new name is written as the model's own: without quotes it is stored in capitals. #}
{% macro snowflake__adopt_landing_relation(landing, target) -%}
  {%- call statement('adopt_landing_relation', auto_begin=False) -%}
    alter table {{ landing }} rename to {{ target }}
  {%- endcall -%}
{%- endmacro %}

{% macro snowflake__replace_rows_from_landing(landing, target) -%}
  {%- set columns = adapter.get_columns_in_relation(target) | map(attribute='quoted') | join(', ') -%}
  {%- call statement('main', auto_begin=False) -%}
    insert overwrite into {{ target }} ({{ columns }})
    select {{ columns }} from {{ landing }}
  {%- endcall -%}
{%- endmacro %}
