{# Names, columns, comments, grants, the clock. #}

{# Temporary tables live in a catalog of the session. #}
{% macro duckdb__make_temp_relation(base_relation, suffix) -%}
  {%- set named = default__make_temp_relation(base_relation, suffix) -%}
  {{ return(named.incorporate(path={'schema': none, 'database': none})) }}
{%- endmacro %}

{# An intermediate relation takes the target's name later: it stands where the target stands. #}
{% macro duckdb__make_intermediate_relation(base_relation, suffix) -%}
  {{ return(default__make_temp_relation(base_relation, suffix)) }}
{%- endmacro %}

{% macro duckdb__alter_column_type(relation, column_name, new_column_type) -%}
  {% call statement('alter_column_type') -%}
    alter table {{ relation }} alter column {{ adapter.quote(column_name) }} set data type {{ new_column_type }}
  {%- endcall %}
{%- endmacro %}

{# One column a statement. #}
{% macro duckdb__alter_relation_add_remove_columns(relation, add_columns, remove_columns) -%}
  {%- for column in add_columns or [] -%}
    {% do run_query('alter table ' ~ relation ~ ' add column ' ~ column.quoted ~ ' ' ~ column.expanded_data_type) %}
  {%- endfor -%}
  {%- for column in remove_columns or [] -%}
    {% do run_query('alter table ' ~ relation ~ ' drop column ' ~ column.quoted) %}
  {%- endfor -%}
{%- endmacro %}

{% macro duckdb__alter_relation_comment(relation, comment) %}
  comment on {{ relation.type }} {{ relation }} is {{ dvt_literal(comment) }};
{% endmacro %}

{% macro duckdb__alter_column_comment(relation, column_dict) %}
  {%- set existing = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
  {%- for name in column_dict if name | lower in existing | map('lower') | list %}
  comment on column {{ relation }}.{{ adapter.quote(name) }} is {{ dvt_literal(column_dict[name]['description']) }};
  {%- endfor %}
{% endmacro %}

{% macro duckdb__copy_grants() -%}
  {{ return(False) }}
{%- endmacro %}

{% macro duckdb__apply_grants(relation, grant_config, should_revoke=True) -%}
  {%- if grant_config -%}
    {%- do exceptions.warn('DuckDB has no users: `grants` of ' ~ relation ~ ' have no effect') -%}
  {%- endif -%}
{%- endmacro %}

{% macro duckdb__current_timestamp() -%}
  now()
{%- endmacro %}

{% macro duckdb__snapshot_get_time() -%}
  {{ current_timestamp() }}::timestamp
{%- endmacro %}

{% macro duckdb__snapshot_string_as_time(timestamp) -%}
  {{ return("'" ~ timestamp ~ "'::timestamp") }}
{%- endmacro %}

{% macro duckdb__current_timestamp_backcompat() -%}
  current_timestamp::{{ type_timestamp() }}
{%- endmacro %}

{% macro duckdb__current_timestamp_in_utc_backcompat() -%}
  timezone('UTC', current_timestamp)::{{ type_timestamp() }}
{%- endmacro %}
