{# How rows get into tables: incremental strategies, snapshots, seeds, what landed; and materialized views, functions. #}

{# The target of DELETE and MERGE takes no alias there: predicates name it by its own name. #}
{% macro dvt_redshift_predicates(target, predicates) -%}
  {%- set renamed = [] -%}
  {%- for predicate in predicates or [] -%}
    {%- do renamed.append(predicate | replace('DBT_INTERNAL_DEST.', target ~ '.') | replace('dbt_internal_dest.', target ~ '.')) -%}
  {%- endfor -%}
  {{ return(renamed) }}
{%- endmacro %}


{% macro redshift__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
  {%- set conditions = dvt_redshift_predicates(target, incremental_predicates) -%}
  {%- for key in dvt_key_columns(unique_key) -%}
    {%- do conditions.append('DBT_INTERNAL_SOURCE.' ~ key ~ ' = ' ~ target ~ '.' ~ key) -%}
  {%- endfor -%}
  {%- if not unique_key -%}
    {%- do conditions.append('FALSE') -%}
  {%- endif -%}
  {%- set updated = get_merge_update_columns(config.get('merge_update_columns'), config.get('merge_exclude_columns'), dest_columns) -%}
  {%- set names = dest_columns | map(attribute='quoted') | list -%}
  {{ config.get('sql_header', none) or '' }}
  merge into {{ target }}
  using {{ source }} as DBT_INTERNAL_SOURCE
  on ({{ conditions | join(') and (') }})
  {%- if unique_key %}
  when matched then update set
    {%- for column in updated %}
    {{ column }} = DBT_INTERNAL_SOURCE.{{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
  {%- endif %}
  when not matched then insert ({{ names | join(', ') }})
  values ({% for name in names %}DBT_INTERNAL_SOURCE.{{ name }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}


{% macro redshift__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
  {%- set keys = dvt_key_columns(unique_key) | join(', ') -%}
  {%- set names = get_quoted_csv(dest_columns | map(attribute='name')) -%}
  {%- if keys %}
  delete from {{ target }}
  where ({{ keys }}) in (
    select distinct {{ keys }}
    from {{ source }} as DBT_INTERNAL_SOURCE
  )
    {%- for predicate in dvt_redshift_predicates(target, incremental_predicates) %}
    and {{ predicate }}
    {%- endfor %};
  {%- endif %}
  insert into {{ target }} ({{ names }})
  (
    select {{ names }}
    from {{ source }}
  )
{%- endmacro %}


{# The rows of the batch's time give way to those of the run; no key is asked for. #}
{% macro redshift__get_incremental_microbatch_sql(arg_dict) -%}
  {%- set target = arg_dict['target_relation'] -%}
  {%- set conditions = dvt_redshift_predicates(target, arg_dict.get('incremental_predicates')) -%}
  {%- do conditions.append(dvt_batch_condition(target | string)) -%}
  delete from {{ target }}
  where ({{ conditions | join(') and (') }});
  {{ get_insert_into_sql(target, arg_dict['temp_relation'], arg_dict['dest_columns']) }}
{%- endmacro %}


{% macro redshift__snapshot_merge_sql(target, source, insert_cols) -%}
  {{ postgres__snapshot_merge_sql(target, source, insert_cols) }}
{%- endmacro %}


{# A table whose rows are to be spread, sorted or left out of backups is made by its own statement. #}
{% macro redshift__adopts_landing() -%}
  {%- do return(default__adopts_landing() and not (dvt_redshift_storage(false) | trim)) -%}
{%- endmacro %}


{% macro redshift__create_csv_table(model, agate_table) -%}
  {%- set quotes = model['config'].get('quote_columns', none) -%}
  {%- set types = dvt_seed_column_types(model, agate_table) -%}
  {%- set sql -%}
    create table {{ this.render() }} (
      {%- for name, type in types.items() %}
        {{ adapter.quote_seed_column(name, quotes) }} {{ type }}{{ ', ' if not loop.last }}
      {%- endfor %}
    ) {{ dist(model['config'].get('dist', none)) }}
  {%- endset -%}
  {%- call statement('_') -%}
    {{ sql }}
  {%- endcall -%}
  {%- do return(sql) -%}
{%- endmacro %}

{% macro redshift__get_batch_size() -%}
  {{ return(500) }}
{%- endmacro %}

{# Lengths are in bytes. Where the file is too long to be looked at here, a text may be as long as it gets. #}
{% macro redshift__seed_column_type(kind, scale) -%}
  {%- if kind == 'text' -%}
    {{ return('varchar(65535)') }}
  {%- elif kind == 'time' -%}
    {{ return('varchar(24)') }}
  {%- endif -%}
  {{ return(default__seed_column_type(kind, scale)) }}
{%- endmacro %}


{# Where a row of a unit test may not be NULL: types come from the first one. #}
{%- macro redshift__validate_fixture_rows(rows, row_number) -%}
  {%- if rows -%}
    {%- for value in rows[0].values() if value is none -%}
      {%- set fixture = 'expected output' if model.resource_type == 'unit_test' else "'" ~ model.name ~ "'" -%}
      {%- do exceptions.raise_compiler_error('Unit test fixture ' ~ fixture ~ ' in ' ~ model.name
            ~ ' does not have any row free of null values, which may cause type mismatch errors during unit test execution.') -%}
    {%- endfor -%}
  {%- endif -%}
{%- endmacro -%}


{# --- materialized views --- #}

{# dist, sort, backup and auto_refresh as the model's config has them. A view's rows are spread evenly unless it says more. #}
{% macro dvt_redshift_view_config(config) -%}
  {%- set wanted = (config.get('dist') or 'even') | trim | lower -%}
  {%- if wanted == 'auto' -%}
    {%- do exceptions.raise_compiler_error('Redshift materialized views do not support a `diststyle` of `auto`.') -%}
  {%- endif -%}
  {%- set keys = config.get('sort') or [] -%}
  {{ return({
    'diststyle': wanted if wanted in ['all', 'even'] else 'key',
    'distkey': none if wanted in ['all', 'even'] else wanted,
    'sort': [keys] if keys is string else keys | list,
    'backup': config.get('backup', default=true),
    'autorefresh': config.get('auto_refresh', default=false),
  }) }}
{%- endmacro %}

{% macro redshift__get_create_materialized_view_as_sql(relation, sql) -%}
  {%- set wanted = dvt_redshift_view_config(config) -%}
  create materialized view {{ relation }}
  backup {{ 'yes' if wanted.backup else 'no' }}
  diststyle {{ wanted.diststyle }}
  {%- if wanted.distkey %}
  distkey ({{ wanted.distkey }})
  {%- endif %}
  {%- if wanted.sort %}
  sortkey ({{ wanted.sort | join(',') }})
  {%- endif %}
  auto refresh {{ 'yes' if wanted.autorefresh else 'no' }}
  as (
    {{ sql }}
  )
{%- endmacro %}

{% macro redshift__refresh_materialized_view(relation) -%}
  refresh materialized view {{ relation }}
{%- endmacro %}

{# Style and first key of the view's table, and whether it refreshes by itself. #}
{% macro redshift__describe_materialized_view(relation) -%}
  {%- set found -%}
    select i.diststyle, i.sortkey1, v.autorefresh
    from svv_table_info as i
    left join svv_mv_info as v
      on v.database_name = i."database" and v.schema_name = i."schema" and v.name = i."table"
    where lower(i."schema") = {{ dvt_redshift_literal(relation.schema | string | lower) }}
      and lower(i."table") = {{ dvt_redshift_literal(relation.identifier | string | lower) }}
  {%- endset -%}
  {{ return({'materialized_view': run_query(found)}) }}
{%- endmacro %}

{# None, or what differs. Only the refresh can be altered in place. #}
{% macro redshift__get_materialized_view_configuration_changes(existing_relation, new_config) -%}
  {%- set wanted = dvt_redshift_view_config(new_config) -%}
  {%- set rows = redshift__describe_materialized_view(existing_relation)['materialized_view'].rows -%}
  {%- if rows | length == 0 -%}
    {%- do return(none) -%}
  {%- endif -%}
  {%- set found = rows[0] -%}
  {%- set style = wanted.diststyle if wanted.distkey is none else 'key(' ~ wanted.distkey ~ ')' -%}
  {%- set found_style = (found['diststyle'] or '') | string | lower | replace('auto(', '') | replace('"', '') -%}
  {%- if wanted.distkey is none -%}
    {%- set found_style = found_style | replace(')', '') -%}
  {%- endif -%}
  {%- set found_sort = (found['sortkey1'] or '') | string | lower | replace('auto(sortkey)', '') -%}
  {%- set is_rebuilt = found_style != style or found_sort != ((wanted.sort | first | lower) if wanted.sort else '') -%}
  {%- set refreshes = (found['autorefresh'] | string | lower) in ['t', 'true', '1', 'y', 'yes'] -%}
  {%- if not is_rebuilt and refreshes == wanted.autorefresh -%}
    {%- do return(none) -%}
  {%- endif -%}
  {{ return({'requires_full_refresh': is_rebuilt, 'autorefresh': {'context': wanted.autorefresh}}) }}
{%- endmacro %}

{% macro redshift__get_alter_materialized_view_as_sql(relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation) -%}
  {%- if configuration_changes.requires_full_refresh -%}
    {{ get_replace_sql(existing_relation, relation, sql) }}
  {%- else -%}
    {{- log('Applying UPDATE AUTOREFRESH to: ' ~ relation) -}}
    alter materialized view {{ relation }} auto refresh {{ 'yes' if configuration_changes.autorefresh.context else 'no' }}
  {%- endif -%}
{%- endmacro %}


{# --- functions: arguments have no names, and every function says how steady it is --- #}

{% macro redshift__formatted_scalar_function_args_sql() -%}
  {{ model.arguments | map(attribute='data_type') | join(', ') }}
{%- endmacro %}

{% macro redshift__scalar_function_volatility_sql() -%}
  {%- set words = {'deterministic': 'immutable', 'stable': 'stable', 'non-deterministic': 'volatile'} -%}
  {%- set volatility = model.config.get('volatility') -%}
  {%- if volatility is not none and volatility not in words -%}
    {%- do unsupported_volatility_warning(volatility) -%}
  {%- endif -%}
  {{ words.get(volatility, 'volatile') }}
{%- endmacro %}
