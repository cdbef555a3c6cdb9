{# Changing the columns of a table that is there. #}

{% macro mysql__alter_column_type(relation, column_name, new_column_type) -%}
  {% call statement('alter_column_type') -%}
    alter table {{ relation }} modify column {{ adapter.quote(column_name) }} {{ new_column_type }}
  {%- endcall %}
{%- endmacro %}

{% macro mysql__alter_relation_add_remove_columns(relation, add_columns, remove_columns) -%}
  {%- set changes = [] -%}
  {%- for column in add_columns or [] -%}
    {%- do changes.append('add column ' ~ column.quoted ~ ' ' ~ column.data_type) -%}
  {%- endfor -%}
  {%- for column in remove_columns or [] -%}
    {%- do changes.append('drop column ' ~ column.quoted) -%}
  {%- endfor -%}
  {%- if changes -%}
    {% do run_query('alter table ' ~ relation ~ ' ' ~ changes | join(', ')) %}
  {%- endif -%}
{%- endmacro %}

{% macro mysql__alter_relation_comment(relation, comment) -%}
  {%- if relation.is_view -%}
    {# Views have no comments in MySQL. #}
  {%- else -%}
    alter table {{ relation }} comment = {{ mysql__literal(comment) }}
  {%- endif -%}
{%- endmacro %}

{# A comment belongs to the column's definition, which is therefore written again as it is. #}
{% macro mysql__alter_column_comment(relation, column_dict) -%}
  {%- if relation.is_view -%}
  {%- else -%}
    {%- set described = run_query(
      "select column_name, column_type, is_nullable, column_default, extra, collation_name, character_set_name"
      ~ " from information_schema.columns where table_schema = " ~ mysql__literal(relation.schema)
      ~ " and table_name = " ~ mysql__literal(relation.identifier)) -%}
    {%- set changes = [] -%}
    {%- for row in described.rows -%}
      {%- set wanted = column_dict.get(row[0]) -%}
      {%- if wanted and wanted.get('description') and not row[4] and row[3] in (none, 'NULL') -%}
        {%- set definition -%}
          modify column {{ adapter.quote(row[0]) }} {{ row[1] }}
          {%- if row[5] %} character set {{ row[6] }} collate {{ row[5] }}{% endif %}
          {%- if row[2] == 'NO' %} not null{% else %} null{% endif %} comment {{ mysql__literal(wanted['description']) }}
        {%- endset -%}
        {%- do changes.append(definition) -%}
      {%- endif -%}
    {%- endfor -%}
    {%- if changes -%}
      alter table {{ relation }} {{ changes | join(', ') }}
    {%- endif -%}
  {%- endif -%}
{%- endmacro %}

{% macro mysql__get_show_grant_sql(relation) %}
  select replace(substring_index(grantee, '@', 1), '''', '') as grantee, lower(privilege_type) as privilege_type
  from information_schema.table_privileges
  where table_schema = {{ mysql__literal(relation.schema) }} and table_name = {{ mysql__literal(relation.identifier) }}
{% endmacro %}

{%- macro mysql__get_grant_sql(relation, privilege, grantees) -%}
  grant {{ privilege }} on {{ relation }} to {{ grantees | join(', ') }}
{%- endmacro -%}

{%- macro mysql__get_revoke_sql(relation, privilege, grantees) -%}
  revoke {{ privilege }} on {{ relation }} from {{ grantees | join(', ') }}
{%- endmacro -%}
