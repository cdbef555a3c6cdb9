{#-- The columns of a relation, in order, as a list of Column objects. --#}
{% macro get_columns_in_relation(relation) -%}
  {%- do return(adapter.dispatch('get_columns_in_relation', 'dbt')(relation)) -%}
{%- endmacro %}

{% macro default__get_columns_in_relation(relation) -%}
  {%- set sql -%}
    select column_name, data_type, character_maximum_length, numeric_precision, numeric_scale
    from {{ relation.information_schema('columns') }}
    where table_name = {{ dvt_literal(relation.identifier) }}
    {%- if relation.schema %} and table_schema = {{ dvt_literal(relation.schema) }}{% endif %}
    order by ordinal_position
  {%- endset -%}
  {%- do return(sql_convert_columns_in_relation(run_query(sql))) -%}
{%- endmacro %}

{#-- Rows of name, type, length, precision, scale as Column objects. --#}
{% macro sql_convert_columns_in_relation(table) -%}
  {%- set columns = [] -%}
  {%- for row in table -%}
    {%- do columns.append(api.Column(*row)) -%}
  {%- endfor -%}
  {%- do return(columns) -%}
{%- endmacro %}

{% macro get_list_of_column_names(columns) -%}
  {%- do return(columns | map(attribute='name') | list) -%}
{%- endmacro %}

{#-- The query's columns without its rows. --#}
{% macro get_empty_subquery_sql(select_sql, select_sql_header=none) -%}
  {%- do return(adapter.dispatch('get_empty_subquery_sql', 'dbt')(select_sql, select_sql_header)) -%}
{%- endmacro %}

{% macro default__get_empty_subquery_sql(select_sql, select_sql_header=none) -%}
  {%- if select_sql_header is not none -%}
    {{ select_sql_header }}
  {%- endif %}
    select * from (
        {{ select_sql }}
    ) as __dbt_sbq
    where false
    limit 0
{%- endmacro %}

{#-- A query that gives a contract's columns with their types, and no rows. --#}
{% macro get_empty_schema_sql(columns) -%}
  {%- do return(adapter.dispatch('get_empty_schema_sql', 'dbt')(columns)) -%}
{%- endmacro %}

{% macro default__get_empty_schema_sql(columns) -%}
  {%- set untyped = [] -%}
  {%- set unscaled = [] -%}
  {%- set expressions = [] -%}
  {%- for column in columns.values() -%}
    {%- set name = adapter.quote(column['name']) if column.get('quote') else column['name'] -%}
    {%- if column['data_type'] -%}
      {%- if (column['data_type'] | trim | lower) in ['numeric', 'decimal', 'number'] -%}
        {%- do unscaled.append(column['name']) -%}
      {%- endif -%}
      {%- do expressions.append(cast('null', column['data_type']) ~ ' as ' ~ name) -%}
    {%- else -%}
      {%- do untyped.append(column['name']) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- if untyped -%}
    {%- do exceptions.column_type_missing(column_names=untyped) -%}
  {%- elif unscaled -%}
    {%- do exceptions.warn("Detected columns with numeric type and unspecified precision/scale, this can lead to unintended rounding: " ~ unscaled) -%}
  {%- endif -%}
  select {{ expressions | join(', ') }} limit 0
{%- endmacro %}

{#-- Name and type of a query's columns. --#}
{% macro get_column_schema_from_query(select_sql, select_sql_header=none) -%}
  {%- set empty = get_empty_subquery_sql(select_sql, select_sql_header) -%}
  {%- do return(adapter.get_column_schema_from_query(empty)) -%}
{%- endmacro %}

{#-- The names of a query's columns. --#}
{% macro get_columns_in_query(select_sql) -%}
  {%- do return(adapter.dispatch('get_columns_in_query', 'dbt')(select_sql)) -%}
{%- endmacro %}

{% macro default__get_columns_in_query(select_sql) -%}
  {%- call statement('get_columns_in_query', fetch_result=true, auto_begin=false) -%}
    {{ get_empty_subquery_sql(select_sql) }}
  {%- endcall -%}
  {%- do return(load_result('get_columns_in_query').table.column_names | list) -%}
{%- endmacro %}

{% macro alter_column_type(relation, column_name, new_column_type) -%}
  {%- do return(adapter.dispatch('alter_column_type', 'dbt')(relation, column_name, new_column_type)) -%}
{%- endmacro %}

{#-- Through a new column, so that it works where a type cannot be changed in place. --#}
{% macro default__alter_column_type(relation, column_name, new_column_type) -%}
  {%- set column = adapter.quote(column_name) -%}
  {%- set interim = adapter.quote(column_name ~ '__dbt_alter') -%}
  {%- call statement('alter_column_type') -%}
    alter table {{ relation.render() }} add column {{ interim }} {{ new_column_type }};
    update {{ relation.render() }} set {{ interim }} = {{ column }};
    alter table {{ relation.render() }} drop column {{ column }} cascade;
    alter table {{ relation.render() }} rename column {{ interim }} to {{ column }}
  {%- endcall -%}
{%- endmacro %}

{% macro alter_relation_add_remove_columns(relation, add_columns=none, remove_columns=none) -%}
  {%- do return(adapter.dispatch('alter_relation_add_remove_columns', 'dbt')(relation, add_columns, remove_columns)) -%}
{%- endmacro %}

{% macro default__alter_relation_add_remove_columns(relation, add_columns, remove_columns) -%}
  {%- set changes = [] -%}
  {%- for column in add_columns or [] -%}
    {%- do changes.append('add column ' ~ column.quoted ~ ' ' ~ column.expanded_data_type) -%}
  {%- endfor -%}
  {%- for column in remove_columns or [] -%}
    {%- do changes.append('drop column ' ~ column.quoted) -%}
  {%- endfor -%}
  {%- if changes -%}
    {%- do run_query('alter ' ~ relation.type ~ ' ' ~ relation.render() ~ ' ' ~ (changes | join(', '))) -%}
  {%- endif -%}
{%- endmacro %}
