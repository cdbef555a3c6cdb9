{# Tables and views, their clauses, columns and comments. #}

{% macro databricks__create_schema(relation) -%}
  {%- call statement('create_schema', auto_begin=False) -%}
    create schema if not exists {{ relation.without_identifier() }}
  {%- endcall -%}
{%- endmacro %}

{% macro databricks__drop_schema(relation) -%}
  {%- call statement('drop_schema', auto_begin=False) -%}
    drop schema if exists {{ relation.without_identifier() }} cascade
  {%- endcall -%}
{%- endmacro %}

{% macro databricks__drop_relation(relation) -%}
  {%- set kind = {'view': 'view', 'materialized_view': 'materialized view'}.get(relation.type, 'table') -%}
  {%- call statement('drop_relation', auto_begin=False) -%}
    drop {{ kind }} if exists {{ relation.render() }}
  {%- endcall -%}
{%- endmacro %}

{% macro databricks__drop_table(relation) -%}
  drop table if exists {{ relation.render() }}
{%- endmacro %}

{% macro databricks__drop_view(relation) -%}
  drop view if exists {{ relation.render() }}
{%- endmacro %}

{% macro databricks__rename_relation(from_relation, to_relation) -%}
  {%- call statement('rename_relation', auto_begin=False) -%}
    alter {{ 'view' if from_relation.is_view else 'table' }} {{ from_relation.render() }} rename to {{ to_relation.render() }}
  {%- endcall -%}
{%- endmacro %}

{% macro databricks__get_rename_table_sql(relation, new_name) -%}
  alter table {{ relation.render() }} rename to {{ relation.incorporate(path={'identifier': new_name}).render() }}
{%- endmacro %}

{% macro databricks__get_rename_view_sql(relation, new_name) -%}
  alter view {{ relation.render() }} rename to {{ relation.incorporate(path={'identifier': new_name}).render() }}
{%- endmacro %}

{% macro databricks__truncate_relation(relation) -%}
  {%- call statement('truncate_relation', auto_begin=False) -%}
    truncate table {{ relation.render() }}
  {%- endcall -%}
{%- endmacro %}

{# There are no sessions that a temporary view could belong to: the stand-in is an ordinary view, dropped after the statement
   that reads it. #}
{% macro databricks__make_temp_relation(base_relation, suffix) -%}
  {%- do return(base_relation.incorporate(path={'identifier': base_relation.identifier ~ suffix}, type='view')) -%}
{%- endmacro %}

{% macro databricks__dvt_drop_temp_relation(temp_relation) -%}
  {%- call statement('drop_temp_relation', auto_begin=False) -%}
    drop view if exists {{ temp_relation.render() }}
  {%- endcall -%}
{%- endmacro %}

{% macro databricks__dvt_list_of(value) -%}
  {%- do return([value] if value is string else (value or []) | list) -%}
{%- endmacro %}

{# What stands between the table's name and its query. #}
{% macro databricks__dvt_table_clauses(relation) -%}
  {%- set partitions = databricks__dvt_list_of(config.get('partition_by')) -%}
  {%- set clusters = databricks__dvt_list_of(config.get('liquid_clustered_by')) -%}
  {%- set buckets = databricks__dvt_list_of(config.get('clustered_by')) -%}
  {%- set location = config.get('location_root') -%}
  {%- set properties = config.get('tblproperties') or {} -%}
  {%- set options = config.get('options') or {} -%}
  using {{ config.get('file_format') or 'delta' }}
  {%- if options %}
  options ({% for name, value in options.items() %}{{ name }} {{ databricks__dvt_text(value | string) }}{{ ', ' if not loop.last }}{% endfor %})
  {%- endif -%}
  {%- if partitions %}
  partitioned by ({{ partitions | join(', ') }})
  {%- endif -%}
  {%- if config.get('auto_liquid_cluster') %}
  cluster by auto
  {%- elif clusters %}
  cluster by ({{ clusters | join(', ') }})
  {%- endif -%}
  {%- if buckets and config.get('buckets') %}
  clustered by ({{ buckets | join(', ') }}) into {{ config.get('buckets') }} buckets
  {%- endif -%}
  {%- if location %}
    {%- set path = [location] -%}
    {%- if config.get('include_full_name_in_path') -%}
      {%- set path = [location, relation.database, relation.schema] -%}
    {%- endif %}
  location {{ databricks__dvt_text((path + [relation.identifier]) | join('/')) }}
  {%- endif -%}
  {%- if config.persist_relation_docs() and model.description %}
  comment {{ databricks__dvt_text(model.description) }}
  {%- endif -%}
  {%- if properties %}
  tblproperties ({% for name, value in properties.items() %}{{ databricks__dvt_text(name) }} = {{ databricks__dvt_text(value | string) }}{{ ', ' if not loop.last }}{% endfor %})
  {%- endif -%}
{%- endmacro %}

{% macro databricks__create_table_as(temporary, relation, compiled_code, language='sql') -%}
  {%- if language != 'sql' -%}
    {%- do exceptions.raise_compiler_error('models in ' ~ language ~ ' do not run on a SQL warehouse: ' ~ model['unique_id']) -%}
  {%- endif -%}
  {%- set contract = config.get('contract') -%}
  {%- set header = config.get('sql_header', none) -%}
  {%- set sql = compiled_code -%}
  {{ header if header is not none }}
  {%- if temporary %}
  create or replace view {{ relation.render() }}
  as
    {{ sql }}
  {%- else -%}
    {%- if contract and contract.enforced -%}
      {{ get_assert_columns_equivalent(sql) }}
      {%- set sql = get_select_subquery(sql) -%}
    {%- endif %}
  create or replace table {{ relation.render() }}
  {{ databricks__dvt_table_clauses(relation) }}
  as
    {{ sql }}
  {%- endif -%}
{%- endmacro %}

{% macro databricks__create_view_as(relation, sql) -%}
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
    {{ adapter.quote(name) }}{% if found and found['description'] %} comment {{ databricks__dvt_text(found['description']) }}{% endif %}{{ ',' if not loop.last }}
    {%- endfor %}
  )
  {%- endif -%}
  {%- if config.persist_relation_docs() and model.description %}
  comment {{ databricks__dvt_text(model.description) }}
  {%- endif -%}
  {%- if properties %}
  tblproperties ({% for name, value in properties.items() %}{{ databricks__dvt_text(name) }} = {{ databricks__dvt_text(value | string) }}{{ ', ' if not loop.last }}{% endfor %})
  {%- endif %}
  as
    {{ sql }}
{%- endmacro %}

{# A query's table has no constraints of its own: they are added to it. #}
{% macro databricks__dvt_add_constraints(relation) -%}
  {%- set contract = config.get('contract') -%}
  {%- if contract and contract.enforced -%}
    {%- set constraints = [] -%}
    {%- for column in model['columns'].values() -%}
      {%- for constraint in column.get('constraints') or [] -%}
        {%- do constraints.append({'of': [column['name']], 'it': constraint}) -%}
      {%- endfor -%}
    {%- endfor -%}
    {%- for constraint in model.get('constraints') or [] -%}
      {%- do constraints.append({'of': constraint.get('columns') or [], 'it': constraint}) -%}
    {%- endfor -%}
    {%- for constraint in constraints -%}
      {%- set kind = constraint.it.get('type') | string -%}
      {%- set names = [] -%}
      {%- for name in constraint.of -%}
        {%- do names.append(adapter.quote(name)) -%}
      {%- endfor -%}
      {%- set called = constraint.it.get('name') or (relation.identifier ~ '_' ~ kind ~ '_' ~ loop.index) -%}
      {%- if kind == 'not_null' -%}
        {%- for name in names -%}
          {%- do run_query('alter table ' ~ relation.render() ~ ' alter column ' ~ name ~ ' set not null') -%}
        {%- endfor -%}
      {%- elif kind == 'check' -%}
        {%- do run_query('alter table ' ~ relation.render() ~ ' add constraint ' ~ adapter.quote(called) ~ ' check (' ~ constraint.it.get('expression') ~ ')') -%}
      {%- elif kind == 'primary_key' -%}
        {%- do run_query('alter table ' ~ relation.render() ~ ' add constraint ' ~ adapter.quote(called) ~ ' primary key (' ~ names | join(', ') ~ ')') -%}
      {%- elif kind == 'foreign_key' and constraint.it.get('expression') -%}
        {%- do run_query('alter table ' ~ relation.render() ~ ' add constraint ' ~ adapter.quote(called) ~ ' foreign key (' ~ names | join(', ') ~ ') ' ~ constraint.it.get('expression')) -%}
      {%- else -%}
        {%- do exceptions.warn('the constraint ' ~ kind ~ ' of ' ~ model['unique_id'] ~ ' is not one that Databricks keeps; it is left out') -%}
      {%- endif -%}
    {%- endfor -%}
  {%- endif -%}
{%- endmacro %}

{% macro databricks__alter_column_type(relation, column_name, new_column_type) -%}
  {%- call statement('alter_column_type', auto_begin=False) -%}
    alter table {{ relation.render() }} alter column {{ adapter.quote(column_name) }} type {{ new_column_type }}
  {%- endcall -%}
{%- endmacro %}

{% macro databricks__alter_relation_add_remove_columns(relation, add_columns, remove_columns) -%}
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

{% macro databricks__create_columns(relation, columns) -%}
  {%- do databricks__alter_relation_add_remove_columns(relation, columns, none) -%}
{%- endmacro %}

{% macro databricks__alter_relation_comment(relation, comment) -%}
  comment on table {{ relation.render() }} is {{ databricks__dvt_text(comment) }}
{%- endmacro %}

{% macro databricks__alter_column_comment(relation, column_dict) -%}
  {%- for name, column in column_dict.items() if column['description'] %}
  alter table {{ relation.render() }} alter column {{ adapter.quote(name) }} comment {{ databricks__dvt_text(column['description']) }};
  {%- endfor -%}
{%- endmacro %}

{# A view's comments, and a new table's own, stand in the statement that makes it. #}
{% macro databricks__persist_docs(relation, model, for_relation, for_columns) -%}
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

{% macro databricks__can_clone_table() -%}
  {%- do return(True) -%}
{%- endmacro %}

{% macro databricks__create_or_replace_clone(this_relation, defer_relation) -%}
  create or replace table {{ this_relation.render() }} shallow clone {{ defer_relation.render() }}
{%- endmacro %}
