{# Tables and views, their names, columns and comments. Data definition commits what was open, so it stands alone. #}

{% macro snowflake__create_schema(relation) -%}
  {% call statement('create_schema', auto_begin=False) -%}
    create schema if not exists {{ relation.without_identifier() }}
  {%- endcall %}
{%- endmacro %}

{% macro snowflake__drop_schema(relation) -%}
  {% call statement('drop_schema', auto_begin=False) -%}
    drop schema if exists {{ relation.without_identifier() }} cascade
  {%- endcall %}
{%- endmacro %}

{% macro snowflake__drop_relation(relation) -%}
  {% call statement('drop_relation', auto_begin=False) -%}
    drop {{ relation.type or 'table' }} if exists {{ relation }}
  {%- endcall %}
{%- endmacro %}

{% macro snowflake__drop_table(relation) -%}
  drop table if exists {{ relation }}
{%- endmacro %}

{% macro snowflake__drop_view(relation) -%}
  drop view if exists {{ relation }}
{%- endmacro %}

{% macro snowflake__rename_relation(from_relation, to_relation) -%}
  {% call statement('rename_relation', auto_begin=False) -%}
    alter {{ 'view' if from_relation.is_view else 'table' }} {{ from_relation }} rename to {{ to_relation }}
  {%- endcall %}
{%- endmacro %}

{% macro snowflake__get_rename_table_sql(relation, new_name) -%}
  alter table {{ relation }} rename to {{ relation.incorporate(path={'identifier': new_name}) }}
{%- endmacro %}

{% macro snowflake__get_rename_view_sql(relation, new_name) -%}
  alter view {{ relation }} rename to {{ relation.incorporate(path={'identifier': new_name}) }}
{%- endmacro %}

{% macro snowflake__truncate_relation(relation) -%}
  {% call statement('truncate_relation', auto_begin=False) -%}
    truncate table {{ relation }}
  {%- endcall %}
{%- endmacro %}

{# The stand-in of a temporary table is an ordinary one: it is seen by every statement, and dropped after it. #}
{% macro snowflake__make_temp_relation(base_relation, suffix) -%}
  {{ return(base_relation.incorporate(path={'identifier': base_relation.identifier ~ suffix}, type='table')) }}
{%- endmacro %}

{% macro snowflake__dvt_drop_temp_relation(temp_relation) -%}
  {% call statement('drop_temp_relation', auto_begin=False) -%}
    drop table if exists {{ temp_relation }}
  {%- endcall %}
{%- endmacro %}

{% macro snowflake__create_table_as(temporary, relation, sql) -%}
  {%- set contract = config.get('contract') -%}
  {%- set header = config.get('sql_header', none) -%}
  {%- set is_transient = temporary or config.get('transient', default=true) -%}
  {%- set cluster_by = config.get('cluster_by', none) -%}
  {%- set is_enforced = contract and contract.enforced and not temporary -%}
  {{ header if header is not none }}
  create or replace {% if is_transient %}transient {% endif %}table {{ relation }}
  {%- if is_enforced %}
  {{ get_assert_columns_equivalent(sql) }}
  {{ get_table_columns_and_constraints() }}
  {%- set sql = get_select_subquery(sql) %}
  {%- endif %}
  {%- if cluster_by is not none and not temporary %}
  cluster by ({{ cluster_by if cluster_by is string else cluster_by | join(', ') }})
  {%- endif %}
  {%- if config.get('copy_grants', default=false) and not temporary %} copy grants {% endif %}
  as (
    {{ sql }}
  );
{%- endmacro %}

{% macro snowflake__create_view_as(relation, sql) -%}
  {%- set contract = config.get('contract') -%}
  {%- set header = config.get('sql_header', none) -%}
  {{ header if header is not none }}
  {%- if contract and contract.enforced %}{{ get_assert_columns_equivalent(sql) }}{% endif %}
  create or replace {% if config.get('secure', default=false) %}secure {% endif %}view {{ relation }}
  {%- if config.get('copy_grants', default=false) %} copy grants {% endif %}
  as (
    {{ sql }}
  );
{%- endmacro %}

{% macro snowflake__alter_column_type(relation, column_name, new_column_type) -%}
  {% call statement('alter_column_type', auto_begin=False) -%}
    alter table {{ relation }} alter column {{ adapter.quote(column_name) }} set data type {{ new_column_type }}
  {%- endcall %}
{%- endmacro %}

{% macro snowflake__alter_relation_add_remove_columns(relation, add_columns, remove_columns) -%}
  {%- for column in add_columns or [] -%}
    {% do run_query('alter table ' ~ relation ~ ' add column ' ~ adapter.quote(column.name) ~ ' ' ~ column.expanded_data_type) %}
  {%- endfor -%}
  {%- for column in remove_columns or [] -%}
    {% do run_query('alter table ' ~ relation ~ ' drop column ' ~ adapter.quote(column.name)) %}
  {%- endfor -%}
{%- endmacro %}

{% macro snowflake__alter_relation_comment(relation, comment) -%}
  comment on {{ 'view' if relation.is_view else 'table' }} {{ relation }} is {{ dvt_literal(comment) }};
{%- endmacro %}

{% macro snowflake__alter_column_comment(relation, column_dict) -%}
  {%- set existing = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
  {%- for name in existing -%}
    {%- set described = column_dict.get(name) or column_dict.get(name | lower) -%}
    {%- if described %}
  comment on column {{ relation }}.{{ adapter.quote(name) }} is {{ dvt_literal(described['description']) }};
    {%- endif -%}
  {%- endfor -%}
{%- endmacro %}

{% macro snowflake__copy_grants() -%}
  {{ return(config.get('copy_grants', default=false)) }}
{%- endmacro %}

{% macro snowflake__support_multiple_grantees_per_dcl_statement() -%}
  {{ return(False) }}
{%- endmacro %}
