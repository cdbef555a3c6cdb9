{#-- Runs the SQL between the tags and keeps the answer under a name, for load_result(). --#}
{%- macro statement(name=none, fetch_result=false, auto_begin=true, language='sql') -%}
  {%- if execute -%}
    {%- set compiled = caller() -%}
    {%- if name == 'main' -%}
      {{- log('Writing runtime ' ~ language ~ ' for node "' ~ model['unique_id'] ~ '"') -}}
      {{- write(compiled) -}}
    {%- endif -%}
    {%- if language != 'sql' -%}
      {%- do exceptions.raise_compiler_error("statement() cannot run the language '" ~ language ~ "'") -%}
    {%- endif -%}
    {%- set response, table = adapter.execute(compiled, auto_begin=auto_begin, fetch=fetch_result) -%}
    {%- if name is not none -%}
      {{- store_result(name, response=response, agate_table=table) -}}
    {%- endif -%}
  {%- endif -%}
{%- endmacro -%}

{#-- Keeps an answer without running anything; the SQL between the tags is only written to target/run. --#}
{%- macro noop_statement(name=none, message=none, code=none, rows_affected=none, res=none) -%}
  {%- set sql = caller() -%}
  {%- if name == 'main' -%}
    {{- log('Writing runtime SQL for node "' ~ model['unique_id'] ~ '"') -}}
    {{- write(sql) -}}
  {%- endif -%}
  {%- if name is not none -%}
    {{- store_raw_result(name, message=message, code=code, rows_affected=rows_affected, agate_table=res) -}}
  {%- endif -%}
{%- endmacro -%}

{#-- The rows of a query, as a table; none while parsing. --#}
{%- macro run_query(sql) -%}
  {%- call statement('run_query_statement', fetch_result=true, auto_begin=false) -%}
    {{ sql }}
  {%- endcall -%}
  {%- do return(load_result('run_query_statement').table if execute else none) -%}
{%- endmacro -%}
