{#-- Runs a unit test: what the model returns and what it should return, as one result with a column that tells them
     apart. An empty table made from the model's query gives the types of the expected values. --#}
{%- materialization unit, default -%}
  {%- set sql_header = config.get('sql_header') if flags.REQUIRE_SQL_HEADER_IN_TEST_CONFIGS else none -%}
  {%- set expected_rows = config.get('expected_rows') or [] -%}
  {%- set expected_sql = config.get('expected_sql') -%}
  {%- if expected_rows | length > 0 -%}
    {%- set tested_columns = expected_rows[0].keys() | list -%}
  {%- else -%}
    {%- set tested_columns = get_columns_in_query(sql) -%}
  {%- endif -%}

  {%- set probe = make_temp_relation(this.incorporate(type='table')) -%}
  {%- do run_query(get_create_table_as_sql(True, probe, get_empty_subquery_sql(sql))) -%}
  {%- set types = {} -%}
  {%- set quoted = {} -%}
  {%- for column in adapter.get_columns_in_relation(probe) -%}
    {%- do types.update({column.name | lower: column.data_type}) -%}
    {%- do quoted.update({column.name | lower: column.quoted}) -%}
  {%- endfor -%}

  {%- if not expected_sql -%}
    {%- set expected_sql = get_expected_sql(expected_rows, types, quoted) -%}
  {%- endif -%}
  {%- set compared = [] -%}
  {%- for name in tested_columns -%}
    {%- do compared.append(quoted[name | lower]) -%}
  {%- endfor -%}

  {%- call statement('main', fetch_result=True) -%}
    {%- if sql_header -%}
    {{ sql_header }}
    {% endif -%}
    {{ get_unit_test_sql(sql, expected_sql, compared) }}
  {%- endcall -%}

  {%- do adapter.drop_relation(probe) -%}
  {{ return({'relations': []}) }}
{%- endmaterialization -%}
