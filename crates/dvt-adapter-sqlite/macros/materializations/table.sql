{# A table in one transaction: SQLite's DDL takes part in it, so readers see the old table or the new one.
   A federated result that has landed is adopted: renamed to the target, or, where a table with the same columns is there,
   its rows replace that table's, which keeps indexes and triggers. #}

{% materialization table, adapter='sqlite' %}
  {%- set existing_relation = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='table') -%}
  {%- set grant_config = config.get('grants') -%}
  {%- set contract_config = config.get('contract') -%}
  {%- set is_contracted = contract_config and contract_config.enforced -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {%- set keeps_identity = landing is not none and not is_contracted and not should_full_refresh()
        and existing_relation is not none and existing_relation.is_table
        and sqlite__has_same_columns(existing_relation, landing) -%}

  {%- if keeps_identity -%}
    {%- set columns = adapter.get_columns_in_relation(landing) | map(attribute='quoted') | join(', ') -%}
    {% call statement('main') -%}
      delete from {{ target_relation }};
      insert into {{ target_relation }} ({{ columns }}) select {{ columns }} from {{ landing }}
    {%- endcall %}
  {%- elif landing is not none and not is_contracted -%}
    {% call statement('main') -%}
      {%- if existing_relation is not none %}
      drop {{ existing_relation.type }} if exists {{ existing_relation }};
      {%- endif %}
      {{ sqlite__rename_table_sql(landing, target_relation) }}
    {%- endcall %}
    {%- if existing_relation is not none -%}
      {% do adapter.cache_dropped(existing_relation) %}
    {%- endif -%}
    {% do adapter.cache_renamed(landing, target_relation) %}
    {% do create_indexes(target_relation) %}
  {%- else -%}
    {#- The query may read the table that it replaces, so the new one is made beside it. -#}
    {%- set intermediate_relation = make_intermediate_relation(target_relation) -%}
    {{ drop_relation_if_exists(load_cached_relation(intermediate_relation)) }}
    {% call statement('main') -%}
      {{ get_create_table_as_sql(False, intermediate_relation, sql) }}
    {%- endcall %}
    {% call statement('swap') -%}
      {%- if existing_relation is not none %}
      drop {{ existing_relation.type }} if exists {{ existing_relation }};
      {%- endif %}
      {{ sqlite__rename_table_sql(intermediate_relation, target_relation) }}
    {%- endcall %}
    {%- if existing_relation is not none -%}
      {% do adapter.cache_dropped(existing_relation) %}
    {%- endif -%}
    {% do adapter.cache_added(target_relation) %}
    {% do create_indexes(target_relation) %}
  {%- endif -%}

  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {% do apply_grants(target_relation, grant_config, should_revoke=False) %}
  {% do persist_docs(target_relation, model) %}
  {{ adapter.commit() }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}

  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% macro sqlite__has_same_columns(left, right) -%}
  {%- set query -%}
    select name, type from pragma_table_xinfo({{ sqlite__literal(left.identifier) }}, {{ sqlite__literal(left.schema) }})
    where hidden <> 1 order by cid
  {%- endset -%}
  {%- set other -%}
    select name, type from pragma_table_xinfo({{ sqlite__literal(right.identifier) }}, {{ sqlite__literal(right.schema) }})
    where hidden <> 1 order by cid
  {%- endset -%}
  {%- set left_columns = [] -%}
  {%- for row in run_query(query).rows -%}{%- do left_columns.append((row[0], row[1] | lower)) -%}{%- endfor -%}
  {%- set right_columns = [] -%}
  {%- for row in run_query(other).rows -%}{%- do right_columns.append((row[0], row[1] | lower)) -%}{%- endfor -%}
  {{ return(left_columns == right_columns) }}
{%- endmacro %}
