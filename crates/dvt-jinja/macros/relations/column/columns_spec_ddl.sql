{#-- The column list of a contract's `create table`, with constraints. --#}
{%- macro get_table_columns_and_constraints() -%}
  {{- adapter.dispatch('get_table_columns_and_constraints', 'dbt')() -}}
{%- endmacro -%}

{%- macro default__get_table_columns_and_constraints() -%}
  {{- table_columns_and_constraints() -}}
{%- endmacro -%}

{%- macro table_columns_and_constraints() -%}
  {%- set lines = adapter.render_raw_columns_constraints(raw_columns=model['columns'])
                + adapter.render_raw_model_constraints(raw_constraints=model['constraints']) -%}
  (
    {{ lines | join(',\n    ') }}
  )
{%- endmacro -%}

{#-- Stops when the query's columns are not those of the contract. --#}
{%- macro get_assert_columns_equivalent(sql) -%}
  {{- adapter.dispatch('get_assert_columns_equivalent', 'dbt')(sql) -}}
{%- endmacro -%}

{%- macro default__get_assert_columns_equivalent(sql) -%}
  {{- assert_columns_equivalent(sql) -}}
{%- endmacro -%}

{%- macro assert_columns_equivalent(sql) -%}
  {%- set contract_columns = model['columns'] -%}
  {%- if not contract_columns -%}
    {%- do exceptions.raise_compiler_error('A contract needs columns: none are defined for ' ~ model['unique_id']) -%}
  {%- endif -%}
  {%- set query_schema = get_column_schema_from_query(sql, config.get('sql_header', none)) -%}
  {%- set contract_schema = get_column_schema_from_query(get_empty_schema_sql(contract_columns)) -%}
  {%- set problems = [] -%}
  {%- for wanted in contract_schema -%}
    {%- set found = query_schema | selectattr('name', 'equalto', wanted.name) | list | first -%}
    {%- if not found -%}
      {%- do problems.append('| ' ~ wanted.name ~ ' |  | ' ~ wanted.dtype ~ ' | missing in definition |') -%}
    {%- elif found.dtype != wanted.dtype -%}
      {%- do problems.append('| ' ~ wanted.name ~ ' | ' ~ found.dtype ~ ' | ' ~ wanted.dtype ~ ' | data type mismatch |') -%}
    {%- endif -%}
  {%- endfor -%}
  {%- set wanted_names = contract_schema | map(attribute='name') | list -%}
  {%- for found in query_schema -%}
    {%- if found.name not in wanted_names -%}
      {%- do problems.append('| ' ~ found.name ~ ' | ' ~ found.dtype ~ ' |  | missing in contract |') -%}
    {%- endif -%}
  {%- endfor -%}
  {%- if problems -%}
    {%- do exceptions.raise_compiler_error("This model has an enforced contract that failed.\nPlease ensure the name, data_type, and number of columns in your contract match the columns in your model's definition.\n\n| column_name | definition_type | contract_type | mismatch_reason |\n" ~ (problems | join('\n'))) -%}
  {%- endif -%}
{%- endmacro -%}

{%- macro format_columns(columns) -%}
  {%- set formatted = [] -%}
  {%- for column in columns -%}
    {%- do formatted.append(adapter.dispatch('format_column', 'dbt')(column)) -%}
  {%- endfor -%}
  {%- do return(formatted) -%}
{%- endmacro -%}

{%- macro default__format_column(column) -%}
  {%- do return({'name': column.name, 'data_type': column.dtype, 'formatted': column.name ~ ' ' ~ column.dtype}) -%}
{%- endmacro -%}
