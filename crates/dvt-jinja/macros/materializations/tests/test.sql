{%- materialization test, default -%}
  {%- set relations = [] -%}
  {%- set sql_header = config.get('sql_header') if flags.REQUIRE_SQL_HEADER_IN_TEST_CONFIGS else none -%}
  {%- set main_sql = get_limit_subquery_sql(sql, config.get('limit')) -%}

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
      {{ sql_header or '' }}
      {{ get_create_sql(failures, main_sql) }}
    {%- endcall -%}
    {%- do relations.append(failures) -%}
    {#-- The failures are counted where they are kept: the test's query runs once. --#}
    {%- set main_sql -%}
      select *
      from {{ failures }}
    {%- endset -%}
    {{ adapter.commit() }}
  {%- endif -%}

  {%- call statement('main', fetch_result=True) -%}
    {{ sql_header or '' }}
    {{ get_test_sql(main_sql, config.get('fail_calc'), config.get('warn_if'), config.get('error_if'), limit=none) }}
  {%- endcall -%}

  {{ return({'relations': relations}) }}
{%- endmaterialization -%}
