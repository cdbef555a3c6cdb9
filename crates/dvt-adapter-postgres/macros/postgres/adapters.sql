{# Schemas, comments, grants, names, and the small helpers that the other files use. #}

{# Text as a literal; NULL for none. #}
{% macro dvt_postgres_literal(text) -%}
  {%- if text is none -%}
    null
  {%- else -%}
    '{{ text | string | replace("'", "''") }}'
  {%- endif -%}
{%- endmacro %}


{# One connection sees one database. #}
{% macro dvt_postgres_check_database(database) %}
  {%- if database and (database | string | replace('"', '') | lower) != (target.database | string | lower) -%}
    {%- do exceptions.raise_compiler_error(
      'Cross-db references not allowed in postgres (' ~ database ~ ' vs ' ~ target.database ~ ')'
    ) -%}
  {%- endif -%}
{% endmacro %}


{% macro postgres__create_schema(relation) -%}
  {%- do dvt_postgres_check_database(relation.database) -%}
  {%- call statement('create_schema') -%}
    create schema if not exists {{ relation.without_identifier().include(database=False) }}
  {%- endcall -%}
{%- endmacro %}


{% macro postgres__drop_schema(relation) -%}
  {%- do dvt_postgres_check_database(relation.database) -%}
  {%- call statement('drop_schema') -%}
    drop schema if exists {{ relation.without_identifier().include(database=False) }} cascade
  {%- endcall -%}
{%- endmacro %}


{% macro postgres_escape_comment(comment) -%}
  {%- if comment is not string -%}
    {%- do exceptions.raise_compiler_error('cannot escape a comment that is not text: ' ~ comment) -%}
  {%- endif -%}
  '{{ comment | replace("'", "''") }}'
{%- endmacro %}


{% macro postgres__alter_relation_comment(relation, comment) %}
  {%- set kind = 'materialized view' if relation.type == 'materialized_view' else relation.type -%}
  comment on {{ kind }} {{ relation }} is {{ postgres_escape_comment(comment) }};
{% endmacro %}


{% macro postgres__alter_column_comment(relation, column_dict) %}
  {%- set existing = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
  {%- for name in column_dict if name in existing -%}
    {%- set column = column_dict[name] -%}
    {%- set shown = adapter.quote(name) if column['quote'] or name != (name | lower) else name %}
  comment on column {{ relation }}.{{ shown }} is {{ postgres_escape_comment(column['description']) }};
  {%- endfor %}
{% endmacro %}


{% macro postgres__get_show_grant_sql(relation) %}
  select g.grantee, g.privilege_type
  from information_schema.role_table_grants as g
  where g.grantor = current_role
    and g.grantee <> current_role
    and g.table_schema = {{ dvt_postgres_literal(relation.schema) }}
    and g.table_name = {{ dvt_postgres_literal(relation.identifier) }}
{% endmacro %}


{# A table that is built anew keeps none of the old one's grants. #}
{% macro postgres__copy_grants() %}
  {{ return(False) }}
{% endmacro %}


{# A name of at most `length` bytes; with `dstring`, one that is given once only. #}
{% macro dvt_postgres_named(base_relation, suffix, dstring, length) %}
  {%- set ending = suffix ~ (local_md5(invocation_id ~ base_relation ~ modules.datetime.datetime.now())[:12] if dstring else '') -%}
  {%- set room = length - (ending | length) -%}
  {%- if room < 1 -%}
    {%- do exceptions.raise_compiler_error('the suffix `' ~ ending ~ '` leaves no room for a relation name') -%}
  {%- endif -%}
  {{ return(base_relation.incorporate(path={'identifier': base_relation.identifier[:room] ~ ending})) }}
{% endmacro %}


{% macro postgres__make_relation_with_suffix(base_relation, suffix, dstring) %}
  {{ return(dvt_postgres_named(base_relation, suffix, dstring, length=63)) }}
{% endmacro %}


{% macro postgres__make_intermediate_relation(base_relation, suffix) %}
  {{ return(postgres__make_relation_with_suffix(base_relation, suffix, dstring=False)) }}
{% endmacro %}


{# Temporary tables live in a schema of the session. #}
{% macro postgres__make_temp_relation(base_relation, suffix) %}
  {%- set named = postgres__make_relation_with_suffix(base_relation, suffix, dstring=True) -%}
  {{ return(named.incorporate(path={'schema': none, 'database': none})) }}
{% endmacro %}


{% macro postgres__make_backup_relation(base_relation, backup_relation_type, suffix) %}
  {%- set backup = postgres__make_relation_with_suffix(base_relation, suffix, dstring=False) -%}
  {{ return(backup.incorporate(type=backup_relation_type)) }}
{% endmacro %}
