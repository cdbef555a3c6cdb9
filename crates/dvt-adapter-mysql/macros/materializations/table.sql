{# A table by one atomic RENAME TABLE: readers see the old rows or the new ones, never none.
   A federated result that has landed is adopted by the same rename. Where a table with the same columns is there, it
   keeps its identity (grants, indexes, triggers) and its rows are replaced in one transaction of InnoDB. #}

{% materialization table, adapter='mysql' %}
  {%- set existing_relation = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set intermediate_relation = make_intermediate_relation(target_relation) -%}
  {%- set backup_type = 'table' if existing_relation is none else existing_relation.type -%}
  {%- set backup_relation = make_backup_relation(target_relation, backup_type) -%}
  {%- set grant_config = config.get('grants') -%}

  {# Left behind by a run that died. #}
  {{ drop_relation_if_exists(load_cached_relation(intermediate_relation)) }}
  {{ drop_relation_if_exists(load_cached_relation(backup_relation)) }}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {%- set adopts = landing is not none and adopts_landing() -%}
  {%- set keeps_table = adopts and existing_relation is not none and existing_relation.is_table
        and not should_full_refresh() and landing_fits(landing, existing_relation) -%}

  {%- if keeps_table -%}
    {{ replace_rows_from_landing(landing, target_relation) }}
  {%- else -%}
    {%- if adopts -%}
      {%- call noop_statement('main', 'CREATE TABLE', 'CREATE TABLE') -%}
        {{ sql }}
      {%- endcall -%}
      {{ adopt_landing_relation(landing, intermediate_relation) }}
    {%- else -%}
      {% call statement('main') -%}
        {{ get_create_table_as_sql(False, intermediate_relation, sql) }}
      {%- endcall %}
    {%- endif -%}
    {%- do create_indexes(intermediate_relation) -%}
    {#- A hook, or the drop of something it depended on, may have removed it. -#}
    {%- set existing_relation = load_cached_relation(this) -%}
    {% call statement('swap', auto_begin=False) -%}
      rename table
      {%- if existing_relation is not none %} {{ existing_relation }} to {{ backup_relation }},{% endif %}
        {{ intermediate_relation }} to {{ target_relation }}
    {%- endcall %}
    {%- if existing_relation is not none -%}
      {%- do adapter.cache_renamed(existing_relation, backup_relation) -%}
    {%- endif -%}
    {%- do adapter.cache_renamed(intermediate_relation, target_relation) -%}
  {%- endif -%}

  {{ run_hooks(post_hooks, inside_transaction=True) }}

  {%- do apply_grants(target_relation, grant_config,
        should_revoke=should_revoke(existing_relation, full_refresh_mode=not keeps_table)) -%}
  {%- do persist_docs(target_relation, model) -%}

  {{ adapter.commit() }}
  {%- if not keeps_table -%}
    {{ drop_relation_if_exists(load_cached_relation(backup_relation)) }}
  {%- endif -%}
  {{ run_hooks(post_hooks, inside_transaction=False) }}

  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% macro mysql__adopt_landing_relation(landing, target) -%}
  {% call statement('adopt_landing_relation', auto_begin=False) -%}
    rename table {{ landing }} to {{ target }}
  {%- endcall %}
  {%- do adapter.cache_renamed(landing, target) -%}
{%- endmacro %}

{# The transaction is opened in the text: DDL of a hook may have ended the one that the session thinks is open, and two
   statements that commit by themselves would show readers an empty table. #}
{% macro mysql__replace_rows_from_landing(landing, target) -%}
  {%- set columns = adapter.get_columns_in_relation(landing) | map(attribute='quoted') | join(', ') -%}
  {% call statement('delete_rows') -%}
    start transaction;
    delete from {{ target }}
  {%- endcall %}
  {% call statement('main') -%}
    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ landing }}
  {%- endcall %}
{%- endmacro %}
