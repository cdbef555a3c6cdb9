{% materialization materialized_view, default %}
  {%- set existing = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='materialized_view') -%}
  {%- set intermediate = make_intermediate_relation(target_relation) -%}
  {%- set backup = make_backup_relation(target_relation, 'materialized_view' if existing is none else existing.type) -%}

  {{ materialized_view_setup(backup, intermediate, pre_hooks) }}

  {%- set build_sql = materialized_view_get_build_sql(existing, target_relation, backup, intermediate) -%}
  {%- if build_sql == '' -%}
    {{ materialized_view_execute_no_op(target_relation) }}
  {%- else -%}
    {{ materialized_view_execute_build_sql(build_sql, existing, target_relation, post_hooks) }}
  {%- endif -%}

  {{ materialized_view_teardown(backup, intermediate, post_hooks) }}

  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#-- Removes what a run that died left, and runs the hooks outside of the transaction. --#}
{% macro materialized_view_setup(backup_relation, intermediate_relation, pre_hooks) -%}
  {{ drop_relation_if_exists(load_cached_relation(backup_relation)) }}
  {{ drop_relation_if_exists(load_cached_relation(intermediate_relation)) }}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
{%- endmacro %}

{% macro materialized_view_teardown(backup_relation, intermediate_relation, post_hooks) -%}
  {{ drop_relation_if_exists(backup_relation) }}
  {{ drop_relation_if_exists(intermediate_relation) }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
{%- endmacro %}

{#-- What brings the view up to date: create it, replace what stands in its place, alter it, or refresh it. Empty where
     `on_configuration_change: continue` leaves it as it is. --#}
{% macro materialized_view_get_build_sql(existing_relation, target_relation, backup_relation, intermediate_relation) -%}
  {%- if existing_relation is none -%}
    {%- do return(get_create_materialized_view_as_sql(target_relation, sql)) -%}
  {%- elif should_full_refresh() or not existing_relation.is_materialized_view -%}
    {%- do return(get_replace_sql(existing_relation, target_relation, sql)) -%}
  {%- endif -%}

  {%- set changes = get_materialized_view_configuration_changes(existing_relation, config) -%}
  {%- if changes is none -%}
    {%- do return(refresh_materialized_view(target_relation)) -%}
  {%- endif -%}
  {%- set wanted = config.get('on_configuration_change') or 'apply' -%}
  {%- set found = 'Configuration changes were identified and `on_configuration_change` was set to `' ~ wanted ~ '` for `'
                  ~ target_relation.render() ~ '`' -%}
  {%- if wanted == 'apply' -%}
    {%- do return(get_alter_materialized_view_as_sql(
      target_relation, changes, sql, existing_relation, backup_relation, intermediate_relation
    )) -%}
  {%- elif wanted == 'continue' -%}
    {%- do exceptions.warn(found) -%}
    {%- do return('') -%}
  {%- elif wanted == 'fail' -%}
    {%- do exceptions.raise_fail_fast_error(found) -%}
  {%- endif -%}
  {%- do exceptions.raise_compiler_error("'" ~ wanted ~ "' is not a value of `on_configuration_change`: it may be apply, continue or fail") -%}
{%- endmacro %}

{% macro materialized_view_execute_no_op(target_relation) -%}
  {%- do store_raw_result(name='main', message='skip ' ~ target_relation, code='skip', rows_affected=-1) -%}
{%- endmacro %}

{% macro materialized_view_execute_build_sql(build_sql, existing_relation, target_relation, post_hooks) -%}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
  {%- call statement(name='main') -%}
    {{ build_sql }}
  {%- endcall -%}
  {%- do apply_grants(target_relation, config.get('grants'), should_revoke=should_revoke(existing_relation, full_refresh_mode=True)) -%}
  {%- do persist_docs(target_relation, model) -%}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {{ adapter.commit() }}
{%- endmacro %}
