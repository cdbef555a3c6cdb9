{# Materialized views. What can change of one without a rebuild are its indexes. #}

{% macro postgres__get_create_materialized_view_as_sql(relation, sql) -%}
  create materialized view if not exists {{ relation }} as {{ sql }};
  {%- for index in config.get('indexes', []) or [] %}
  {{ get_create_index_sql(relation, index) }};
  {%- endfor %}
{%- endmacro %}


{% macro postgres__drop_materialized_view(relation) -%}
  drop materialized view if exists {{ relation }} cascade
{%- endmacro %}


{% macro postgres__get_rename_materialized_view_sql(relation, new_name) -%}
  alter materialized view {{ relation }} rename to {{ adapter.quote_as_configured(new_name, "identifier") }}
{%- endmacro %}


{% macro postgres__refresh_materialized_view(relation) -%}
  refresh materialized view {{ relation }}
{%- endmacro %}


{% macro postgres__describe_materialized_view(relation) -%}
  {{ return({'indexes': run_query(get_show_indexes_sql(relation))}) }}
{%- endmacro %}


{# An index by what makes it another index: its columns without their order, whether it is unique, its method. #}
{% macro dvt_postgres_index_identity(columns, unique, method) -%}
  {{ return((columns | map('lower') | map('trim') | unique | sort | join(',')) ~ '|' ~ (unique | lower) ~ '|' ~ (method or 'btree')) }}
{%- endmacro %}


{# None, or what to do to which index: those to drop come first. #}
{% macro postgres__get_materialized_view_configuration_changes(existing_relation, new_config) -%}
  {%- set wanted = {} -%}
  {%- for raw in new_config.get('indexes', []) or [] -%}
    {%- set index = adapter.parse_index(raw) -%}
    {%- do wanted.update({dvt_postgres_index_identity(index.columns, index.unique, index.type): index}) -%}
  {%- endfor -%}
  {%- set present = {} -%}
  {%- for row in postgres__describe_materialized_view(existing_relation)['indexes'].rows -%}
    {%- set identity = dvt_postgres_index_identity(row['column_names'].split(','), row['unique'], row['method']) -%}
    {%- do present.update({identity: row['name']}) -%}
  {%- endfor -%}

  {%- set changes = [] -%}
  {%- for identity, name in present.items() if identity not in wanted -%}
    {%- do changes.append({'action': 'drop', 'context': {'name': name}}) -%}
  {%- endfor -%}
  {%- for identity, index in wanted.items() if identity not in present -%}
    {%- do changes.append({'action': 'create', 'context': {'as_node_config': index}}) -%}
  {%- endfor -%}
  {{ return({'requires_full_refresh': false, 'indexes': changes} if changes else none) }}
{%- endmacro %}


{% macro postgres__get_alter_materialized_view_as_sql(relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation) -%}
  {%- if configuration_changes.requires_full_refresh -%}
    {{ get_replace_sql(existing_relation, relation, sql) }}
  {%- else -%}
    {{ postgres__update_indexes_on_materialized_view(relation, configuration_changes.indexes) }}
  {%- endif -%}
{%- endmacro %}


{%- macro postgres__update_indexes_on_materialized_view(relation, index_changes) -%}
  {{- log("Applying UPDATE INDEXES to: " ~ relation) -}}
  {%- for change in index_changes -%}
    {%- if change.action == 'drop' %}
  {{ postgres__get_drop_index_sql(relation, change.context.name) }};
    {%- else %}
  {{ postgres__get_create_index_sql(relation, change.context.as_node_config) }};
    {%- endif -%}
  {%- endfor -%}
{%- endmacro -%}
