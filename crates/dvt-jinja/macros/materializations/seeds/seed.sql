{% materialization seed, default %}
  {%- set full_refresh = should_full_refresh() -%}
  {%- set old_relation = adapter.get_relation(database=database, schema=schema, identifier=model['alias']) -%}
  {%- set grant_config = config.get('grants') -%}
  {%- set agate_table = load_agate_table() -%}
  {%- do store_result('agate_table', response='OK', agate_table=agate_table) -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {%- if old_relation is not none and old_relation.is_view -%}
    {%- do exceptions.raise_compiler_error("Cannot seed to '" ~ old_relation.render() ~ "', it is a view") -%}
  {%- elif old_relation is not none -%}
    {%- set create_table_sql = reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
  {%- else -%}
    {%- set create_table_sql = create_csv_table(model, agate_table) -%}
  {%- endif -%}

  {%- set code = 'CREATE' if full_refresh else 'INSERT' -%}
  {%- set row_count = agate_table.rows | length -%}
  {%- set load_sql = load_csv_rows(model, agate_table) -%}
  {%- call noop_statement('main', code ~ ' ' ~ row_count, code, row_count) -%}
    {{ get_csv_sql(create_table_sql, load_sql) }}
  {%- endcall -%}

  {%- set target_relation = this.incorporate(type='table') -%}
  {%- do apply_grants(target_relation, grant_config, should_revoke=should_revoke(old_relation, full_refresh_mode=full_refresh)) -%}
  {%- do persist_docs(target_relation, model) -%}
  {%- if full_refresh or old_relation is none -%}
    {%- do create_indexes(target_relation) -%}
  {%- endif -%}

  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {{ adapter.commit() }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}

  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
