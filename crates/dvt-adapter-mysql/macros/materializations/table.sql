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
  {%- set contract_config = config.get('contract') -%}
  {%- set is_contracted = contract_config and contract_config.enforced -%}

  {{ drop_relation_if_exists(load_cached_relation(intermediate_relation)) }}
  {{ drop_relation_if_exists(load_cached_relation(backup_relation)) }}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {%- set keeps_identity = landing is not none and not is_contracted and not should_full_refresh()
        and existing_relation is not none and existing_relation.is_table
        and mysql__has_same_columns(existing_relation, landing) -%}

  {%- if keeps_identity -%}
    {% call statement('main') -%}
      {{ mysql__replace_rows_sql(target_relation, landing) }}
    {%- endcall %}
  {%- else -%}
    {%- set new_relation = intermediate_relation -%}
    {%- if landing is not none and not is_contracted -%}
      {%- set new_relation = landing -%}
    {%- else -%}
      {% call statement('main') -%}
        {{ get_create_table_as_sql(False, intermediate_relation, sql) }}
      {%- endcall %}
      {% do create_indexes(intermediate_relation) %}
    {%- endif -%}
    {% call statement('swap', auto_begin=False) -%}
      rename table
      {%- if existing_relation is not none %} {{ existing_relation }} to {{ backup_relation }},{% endif %}
        {{ new_relation }} to {{ target_relation }}
    {%- endcall %}
    {%- if existing_relation is not none -%}
      {% do adapter.cache_renamed(existing_relation, backup_relation) %}
    {%- endif -%}
    {% do adapter.cache_renamed(new_relation, target_relation) %}
    {%- if new_relation == landing -%}
      {% do create_indexes(target_relation) %}
    {%- endif -%}
  {%- endif -%}

  {{ run_hooks(post_hooks, inside_transaction=True) }}

  {% set should_revoke = should_revoke(existing_relation, full_refresh_mode=True) %}
  {% do apply_grants(target_relation, grant_config, should_revoke=should_revoke) %}
  {% do persist_docs(target_relation, model) %}

  {{ adapter.commit() }}
  {{ drop_relation_if_exists(backup_relation) }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}

  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{# The transaction is opened here, since DDL of a hook may have ended one that was open; `adapter.commit()` ends it. #}
{% macro mysql__replace_rows_sql(target, source) -%}
  {%- set columns = adapter.get_columns_in_relation(source) | map(attribute='quoted') | join(', ') -%}
  start transaction;
  delete from {{ target }};
  insert into {{ target }} ({{ columns }}) select {{ columns }} from {{ source }}
{%- endmacro %}

{% macro mysql__has_same_columns(left, right) -%}
  {%- set left_columns = [] -%}
  {%- for column in adapter.get_columns_in_relation(left) -%}
    {%- do left_columns.append((column.name, column.data_type)) -%}
  {%- endfor -%}
  {%- set right_columns = [] -%}
  {%- for column in adapter.get_columns_in_relation(right) -%}
    {%- do right_columns.append((column.name, column.data_type)) -%}
  {%- endfor -%}
  {{ return(left_columns == right_columns) }}
{%- endmacro %}
