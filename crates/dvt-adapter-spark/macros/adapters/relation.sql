{# Tables and views, their clauses, columns and comments. #}

{% macro spark__create_schema(relation) -%}
  {%- call statement('create_schema', auto_begin=False) -%}
    create schema if not exists {{ adapter.quote(relation.schema) }}
  {%- endcall -%}
{%- endmacro %}

{% macro spark__drop_schema(relation) -%}
  {%- call statement('drop_schema', auto_begin=False) -%}
    drop schema if exists {{ adapter.quote(relation.schema) }} cascade
  {%- endcall -%}
{%- endmacro %}

{% macro spark__drop_relation(relation) -%}
  {%- call statement('drop_relation', auto_begin=False) -%}
    drop {{ 'view' if relation.is_view else 'table' }} if exists {{ relation.render() }}
  {%- endcall -%}
{%- endmacro %}

{% macro spark__drop_table(relation) -%}
  drop table if exists {{ relation.render() }}
{%- endmacro %}

{% macro spark__drop_view(relation) -%}
  drop view if exists {{ relation.render() }}
{%- endmacro %}

{% macro spark__rename_relation(from_relation, to_relation) -%}
  {%- call statement('rename_relation', auto_begin=False) -%}
    alter {{ 'view' if from_relation.is_view else 'table' }} {{ from_relation.render() }} rename to {{ to_relation.render() }}
  {%- endcall -%}
{%- endmacro %}

{% macro spark__get_rename_table_sql(relation, new_name) -%}
  alter table {{ relation.render() }} rename to {{ relation.incorporate(path={'identifier': new_name}).render() }}
{%- endmacro %}

{% macro spark__get_rename_view_sql(relation, new_name) -%}
  alter view {{ relation.render() }} rename to {{ relation.incorporate(path={'identifier': new_name}).render() }}
{%- endmacro %}

{% macro spark__truncate_relation(relation) -%}
  {%- call statement('truncate_relation', auto_begin=False) -%}
    truncate table {{ relation.render() }}
  {%- endcall -%}
{%- endmacro %}

{# A view of this session alone: no schema holds it, and nobody else sees it. #}
{% macro spark__make_temp_relation(base_relation, suffix) -%}
  {%- do return(base_relation.incorporate(
    path={'schema': none, 'identifier': base_relation.identifier ~ suffix}, type='view'
  )) -%}
{%- endmacro %}

{% macro spark__dvt_drop_temp_relation(temp_relation) -%}
  {%- call statement('drop_temp_relation', auto_begin=False) -%}
    drop view if exists {{ temp_relation.render() }}
  {%- endcall -%}
{%- endmacro %}

{% macro spark__create_temporary_view(relation, compiled_code) -%}
  create or replace temporary view {{ relation.render() }} as
    {{ compiled_code }}
{%- endmacro %}

{% macro spark__dvt_list_of(value) -%}
  {%- do return([value] if value is string else (value or []) | list) -%}
{%- endmacro %}

{% macro spark__dvt_format() -%}
  {%- do return((config.get('file_format') or '') | lower) -%}
{%- endmacro %}

{# Whether a table of this format is replaced by one statement. #}
{% macro spark__dvt_replaces(format) -%}
  {%- do return(format in ['delta', 'iceberg']) -%}
{%- endmacro %}

{# What stands between the table's name and its query. Without a format the server's own is taken. #}
{% macro spark__dvt_table_clauses(relation) -%}
  {%- set format = config.get('file_format') -%}
  {%- set partitions = spark__dvt_list_of(config.get('partition_by')) -%}
  {%- set buckets = spark__dvt_list_of(config.get('clustered_by')) -%}
  {%- set location = config.get('location_root') -%}
  {%- set properties = config.get('tblproperties') or {} -%}
  {%- set options = config.get('options') or {} -%}
  {%- if format %}
  using {{ format }}
  {%- endif -%}
  {%- if options %}
  options ({% for name, value in options.items() %}{{ spark__dvt_text(name) }} {{ spark__dvt_text(value) }}{{ ', ' if not loop.last }}{% endfor %})
  {%- endif -%}
  {%- if partitions %}
  partitioned by ({{ partitions | join(', ') }})
  {%- endif -%}
  {%- if buckets and config.get('buckets') %}
  clustered by ({{ buckets | join(', ') }}) into {{ config.get('buckets') }} buckets
  {%- endif -%}
  {%- if location %}
  location {{ spark__dvt_text(location ~ '/' ~ relation.identifier) }}
  {%- endif -%}
  {%- if config.persist_relation_docs() and model.description %}
  comment {{ spark__dvt_text(model.description) }}
  {%- endif -%}
  {%- if properties %}
  tblproperties ({% for name, value in properties.items() %}{{ spark__dvt_text(name) }} = {{ spark__dvt_text(value) }}{{ ', ' if not loop.last }}{% endfor %})
  {%- endif -%}
{%- endmacro %}

{% macro spark__create_table_as(temporary, relation, compiled_code, language='sql') -%}
  {%- if language != 'sql' -%}
    {%- do exceptions.raise_compiler_error('models in ' ~ language ~ ' do not run by Spark Connect: ' ~ model['unique_id']) -%}
  {%- endif -%}
  {%- set contract = config.get('contract') -%}
  {%- set header = config.get('sql_header', none) -%}
  {%- set sql = compiled_code -%}
  {{ header if header is not none }}
  {%- if temporary %}
  {{ spark__create_temporary_view(relation, sql) }}
  {%- else -%}
    {%- if contract and contract.enforced -%}
      {{ get_assert_columns_equivalent(sql) }}
      {%- set sql = get_select_subquery(sql) -%}
    {%- endif %}
  create {{ 'or replace ' if spark__dvt_replaces(spark__dvt_format()) }}table {{ relation.render() }}
  {{ spark__dvt_table_clauses(relation) }}
  as
    {{ sql }}
  {%- endif -%}
{%- endmacro %}

{% macro spark__create_view_as(relation, sql) -%}
  {%- set contract = config.get('contract') -%}
  {%- set header = config.get('sql_header', none) -%}
  {%- set properties = config.get('tblproperties') or {} -%}
  {{ header if header is not none }}
  {%- if contract and contract.enforced %}{{ get_assert_columns_equivalent(sql) }}{% endif %}
  create or replace view {{ relation.render() }}
  {%- if config.persist_column_docs() and model.columns %}
    {%- set names = get_columns_in_query(sql) -%}
    {%- set described = validate_doc_columns(relation, model.columns, names) %}
  (
    {%- for name in names %}
      {%- set found = described.get(name) or described.get(name | lower) %}
    {{ adapter.quote(name) }}{% if found and found['description'] %} comment {{ spark__dvt_text(found['description']) }}{% endif %}{{ ',' if not loop.last }}
    {%- endfor %}
  )
  {%- endif -%}
  {%- if config.persist_relation_docs() and model.description %}
  comment {{ spark__dvt_text(model.description) }}
  {%- endif -%}
  {%- if properties %}
  tblproperties ({% for name, value in properties.items() %}{{ spark__dvt_text(name) }} = {{ spark__dvt_text(value) }}{{ ', ' if not loop.last }}{% endfor %})
  {%- endif %}
  as
    {{ sql }}
{%- endmacro %}

{# Constraints are Delta's: a query's table has none of its own, so they are added to it. #}
{% macro spark__dvt_add_constraints(relation) -%}
  {%- set contract = config.get('contract') -%}
  {%- if contract and contract.enforced and spark__dvt_format() == 'delta' -%}
    {%- set constraints = [] -%}
    {%- for column in model['columns'].values() -%}
      {%- for constraint in column.get('constraints') or [] -%}
        {%- do constraints.append({'of': column['name'], 'it': constraint}) -%}
      {%- endfor -%}
    {%- endfor -%}
    {%- for constraint in model.get('constraints') or [] -%}
      {%- if constraint.get('type') | string == 'not_null' -%}
        {%- for name in constraint.get('columns') or [] -%}
          {%- do constraints.append({'of': name, 'it': constraint}) -%}
        {%- endfor -%}
      {%- else -%}
        {%- do constraints.append({'of': none, 'it': constraint}) -%}
      {%- endif -%}
    {%- endfor -%}
    {%- for constraint in constraints -%}
      {%- set kind = constraint.it.get('type') | string -%}
      {%- if kind == 'not_null' -%}
        {%- do run_query('alter table ' ~ relation.render() ~ ' change column ' ~ adapter.quote(constraint.of) ~ ' set not null') -%}
      {%- elif kind == 'check' -%}
        {%- set called = constraint.it.get('name') or (relation.identifier ~ '_check_' ~ loop.index) -%}
        {%- do run_query('alter table ' ~ relation.render() ~ ' add constraint ' ~ adapter.quote(called) ~ ' check (' ~ constraint.it.get('expression') ~ ')') -%}
      {%- else -%}
        {%- do exceptions.warn('the constraint ' ~ kind ~ ' of ' ~ model['unique_id'] ~ ' is not one that Delta keeps; it is left out') -%}
      {%- endif -%}
    {%- endfor -%}
  {%- endif -%}
{%- endmacro %}

{% macro spark__alter_column_type(relation, column_name, new_column_type) -%}
  {%- call statement('alter_column_type', auto_begin=False) -%}
    alter table {{ relation.render() }} alter column {{ adapter.quote(column_name) }} type {{ new_column_type }}
  {%- endcall -%}
{%- endmacro %}

{% macro spark__alter_relation_add_remove_columns(relation, add_columns, remove_columns) -%}
  {%- if remove_columns -%}
    {%- set format = spark__dvt_format_of(relation) -%}
    {%- if format != 'iceberg' -%}
      {%- do exceptions.raise_compiler_error(
        'columns cannot be taken from ' ~ relation.render() ~ ', a table of format ' ~ format ~ ': run it with --full-refresh, or let `on_schema_change` of '
        ~ model['unique_id'] ~ ' be append_new_columns'
      ) -%}
    {%- endif -%}
  {%- endif -%}
  {%- set added = [] -%}
  {%- for column in add_columns or [] -%}
    {%- do added.append(adapter.quote(column.name) ~ ' ' ~ column.data_type) -%}
  {%- endfor -%}
  {%- set removed = [] -%}
  {%- for column in remove_columns or [] -%}
    {%- do removed.append(adapter.quote(column.name)) -%}
  {%- endfor -%}
  {%- if added -%}
    {%- do run_query('alter table ' ~ relation.render() ~ ' add columns (' ~ added | join(', ') ~ ')') -%}
  {%- endif -%}
  {%- if removed -%}
    {%- do run_query('alter table ' ~ relation.render() ~ ' drop columns (' ~ removed | join(', ') ~ ')') -%}
  {%- endif -%}
{%- endmacro %}

{% macro spark__create_columns(relation, columns) -%}
  {%- do spark__alter_relation_add_remove_columns(relation, columns, none) -%}
{%- endmacro %}

{% macro spark__alter_relation_comment(relation, comment) -%}
  comment on table {{ relation.render() }} is {{ spark__dvt_text(comment) }}
{%- endmacro %}

{% macro spark__alter_column_comment(relation, column_dict) -%}
  {%- for name, column in column_dict.items() if column['description'] %}
  alter table {{ relation.render() }} alter column {{ adapter.quote(name) }} comment {{ spark__dvt_text(column['description']) }};
  {%- endfor -%}
{%- endmacro %}

{# A view's comments stand in the statement that makes it. #}
{% macro spark__persist_docs(relation, model, for_relation, for_columns) -%}
  {%- if for_relation and config.persist_relation_docs() and model.description and not relation.is_view -%}
    {%- do run_query(alter_relation_comment(relation, model.description)) -%}
  {%- endif -%}
  {%- if for_columns and config.persist_column_docs() and model.columns and not relation.is_view -%}
    {%- set existing = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
    {%- set comments = alter_column_comment(relation, validate_doc_columns(relation, model.columns, existing)) -%}
    {%- if comments | trim -%}
      {%- do run_query(comments) -%}
    {%- endif -%}
  {%- endif -%}
{%- endmacro %}
