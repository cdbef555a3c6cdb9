{# Tables and views: how they are stored, made, renamed and dropped; comments, grants, columns, names. #}

{# Text as a literal: a backslash escapes here. #}
{% macro dvt_redshift_literal(text) -%}
  {%- if text is none -%}
    null
  {%- else -%}
    '{{ text | string | replace("\\", "\\\\") | replace("'", "''") }}'
  {%- endif -%}
{%- endmacro %}


{# How rows are spread over the nodes: `all`, `even`, `auto`, or the column of a key. #}
{% macro dist(dist) %}
  {%- if dist is none -%}
    {%- do return('') -%}
  {%- endif -%}
  {%- if dist is not string -%}
    {%- do exceptions.raise_compiler_error("The 'dist' config must be a single value (e.g. dist: primary_key), not a list or other type. Redshift distribution key accepts only one column or one of: all, even, auto.") -%}
  {%- endif -%}
  {%- set wanted = dist | trim | lower -%}
  {%- if wanted in ['all', 'even'] -%}
    diststyle {{ wanted }}
  {%- elif wanted != 'auto' -%}
    diststyle key distkey ({{ wanted }})
  {%- endif -%}
{%- endmacro -%}


{# In which order rows are stored. #}
{% macro sort(sort_type, sort) %}
  {%- if sort is not none -%}
    {%- set columns = [sort] if sort is string else sort -%}
    {{ sort_type or 'compound' }} sortkey({{ columns | join(',') }})
  {%- endif -%}
{%- endmacro -%}


{# What stands between a new table's name and its query; a temporary table has none of it but the backup. #}
{% macro dvt_redshift_storage(temporary) -%}
  {%- set parts = [] -%}
  {%- if config.get('backup') == false -%}
    {%- do parts.append('backup no') -%}
  {%- endif -%}
  {%- if not temporary -%}
    {%- set sort_type = config.get('sort_type') -%}
    {%- if sort_type and sort_type not in ['compound', 'interleaved'] -%}
      {%- do exceptions.raise_compiler_error("'" ~ sort_type ~ "' is no `sort_type` of Redshift: it may be compound or interleaved") -%}
    {%- endif -%}
    {%- do parts.append(dist(config.get('dist'))) -%}
    {%- do parts.append(sort(sort_type, config.get('sort'))) -%}
  {%- endif -%}
  {{ parts | map('trim') | select | join('\n  ') }}
{%- endmacro %}


{% macro redshift__create_table_as(temporary, relation, sql) -%}
  {%- set contract = config.get('contract') -%}
  {%- set is_enforced = contract and contract.enforced -%}
  {%- set storage = dvt_redshift_storage(temporary) -%}
  {%- set header = config.get('sql_header', none) -%}
  {%- set named = relation.include(database=not temporary, schema=not temporary) -%}
  {%- if header is not none %}{{ header }}
  {% endif -%}
  {%- if is_enforced %}
  {{ get_assert_columns_equivalent(sql) }}
  create {{ 'temporary ' if temporary }}table {{ named }}
  {{ get_table_columns_and_constraints() }}
  {{ storage }};
  insert into {{ named }} ({{ adapter.dispatch('get_column_names', 'dbt')() | trim }})
  (
    {{ get_select_subquery(sql) }}
  )
  {%- else %}
  create {{ 'temporary ' if temporary }}table {{ named }}
  {{ storage }}
  as (
    {{ sql }}
  )
  {%- endif %};
{%- endmacro %}


{% macro dvt_redshift_view(relation, sql, verb) -%}
  {%- set contract = config.get('contract') -%}
  {%- set header = config.get('sql_header', none) -%}
  {%- if header is not none %}{{ header }}
  {% endif -%}
  {{ verb }} view {{ relation }}
  {%- if contract and contract.enforced %}{{ get_assert_columns_equivalent(sql) }}{% endif %} as (
    {{ sql }}
  ){{ ' with no schema binding' if not config.get('bind', default=true) }};
{%- endmacro %}

{% macro redshift__create_view_as(relation, sql) -%}
  {{ dvt_redshift_view(relation, sql, 'create') }}
{%- endmacro %}

{% macro redshift__get_replace_view_sql(relation, sql) -%}
  {{ dvt_redshift_view(relation, sql, 'create or replace') }}
{%- endmacro %}


{# What a project that knows itself without dependents may leave out. #}
{% macro redshift__drop_without_cascade() -%}
  {{ return(target.get('drop_without_cascade', false)) }}
{%- endmacro %}

{% macro dvt_redshift_drop(kind, relation) -%}
  drop {{ kind }} if exists {{ relation }}{{ '' if redshift__drop_without_cascade() else ' cascade' }}
{%- endmacro %}

{%- macro redshift__drop_table(relation) -%}
  {{ dvt_redshift_drop('table', relation) }}
{%- endmacro -%}

{%- macro redshift__drop_view(relation) -%}
  {{ dvt_redshift_drop('view', relation) }}
{%- endmacro -%}

{%- macro redshift__drop_materialized_view(relation) -%}
  {{ dvt_redshift_drop('materialized view', relation) }}
{%- endmacro -%}


{% macro redshift__get_rename_table_sql(relation, new_name) -%}
  alter table {{ relation }} rename to {{ adapter.quote_as_configured(new_name, "identifier") }}
{%- endmacro %}

{# A view is renamed as a table is. #}
{% macro redshift__get_rename_view_sql(relation, new_name) -%}
  alter table {{ relation }} rename to {{ adapter.quote_as_configured(new_name, "identifier") }}
{%- endmacro %}

{# Nothing renames a materialized view, so it goes where another relation takes its name. #}
{% macro redshift__rename_relation(from_relation, to_relation) -%}
  {%- call statement('rename_relation') -%}
    {%- if from_relation.is_materialized_view -%}
      {{ redshift__drop_materialized_view(from_relation) }}
    {%- else -%}
      alter table {{ from_relation }} rename to {{ adapter.quote(to_relation.identifier) }}
    {%- endif -%}
  {%- endcall -%}
{%- endmacro %}


{# TRUNCATE would commit what is open, and leave the table empty for everybody if the rows behind it failed. #}
{% macro redshift__truncate_relation(relation) -%}
  {%- call statement('truncate_relation') -%}
    delete from {{ relation }}
  {%- endcall -%}
{%- endmacro %}


{# There are no indexes. #}
{% macro redshift__get_create_index_sql(relation, index_dict) -%}
  {%- do return(none) -%}
{%- endmacro %}


{# Names have 127 bytes. #}
{% macro redshift__make_intermediate_relation(base_relation, suffix) %}
  {{ return(dvt_postgres_named(base_relation, suffix, dstring=False, length=127)) }}
{% endmacro %}

{% macro redshift__make_temp_relation(base_relation, suffix) %}
  {%- set named = dvt_postgres_named(base_relation, suffix, dstring=True, length=127) -%}
  {{ return(named.incorporate(path={'schema': none, 'database': none})) }}
{% endmacro %}

{% macro redshift__make_backup_relation(base_relation, backup_relation_type, suffix) %}
  {%- set backup = dvt_postgres_named(base_relation, suffix, dstring=False, length=127) -%}
  {{ return(backup.incorporate(type=backup_relation_type)) }}
{% endmacro %}


{% macro redshift__alter_relation_comment(relation, comment) %}
  {#- A materialized view is commented on as a view. -#}
  comment on {{ 'view' if relation.type == 'materialized_view' else relation.type }} {{ relation }} is {{ dvt_redshift_literal(comment) }};
{% endmacro %}

{% macro redshift__alter_column_comment(relation, column_dict) %}
  {%- set existing = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
  {%- for name in column_dict if (name | lower) in existing -%}
    {%- set column = column_dict[name] %}
  comment on column {{ relation }}.{{ adapter.quote(name) if column['quote'] else name }} is {{ dvt_redshift_literal(column['description']) }};
  {%- endfor %}
{% endmacro %}

{# The columns of a late-binding view take no comments. #}
{% macro redshift__persist_docs(relation, model, for_relation, for_columns) -%}
  {%- set is_late_binding = relation.type == 'view' and config.get('bind') == false -%}
  {{ default__persist_docs(relation, model, for_relation, for_columns and not is_late_binding) }}
{%- endmacro %}


{# One statement for each change. #}
{% macro redshift__alter_relation_add_remove_columns(relation, add_columns, remove_columns) %}
  {%- for column in add_columns or [] -%}
    {%- do run_query('alter ' ~ relation.type ~ ' ' ~ relation ~ ' add column ' ~ column.quoted ~ ' ' ~ column.data_type) -%}
  {%- endfor -%}
  {%- for column in remove_columns or [] -%}
    {%- do run_query('alter ' ~ relation.type ~ ' ' ~ relation ~ ' drop column ' ~ column.quoted) -%}
  {%- endfor -%}
{% endmacro %}


{# Which users, other than superusers and oneself, may do what. #}
{% macro redshift__get_show_grant_sql(relation) %}
  select u.usename as grantee, p.privilege_type
  from pg_user as u
  cross join (
    {%- for privilege in ['select', 'insert', 'update', 'delete', 'references'] %}
    select '{{ privilege }}' as privilege_type{{ ' union all' if not loop.last }}
    {%- endfor %}
  ) as p
  where has_table_privilege(u.usename, {{ dvt_redshift_literal(relation) }}, p.privilege_type)
    and u.usename <> current_user
    and not u.usesuper
{% endmacro %}
