{% macro get_replace_view_sql(relation, sql) -%}
  {{- adapter.dispatch('get_replace_view_sql', 'dbt')(relation, sql) -}}
{%- endmacro %}

{% macro default__get_replace_view_sql(relation, sql) -%}
  create or replace view {{ relation.render() }} as (
    {{ sql }}
  )
{%- endmacro %}

{#-- The body of a view materialization for engines with `create or replace view`. --#}
{% macro create_or_replace_view() -%}
  {%- set target_relation = this.incorporate(type='view') -%}
  {%- set existing = adapter.get_relation(database=database, schema=schema, identifier=model['alias']) -%}
  {%- set grant_config = config.get('grants') -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {%- if existing is not none and not existing.is_view -%}
    {{ handle_existing_table(should_full_refresh(), existing) }}
  {%- endif -%}
  {%- call statement('main') -%}
    {{ get_replace_view_sql(target_relation, sql) }}
  {%- endcall -%}

  {%- do apply_grants(target_relation, grant_config, should_revoke=should_revoke(existing, full_refresh_mode=True)) -%}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {{ adapter.commit() }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {%- do return({'relations': [target_relation]}) -%}
{%- endmacro %}

{% macro handle_existing_table(full_refresh, old_relation) -%}
  {{- adapter.dispatch('handle_existing_table', 'dbt')(full_refresh, old_relation) -}}
{%- endmacro %}

{% macro default__handle_existing_table(full_refresh, old_relation) -%}
  {{- log('Dropping relation ' ~ old_relation.render() ~ ' because it is of type ' ~ old_relation.type) -}}
  {{- adapter.drop_relation(old_relation) -}}
{%- endmacro %}
