{%- materialization test, default -%}
  {%- set relations = [] -%}
  {%- set main_sql = sql -%}
  {%- set sql_header = config.get('sql_header') -%}

  {%- if should_store_failures() -%}
    {%- set store_as = config.get('store_failures_as') or 'table' -%}
    {%- if store_as not in ['table', 'view'] -%}
      {%- do exceptions.raise_compiler_error("'" ~ store_as ~ "' is not a valid value for `store_failures_as`. Accepted values are: ['ephemeral', 'table', 'view']") -%}
    {%- endif -%}
    {%- set identifier = model['alias'] -%}
    {%- set old_relation = adapter.get_relation(database=database, schema=schema, identifier=identifier) -%}
    {%- set failures = api.Relation.create(identifier=identifier, schema=schema, database=database, type=store_as) -%}
    {%- if old_relation -%}
      {%- do adapter.drop_relation(old_relation) -%}
    {%- endif -%}
    {%- call statement(auto_begin=True) -%}
      {{ get_create_sql(failures, sql) }}
    {%- endcall -%}
    {%- do relations.append(failures) -%}
    {%- set main_sql -%}
      select * from {{ failures }}
    {%- endset -%}
    {{ adapter.commit() }}
  {%- endif -%}

  {%- call statement('main', fetch_result=True) -%}
    {%- if sql_header -%}
    {{ sql_header }}
    {% endif -%}
    {{ get_test_sql(main_sql, config.get('fail_calc'), config.get('warn_if'), config.get('error_if'), config.get('limit')) }}
  {%- endcall -%}

  {{ return({'relations': relations}) }}
{%- endmaterialization -%}
