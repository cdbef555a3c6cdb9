{# Tables and views: how they are stored and described, made and dropped; columns, comments, grants, names. #}

{# Text as a literal: backslashes and quotes have a backslash before them, line breaks are written. #}
{% macro dvt_bigquery_literal(text) -%}
  '{{ text | string | replace("\\", "\\\\") | replace("'", "\\'") | replace("\n", "\\n") | replace("\r", "\\r") }}'
{%- endmacro %}


{# The partition_by config with dbt's defaults: field, data_type (date), granularity (day), range, and how it is written. #}
{% macro dvt_bigquery_partition(raw) -%}
  {%- if not raw -%}
    {%- do return(none) -%}
  {%- endif -%}
  {%- if raw is not mapping -%}
    {%- do exceptions.raise_compiler_error('Invalid partition_by config:\n  Got: ' ~ raw ~ '\n  Expected a dictionary with "field" and "data_type" keys') -%}
  {%- endif -%}
  {%- if not raw.get('field') -%}
    {%- do exceptions.raise_compiler_error('Could not parse partition config: `field` is missing') -%}
  {%- endif -%}
  {%- if raw.get('time_ingestion_partitioning') or raw.get('copy_partitions') -%}
    {%- do exceptions.raise_compiler_error('`time_ingestion_partitioning` and `copy_partitions` of partition_by are not there yet: partition by a column of the table') -%}
  {%- endif -%}
  {%- set type = (raw.get('data_type') or 'date') | lower -%}
  {%- set granularity = (raw.get('granularity') or 'day') | lower -%}
  {%- if type not in ['date', 'timestamp', 'datetime', 'int64'] -%}
    {%- do exceptions.raise_compiler_error("'" ~ type ~ "' is no data_type of partition_by: it may be date, timestamp, datetime or int64") -%}
  {%- endif -%}
  {{ return({'field': raw['field'], 'data_type': type, 'granularity': granularity, 'range': raw.get('range')}) }}
{%- endmacro %}

{# The partition that a row belongs to, as PARTITION BY has it. #}
{% macro dvt_bigquery_partition_of(partition, alias=none) -%}
  {%- set column = (alias ~ '.' if alias else '') ~ partition.field -%}
  {%- if partition.data_type == 'int64' or (partition.data_type == 'date' and partition.granularity == 'day') -%}
    {{ column }}
  {%- else -%}
    {{ partition.data_type }}_trunc({{ column }}, {{ partition.granularity }})
  {%- endif -%}
{%- endmacro %}

{# The same as a value that rows of one partition have in common. #}
{% macro dvt_bigquery_partition_value(partition, alias=none) -%}
  {%- set column = dvt_bigquery_partition_of(partition, alias) -%}
  {%- if partition.data_type == 'int64' and partition.range -%}
    ({{ column }} - mod({{ column }} - {{ partition.range.start }}, {{ partition.range.interval }}))
  {%- elif partition.data_type == 'date' and partition.granularity == 'day' -%}
    date({{ column }})
  {%- else -%}
    {{ column }}
  {%- endif -%}
{%- endmacro %}

{% macro partition_by(partition_config) -%}
  {%- set partition = dvt_bigquery_partition(partition_config) -%}
  {%- if partition is none -%}
  {%- elif partition.data_type == 'int64' -%}
    partition by range_bucket({{ partition.field }}, generate_array({{ partition.range.start }}, {{ partition.range.end }}, {{ partition.range.interval }}))
  {%- else -%}
    partition by {{ dvt_bigquery_partition_of(partition) }}
  {%- endif -%}
{%- endmacro %}

{% macro cluster_by(raw_cluster_by) -%}
  {%- if raw_cluster_by -%}
    cluster by {{ raw_cluster_by if raw_cluster_by is string else raw_cluster_by | join(', ') }}
  {%- endif -%}
{%- endmacro %}


{# Pairs of labels or tags as an option has them. #}
{% macro dvt_bigquery_pairs(pairs) -%}
  {%- set written = [] -%}
  {%- for key, value in pairs.items() -%}
    {%- do written.append('(' ~ dvt_bigquery_literal(key) ~ ', ' ~ dvt_bigquery_literal(value) ~ ')') -%}
  {%- endfor -%}
  {{ return('[' ~ (written | join(', ')) ~ ']') }}
{%- endmacro %}

{# What tables and views can have alike. #}
{% macro dvt_bigquery_common_options(config, node, temporary=false) -%}
  {%- set options = {} -%}
  {%- if config.get('hours_to_expiration') is not none and not temporary -%}
    {%- do options.update({'expiration_timestamp': 'timestamp_add(current_timestamp(), interval ' ~ config.get('hours_to_expiration') ~ ' hour)'}) -%}
  {%- endif -%}
  {%- if config.persist_relation_docs() and node.description -%}
    {%- do options.update({'description': dvt_bigquery_literal(node.description)}) -%}
  {%- endif -%}
  {%- set labels = {} -%}
  {%- if config.get('labels_from_meta') -%}
    {%- do labels.update(config.get('meta') or {}) -%}
  {%- endif -%}
  {%- do labels.update(config.get('labels') or {}) -%}
  {%- if labels -%}
    {%- do options.update({'labels': dvt_bigquery_pairs(labels)}) -%}
  {%- endif -%}
  {%- if config.get('resource_tags') -%}
    {%- do options.update({'tags': dvt_bigquery_pairs(config.get('resource_tags'))}) -%}
  {%- endif -%}
  {{ return(options) }}
{%- endmacro %}

{% macro bigquery_options(opts) -%}
  {%- set written = [] -%}
  {%- for key, value in opts.items() -%}
    {%- do written.append(key ~ '=' ~ value) -%}
  {%- endfor -%}
  {{ return('OPTIONS(' ~ (written | join(', ')) ~ ')') }}
{%- endmacro %}

{% macro bigquery_table_options(config, node, temporary) -%}
  {%- set options = dvt_bigquery_common_options(config, node, temporary) -%}
  {%- if config.get('kms_key_name') is not none -%}
    {%- do options.update({'kms_key_name': dvt_bigquery_literal(config.get('kms_key_name'))}) -%}
  {%- endif -%}
  {%- if temporary -%}
    {%- do options.update({'expiration_timestamp': 'timestamp_add(current_timestamp(), interval 12 hour)'}) -%}
  {%- else -%}
    {%- if config.get('require_partition_filter') is not none and config.get('partition_by') is not none -%}
      {%- do options.update({'require_partition_filter': config.get('require_partition_filter') | string | lower}) -%}
    {%- endif -%}
    {%- if config.get('partition_expiration_days') is not none -%}
      {%- do options.update({'partition_expiration_days': config.get('partition_expiration_days')}) -%}
    {%- endif -%}
    {%- if config.get('enable_change_history') is not none -%}
      {%- do options.update({'enable_change_history': config.get('enable_change_history') | string | lower}) -%}
    {%- endif -%}
  {%- endif -%}
  {{ return(bigquery_options(options)) }}
{%- endmacro %}

{% macro bigquery_view_options(config, node) -%}
  {%- if config.get('enable_change_history') -%}
    {%- do exceptions.raise_compiler_error('`enable_change_history` is not supported for views on BigQuery.') -%}
  {%- endif -%}
  {{ return(bigquery_options(dvt_bigquery_common_options(config, node))) }}
{%- endmacro %}


{% macro bigquery__create_table_as(temporary, relation, compiled_code) -%}
  {%- set contract = config.get('contract') -%}
  {%- set is_enforced = contract and contract.enforced and not temporary -%}
  {%- set header = config.get('sql_header', none) -%}
  {%- if header is not none %}{{ header }}
  {% endif -%}
  create or replace table {{ relation }}
  {%- if is_enforced %}
  {{ get_assert_columns_equivalent(compiled_code) }}
  {{ get_table_columns_and_constraints() }}
  {%- set compiled_code = get_select_subquery(compiled_code) %}
  {%- endif %}
  {{ partition_by(config.get('partition_by', none)) }}
  {{ cluster_by(config.get('cluster_by', none)) }}
  {{ bigquery_table_options(config, model, temporary) }}
  as (
    {{ compiled_code }}
  );
{%- endmacro %}

{% macro bigquery__create_view_as(relation, sql) -%}
  {%- set contract = config.get('contract') -%}
  {%- set header = config.get('sql_header', none) -%}
  {%- if header is not none %}{{ header }}
  {% endif -%}
  create or replace view {{ relation }}
  {{ bigquery_view_options(config, model) }}
  {%- if contract and contract.enforced %}{{ get_assert_columns_equivalent(sql) }}{% endif %}
  as {{ sql }};
{%- endmacro %}

{% macro bigquery__get_replace_view_sql(relation, sql) -%}
  {{ bigquery__create_view_as(relation, sql) }}
{%- endmacro %}


{% macro bigquery__create_schema(relation) -%}
  {%- call statement('create_schema', auto_begin=False) -%}
    create schema if not exists {{ relation.without_identifier() }}
    {%- if target.get('location') %} options(location={{ dvt_bigquery_literal(target.location) }}){% endif %}
  {%- endcall -%}
{%- endmacro %}

{% macro bigquery__drop_schema(relation) -%}
  {%- call statement('drop_schema', auto_begin=False) -%}
    drop schema if exists {{ relation.without_identifier() }} cascade
  {%- endcall -%}
{%- endmacro %}

{% macro bigquery__drop_relation(relation) -%}
  {%- call statement('drop_relation', auto_begin=False) -%}
    drop {{ {'view': 'view', 'materialized_view': 'materialized view', 'external': 'external table'}.get(relation.type, 'table') }} if exists {{ relation }}
  {%- endcall -%}
{%- endmacro %}

{%- macro bigquery__drop_table(relation) -%}
  drop table if exists {{ relation }}
{%- endmacro -%}

{%- macro bigquery__drop_view(relation) -%}
  drop view if exists {{ relation }}
{%- endmacro -%}

{%- macro bigquery__drop_materialized_view(relation) -%}
  drop materialized view if exists {{ relation }}
{%- endmacro -%}

{% macro bigquery__rename_relation(from_relation, to_relation) -%}
  {%- call statement('rename_relation', auto_begin=False) -%}
    alter table {{ from_relation }} rename to {{ adapter.quote(to_relation.identifier) }}
  {%- endcall -%}
{%- endmacro %}

{% macro bigquery__get_rename_table_sql(relation, new_name) -%}
  alter table {{ relation }} rename to {{ adapter.quote(new_name) }}
{%- endmacro %}

{% macro bigquery__get_rename_view_sql(relation, new_name) -%}
  alter view {{ relation }} rename to {{ adapter.quote(new_name) }}
{%- endmacro %}

{% macro bigquery__truncate_relation(relation) -%}
  {%- call statement('truncate_relation', auto_begin=False) -%}
    truncate table {{ relation }}
  {%- endcall -%}
{%- endmacro %}


{# Jobs share nothing but tables, so what a run works with is one, which goes after 12 hours if nobody drops it. #}
{% macro bigquery__make_temp_relation(base_relation, suffix) -%}
  {%- set ending = suffix ~ local_md5(invocation_id ~ base_relation ~ modules.datetime.datetime.now())[:12] -%}
  {{ return(base_relation.incorporate(path={'identifier': base_relation.identifier[:1024 - (ending | length)] ~ ending}, type='table')) }}
{%- endmacro %}

{% macro bigquery__dvt_drop_temp_relation(temp_relation) -%}
  {%- call statement('drop_temp_relation', auto_begin=False) -%}
    drop table if exists {{ temp_relation }}
  {%- endcall -%}
{%- endmacro %}


{% macro bigquery__alter_relation_add_remove_columns(relation, add_columns, remove_columns) -%}
  {%- set changes = [] -%}
  {%- for column in add_columns or [] -%}
    {%- do changes.append('add column ' ~ column.quoted ~ ' ' ~ column.data_type) -%}
  {%- endfor -%}
  {%- for column in remove_columns or [] -%}
    {%- do changes.append('drop column ' ~ column.quoted) -%}
  {%- endfor -%}
  {%- if changes -%}
    {%- do run_query('alter table ' ~ relation ~ ' ' ~ (changes | join(', '))) -%}
  {%- endif -%}
{%- endmacro %}

{# Few types can be changed in place, so the table is written anew. #}
{% macro bigquery__alter_column_type(relation, column_name, new_column_type) -%}
  {%- set values = [] -%}
  {%- for column in adapter.get_columns_in_relation(relation) -%}
    {%- do values.append('cast(' ~ column.quoted ~ ' as ' ~ new_column_type ~ ') as ' ~ column.quoted if column.name == column_name else column.quoted) -%}
  {%- endfor -%}
  {%- call statement('alter_column_type', auto_begin=False) -%}
    {{ bigquery__create_table_as(False, relation, 'select ' ~ (values | join(', ')) ~ ' from ' ~ relation) }}
  {%- endcall -%}
{%- endmacro %}


{% macro bigquery__alter_relation_comment(relation, comment) -%}
  alter {{ 'view' if relation.is_view else ('materialized view' if relation.is_materialized_view else 'table') }} {{ relation }}
  set options (description = {{ dvt_bigquery_literal(comment) }});
{%- endmacro %}

{% macro bigquery__alter_column_comment(relation, column_dict) -%}
  {%- set changes = [] -%}
  {%- for name, column in column_dict.items() if column['description'] -%}
    {%- do changes.append('alter column ' ~ adapter.quote(name) ~ ' set options (description = ' ~ dvt_bigquery_literal(column['description']) ~ ')') -%}
  {%- endfor -%}
  {%- if changes %}
  alter {{ 'view' if relation.is_view else 'table' }} {{ relation }}
    {{ changes | join(',\n    ') }};
  {%- endif -%}
{%- endmacro %}


{# Who may do what with the relation, but for oneself. #}
{% macro bigquery__get_show_grant_sql(relation) -%}
  select privilege_type, grantee
  from {{ adapter.quote(relation.database) }}.{{ adapter.quote('region-' ~ (target.get('location') or 'us') | lower) }}.INFORMATION_SCHEMA.OBJECT_PRIVILEGES
  where object_schema = {{ dvt_bigquery_literal(relation.schema) }}
    and object_name = {{ dvt_bigquery_literal(relation.identifier) }}
    and split(grantee, ':')[safe_offset(1)] != session_user()
{%- endmacro %}

{% macro bigquery__get_grant_sql(relation, privilege, grantees) -%}
  grant `{{ privilege }}` on {{ relation.type }} {{ relation }} to "{{ grantees | join('", "') }}"
{%- endmacro %}

{% macro bigquery__get_revoke_sql(relation, privilege, grantees) -%}
  revoke `{{ privilege }}` on {{ relation.type }} {{ relation }} from "{{ grantees | join('", "') }}"
{%- endmacro %}

{% macro bigquery__copy_grants() -%}
  {{ return(True) }}
{%- endmacro %}


{% macro bigquery__can_clone_table() -%}
  {{ return(True) }}
{%- endmacro %}

{% macro bigquery__create_or_replace_clone(this_relation, defer_relation) -%}
  create or replace table {{ this_relation }} clone {{ defer_relation }}
{%- endmacro %}
