{# A table in one transaction: SQLite's DDL takes part in it, so readers see the old table or the new one.
   A federated result that has landed is adopted: renamed to the target, or, where a table with the same columns is there,
   its rows replace that table's, which keeps indexes and triggers. #}

{% materialization table, adapter='sqlite' %}
  {%- set existing_relation = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set intermediate_relation = make_intermediate_relation(target_relation) -%}
  {%- set grant_config = config.get('grants') -%}

  {# Left behind by a run that died. #}
  {{ drop_relation_if_exists(load_cached_relation(intermediate_relation)) }}

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
      {#- The query may read the table that it replaces, so the new one is made beside it. -#}
      {% call statement('main') -%}
        {{ get_create_table_as_sql(False, intermediate_relation, sql) }}
      {%- endcall %}
    {%- endif -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {% call statement('swap') -%}
      {%- if existing_relation is not none %}
      drop {{ existing_relation.type }} if exists {{ existing_relation }};
      {%- endif %}
      {{ sqlite__get_rename_table_sql(intermediate_relation, target_relation.identifier) }}
    {%- endcall %}
    {%- if existing_relation is not none -%}
      {%- do adapter.cache_dropped(existing_relation) -%}
    {%- endif -%}
    {%- do adapter.cache_renamed(intermediate_relation, target_relation) -%}
    {%- do create_indexes(target_relation) -%}
  {%- endif -%}

  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {%- do apply_grants(target_relation, grant_config, should_revoke=False) -%}
  {%- do persist_docs(target_relation, model) -%}
  {{ adapter.commit() }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}

  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% macro sqlite__adopt_landing_relation(landing, target) -%}
  {% call statement('adopt_landing_relation') -%}
    {{ sqlite__get_rename_table_sql(landing, target.identifier) }}
  {%- endcall %}
  {%- do adapter.cache_renamed(landing, target) -%}
{%- endmacro %}

{# Declared words decide how values are read, so they have to be the same, letter case aside. #}
{% macro sqlite__landing_fits(landing, existing) -%}
  {%- set declared = [] -%}
  {%- for relation in [landing, existing] -%}
    {%- set query -%}
      select name, lower(type) as type, "notnull"
      from pragma_table_xinfo({{ sqlite__literal(relation.identifier) }}, {{ sqlite__literal(relation.schema) }})
      where hidden <> 1 order by cid
    {%- endset -%}
    {%- set columns = [] -%}
    {%- for row in run_query(query).rows -%}
      {%- do columns.append(row[0] ~ ' ' ~ row[1]) -%}
    {%- endfor -%}
    {%- do declared.append(columns) -%}
  {%- endfor -%}
  {{ return(declared[0] == declared[1]) }}
{%- endmacro %}
