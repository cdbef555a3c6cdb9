{# Dropping, renaming and emptying. All of it takes part in the transaction. #}

{% macro sqlite__drop_relation(relation) -%}
  {% call statement('drop_relation', auto_begin=False) -%}
    drop {{ relation.type or 'table' }} if exists {{ relation }}
  {%- endcall %}
{%- endmacro %}

{% macro sqlite__drop_table(relation) -%}
  drop table if exists {{ relation }}
{%- endmacro %}

{% macro sqlite__drop_view(relation) -%}
  drop view if exists {{ relation }}
{%- endmacro %}

{# ALTER TABLE renames tables only, within their file; a view is made anew from its own text. Views that name the table
   stay as they are (dvt's sessions switch `legacy_alter_table` on): they mean the name, not the table that goes away. #}
{% macro sqlite__rename_relation(from_relation, to_relation) -%}
  {% if from_relation.is_view %}
    {% set body = sqlite__view_body(from_relation) %}
    {% call statement('rename_relation') -%}
      drop view {{ from_relation }};
      create view {{ to_relation }} as {{ body }}
    {%- endcall %}
  {% else %}
    {% call statement('rename_relation') -%}
      {{ sqlite__get_rename_table_sql(from_relation, to_relation.identifier) }}
    {%- endcall %}
  {% endif %}
{%- endmacro %}

{% macro sqlite__get_rename_table_sql(relation, new_name) -%}
  alter table {{ relation }} rename to {{ adapter.quote(new_name) }}
{%- endmacro %}

{# What follows AS in the view's stored text. `sqlite__create_view_as` writes the word on a line of its own. #}
{% macro sqlite__view_body(relation) -%}
  {%- set stored = run_query(
        'select sql from ' ~ adapter.quote(relation.schema) ~ ".sqlite_master where type = 'view' and name = "
        ~ sqlite__literal(relation.identifier)).rows[0][0] -%}
  {%- set parts = modules.re.split('(?i)\\bas\\b', stored, 1) -%}
  {{ return(parts[1]) }}
{%- endmacro %}

{% macro sqlite__truncate_relation(relation) -%}
  {% call statement('truncate_relation') -%}
    delete from {{ relation }}
  {%- endcall %}
{%- endmacro %}

{# Temporary tables live in the schema `temp`, where they cannot be named beside the target: an ordinary one is used. It is
   made in the run's transaction, so that a run that dies leaves none behind. #}
{% macro sqlite__make_temp_relation(base_relation, suffix) -%}
  {{ return(base_relation.incorporate(path={'identifier': base_relation.identifier ~ suffix}, type='table')) }}
{%- endmacro %}

{% macro sqlite__alter_column_type(relation, column_name, new_column_type) -%}
  {% set temporary_name = column_name ~ '__dbt_alter' %}
  {% call statement('alter_column_type') -%}
    alter table {{ relation }} add column {{ adapter.quote(temporary_name) }} {{ new_column_type }};
    update {{ relation }} set {{ adapter.quote(temporary_name) }} = {{ adapter.quote(column_name) }};
    alter table {{ relation }} drop column {{ adapter.quote(column_name) }};
    alter table {{ relation }} rename column {{ adapter.quote(temporary_name) }} to {{ adapter.quote(column_name) }}
  {%- endcall %}
{%- endmacro %}

{# One column a statement. #}
{% macro sqlite__alter_relation_add_remove_columns(relation, add_columns, remove_columns) -%}
  {%- for column in add_columns or [] -%}
    {% do run_query('alter table ' ~ relation ~ ' add column ' ~ column.quoted ~ ' ' ~ column.data_type) %}
  {%- endfor -%}
  {%- for column in remove_columns or [] -%}
    {% do run_query('alter table ' ~ relation ~ ' drop column ' ~ column.quoted) %}
  {%- endfor -%}
{%- endmacro %}

{# SQLite keeps no comments and has no grants. #}
{% macro sqlite__alter_relation_comment(relation, comment) -%}{%- endmacro %}
{% macro sqlite__alter_column_comment(relation, column_dict) -%}{%- endmacro %}
{% macro sqlite__persist_docs(relation, model, for_relation, for_columns) -%}
  {%- if (for_relation and config.persist_relation_docs() and model.description) or (for_columns and config.persist_column_docs() and model.columns) -%}
    {%- do exceptions.warn('SQLite keeps no comments: `persist_docs` of ' ~ model.unique_id ~ ' has no effect') -%}
  {%- endif -%}
{%- endmacro %}

{% macro sqlite__copy_grants() -%}
  {{ return(False) }}
{%- endmacro %}

{% macro sqlite__apply_grants(relation, grant_config, should_revoke) -%}
  {%- if grant_config -%}
    {{ exceptions.raise_compiler_error('SQLite has no users: remove `grants` from ' ~ relation) }}
  {%- endif -%}
{%- endmacro %}
