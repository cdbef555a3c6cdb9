{# How rows of a run get into a table that is there: each strategy is one statement, which Delta commits whole or not at all. #}

{% macro databricks__get_incremental_default_sql(arg_dict) -%}
  {%- do return(get_incremental_merge_sql(arg_dict)) -%}
{%- endmacro %}

{% macro databricks__dvt_names(dest_columns) -%}
  {%- set names = [] -%}
  {%- for column in dest_columns -%}
    {%- do names.append(adapter.quote(column.name)) -%}
  {%- endfor -%}
  {%- do return(names) -%}
{%- endmacro %}

{% macro databricks__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
  {%- for name in ['merge_with_schema_evolution'] if config.get(name) -%}
    {%- do exceptions.raise_compiler_error('`' ~ name ~ '` of ' ~ model['unique_id'] ~ ' is not supported; `on_schema_change` says what becomes of new columns') -%}
  {%- endfor -%}
  {%- set names = databricks__dvt_names(dest_columns) -%}
  {%- set to = config.get('target_alias') or 'DBT_INTERNAL_DEST' -%}
  {%- set from = config.get('source_alias') or 'DBT_INTERNAL_SOURCE' -%}
  {%- set conditions = [] -%}
  {%- for condition in dvt_merge_conditions(unique_key, incremental_predicates) -%}
    {%- do conditions.append(condition | replace('DBT_INTERNAL_SOURCE.', from ~ '.') | replace('DBT_INTERNAL_DEST.', to ~ '.')) -%}
  {%- endfor -%}
  {%- set updated = get_merge_update_columns(config.get('merge_update_columns'), config.get('merge_exclude_columns'), dest_columns) -%}
  {%- set gone = config.get('not_matched_by_source_action') -%}
  {{ config.get('sql_header', none) or '' }}
  merge into {{ target.render() }} as {{ to }}
  using {{ source.render() }} as {{ from }}
  on ({{ conditions | join(') and (') }})
  {%- if unique_key and updated and not config.get('skip_matched_step') %}
  when matched {% if config.get('matched_condition') %}and ({{ config.get('matched_condition') }}) {% endif %}then update set
    {%- for column in updated %}
    {{ column }} = {{ from }}.{{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
  {%- endif -%}
  {%- if not config.get('skip_not_matched_step') %}
  when not matched {% if config.get('not_matched_condition') %}and ({{ config.get('not_matched_condition') }}) {% endif %}then insert ({{ names | join(', ') }})
  values ({% for name in names %}{{ from }}.{{ name }}{{ ', ' if not loop.last }}{% endfor %})
  {%- endif -%}
  {%- if gone %}
  when not matched by source {% if config.get('not_matched_by_source_condition') %}and ({{ config.get('not_matched_by_source_condition') }}) {% endif %}then {{ gone }}
  {%- endif -%}
{%- endmacro %}

{% macro databricks__get_incremental_append_sql(arg_dict) -%}
  {%- set names = databricks__dvt_names(arg_dict['dest_columns']) | join(', ') -%}
  {{ config.get('sql_header', none) or '' }}
  insert into {{ arg_dict['target_relation'].render() }} ({{ names }})
  select {{ names }} from {{ arg_dict['temp_relation'].render() }}
{%- endmacro %}

{# Rows whose key comes again give way, in the statement that adds the new ones. #}
{% macro databricks__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
  {%- set names = databricks__dvt_names(dest_columns) | join(', ') -%}
  {%- set conditions = [] -%}
  {%- for key in dvt_key_columns(unique_key) -%}
    {%- do conditions.append('DBT_INTERNAL_DEST.' ~ key ~ ' = DBT_INTERNAL_SOURCE.' ~ key) -%}
  {%- endfor -%}
  {{ config.get('sql_header', none) or '' }}
  {%- if conditions %}
    {%- for predicate in incremental_predicates or [] -%}
      {%- do conditions.append(predicate) -%}
    {%- endfor %}
  insert into {{ target.render() }} as DBT_INTERNAL_DEST by name
  replace on (({{ conditions | join(') and (') }}))
  (select {{ names }} from {{ source.render() }}) as DBT_INTERNAL_SOURCE
  {%- else %}
  insert into {{ target.render() }} ({{ names }})
  select {{ names }} from {{ source.render() }}
  {%- endif -%}
{%- endmacro %}

{# Partitions that come again give way; without partitions, all rows do. #}
{% macro databricks__get_incremental_insert_overwrite_sql(arg_dict) -%}
  {%- set names = databricks__dvt_names(arg_dict['dest_columns']) | join(', ') -%}
  {%- set partitions = databricks__dvt_list_of(config.get('partition_by')) or databricks__dvt_list_of(config.get('liquid_clustered_by')) -%}
  {{ config.get('sql_header', none) or '' }}
  {%- if partitions %}
  insert into {{ arg_dict['target_relation'].render() }} by name
  replace using ({{ partitions | join(', ') }})
  select {{ names }} from {{ arg_dict['temp_relation'].render() }}
  {%- else %}
  insert overwrite table {{ arg_dict['target_relation'].render() }} ({{ names }})
  select {{ names }} from {{ arg_dict['temp_relation'].render() }}
  {%- endif -%}
{%- endmacro %}

{% macro databricks__dvt_replace_where(arg_dict, condition) -%}
  {%- set names = databricks__dvt_names(arg_dict['dest_columns']) | join(', ') -%}
  {{ config.get('sql_header', none) or '' }}
  insert into {{ arg_dict['target_relation'].render() }} by name
  replace where {{ condition }}
  select {{ names }} from {{ arg_dict['temp_relation'].render() }}
{%- endmacro %}

{# Rows that fulfil the predicates give way. #}
{% macro get_incremental_replace_where_sql(arg_dict) -%}
  {%- set predicates = databricks__dvt_list_of(arg_dict['incremental_predicates']) -%}
  {%- if not predicates -%}
    {%- do exceptions.raise_compiler_error('the strategy replace_where of ' ~ model['unique_id'] ~ ' needs `incremental_predicates`') -%}
  {%- endif -%}
  {%- do return(databricks__dvt_replace_where(arg_dict, predicates | join(' and '))) -%}
{%- endmacro %}

{# The rows of the batch's time give way to those of the run. #}
{% macro databricks__get_incremental_microbatch_sql(arg_dict) -%}
  {%- set condition = dvt_batch_condition('DBT_INTERNAL_DEST') | replace('DBT_INTERNAL_DEST.', '') -%}
  {%- do return(databricks__dvt_replace_where(arg_dict, condition)) -%}
{%- endmacro %}

{% macro databricks__seed_column_type(kind, scale) -%}
  {%- set types = {
    'text': 'string', 'integer': 'bigint', 'bigint': 'bigint', 'boolean': 'boolean', 'date': 'date',
    'datetime': 'timestamp', 'time': 'string',
  } -%}
  {%- if kind == 'number' -%}
    {%- do return('double' if scale else 'bigint') -%}
  {%- endif -%}
  {%- do return(types[kind]) -%}
{%- endmacro %}

{# The table of a seed: made, or made anew and empty, in one step. #}
{% macro databricks__create_csv_table(model, agate_table) -%}
  {%- set quotes = model['config'].get('quote_columns', none) -%}
  {%- set types = dvt_seed_column_types(model, agate_table) -%}
  {%- set sql -%}
    create or replace table {{ this.render() }} (
      {%- for name, type in types.items() %}
        {{ adapter.quote_seed_column(name, quotes) }} {{ type }}{{ ', ' if not loop.last }}
      {%- endfor %}
    )
    {{ databricks__dvt_table_clauses(this) }}
  {%- endset -%}
  {%- call statement('_', auto_begin=False) -%}
    {{ sql }}
  {%- endcall -%}
  {%- do return(sql) -%}
{%- endmacro %}

{% macro databricks__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
  {%- if old_relation.is_view -%}
    {{ adapter.drop_relation(old_relation) }}
  {%- endif -%}
  {%- do return(create_csv_table(model, agate_table)) -%}
{%- endmacro %}
