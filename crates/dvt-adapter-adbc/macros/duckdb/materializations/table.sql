{# A table in one transaction: readers see the old one or the new one. DuckDB renames no table that has an index, so the old
   table is dropped, the new one renamed, and its indexes are made then. A federated result that has landed is adopted;
   where a table with the same columns is there, its rows replace that table's. #}

{% materialization table, adapter='duckdb' %}
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
    {{ duckdb__dvt_build_table(intermediate_relation, sql) }}
    {{ duckdb__dvt_take_the_place(intermediate_relation, target_relation) }}
    {%- do create_indexes(target_relation) -%}
  {%- endif -%}

  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {%- do apply_grants(target_relation, grant_config, should_revoke=False) -%}
  {%- do persist_docs(target_relation, model) -%}
  {{ adapter.commit() }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}

  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{# Makes `relation`, which is not there, from the query or from the landing relation. #}
{% macro duckdb__dvt_build_table(relation, sql) -%}
  {%- if landing is not none and adopts_landing() -%}
    {%- call noop_statement('main', 'CREATE TABLE', 'CREATE TABLE') -%}
      {{ sql }}
    {%- endcall -%}
    {{ adopt_landing_relation(landing, relation) }}
    {%- do adapter.cache_renamed(landing, relation) -%}
  {%- else -%}
    {% call statement('main') -%}
      {{ get_create_table_as_sql(False, relation, sql) }}
    {%- endcall %}
  {%- endif -%}
{%- endmacro %}

{# Gives the new table the name of the target, whose old relation goes. #}
{% macro duckdb__dvt_take_the_place(new_relation, target_relation) -%}
  {%- set existing_relation = load_cached_relation(target_relation) -%}
  {% call statement('swap') -%}
    {%- if existing_relation is not none %}
    drop {{ existing_relation.type }} if exists {{ existing_relation }};
    {%- endif %}
    alter table {{ new_relation }} rename to {{ adapter.quote(target_relation.identifier) }}
  {%- endcall %}
  {%- if existing_relation is not none -%}
    {%- do adapter.cache_dropped(existing_relation) -%}
  {%- endif -%}
  {%- do adapter.cache_renamed(new_relation, target_relation) -%}
{%- endmacro %}
