{#--
  A snapshot strategy is a macro `snapshot_<name>_strategy` that gives a dict: unique_key, updated_at, row_changed (a
  condition over snapshotted_data and source_data), scd_id, hard_deletes and invalidate_hard_deletes.
--#}

{#-- The strategy's macro, from anywhere or from the package that its name starts with. --#}
{% macro strategy_dispatch(name) -%}
  {%- set parts = name.split('.', 1) -%}
  {%- set package_name = parts[0] if parts | length > 1 else none -%}
  {%- set strategy = parts | last -%}
  {%- if package_name is not none and package_name not in context -%}
    {%- do exceptions.raise_compiler_error("Could not find package '" ~ package_name ~ "', called with '" ~ name ~ "'") -%}
  {%- endif -%}
  {%- set place = context if package_name is none else context[package_name] -%}
  {%- set macro_name = 'snapshot_' ~ strategy ~ '_strategy' -%}
  {%- if macro_name not in place -%}
    {%- do exceptions.raise_compiler_error("The specified strategy macro '" ~ strategy ~ "' was not found in package '" ~ package_name ~ "'") -%}
  {%- endif -%}
  {%- do return(place[macro_name]) -%}
{%- endmacro %}

{#-- One hash of several expressions. --#}
{% macro snapshot_hash_arguments(args) -%}
  {{- adapter.dispatch('snapshot_hash_arguments', 'dbt')(args) -}}
{%- endmacro %}

{% macro default__snapshot_hash_arguments(args) -%}
  {%- set texts = [] -%}
  {%- for arg in args -%}
    {%- do texts.append("coalesce(cast(" ~ arg ~ " as varchar), '')") -%}
  {%- endfor -%}
  md5({{ texts | join(" || '|' || ") }})
{%- endmacro %}

{% macro dvt_snapshot_strategy(updated_at, row_changed) -%}
  {%- set unique_key = config.get('unique_key') -%}
  {%- set hard_deletes = adapter.get_hard_deletes_behavior(config) -%}
  {%- do return({
    'unique_key': unique_key,
    'updated_at': updated_at,
    'row_changed': row_changed,
    'scd_id': snapshot_hash_arguments(api.Relation.scd_args(unique_key, updated_at)),
    'invalidate_hard_deletes': hard_deletes == 'invalidate',
    'hard_deletes': hard_deletes,
  }) -%}
{%- endmacro %}

{#-- A row changed when its updated_at is later than the version that is known. The version's own dbt_valid_from counts: a
     snapshot that was made by another strategy may not have the column. --#}
{% macro snapshot_timestamp_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) -%}
  {%- set updated_at = config.get('updated_at') -%}
  {%- set names = dvt_snapshot_columns() -%}
  {%- do return(dvt_snapshot_strategy(
    updated_at,
    '(' ~ snapshotted_rel ~ '.' ~ names.dbt_valid_from ~ ' < ' ~ current_rel ~ '.' ~ updated_at ~ ')'
  )) -%}
{%- endmacro %}

{#-- A time that was read from the database as a SQL expression. --#}
{% macro snapshot_string_as_time(timestamp) -%}
  {{- adapter.dispatch('snapshot_string_as_time', 'dbt')(timestamp) -}}
{%- endmacro %}

{% macro default__snapshot_string_as_time(timestamp) -%}
  {%- do exceptions.raise_not_implemented('snapshot_string_as_time macro not implemented for adapter ' ~ adapter.type()) -%}
{%- endmacro %}

{#-- (is there a column that the snapshot does not have yet, the quoted columns to compare). --#}
{% macro snapshot_check_all_get_existing_columns(node, target_exists, check_cols_config) -%}
  {%- if not target_exists -%}
    {%- do return((false, [])) -%}
  {%- endif -%}
  {%- if check_cols_config == 'all' -%}
    {%- set wanted = get_columns_in_query(node['compiled_code']) -%}
  {%- elif check_cols_config is not string and check_cols_config is iterable and check_cols_config | length > 0 -%}
    {#-- Asked of the database, for the names as it writes them. --#}
    {%- set checked -%}
      select {{ check_cols_config | join(', ') }} from (
        {{ node['compiled_code'] }}
      ) subq
    {%- endset -%}
    {%- set wanted = get_columns_in_query(checked) -%}
  {%- else -%}
    {%- do exceptions.raise_compiler_error("Invalid value for 'check_cols': " ~ check_cols_config) -%}
  {%- endif -%}
  {%- set target_relation = adapter.get_relation(database=node.database, schema=node.schema, identifier=node.alias) -%}
  {%- set existing = adapter.get_columns_in_relation(target_relation) | map(attribute='name') | list -%}
  {%- set compared = [] -%}
  {%- for name in wanted if name in existing -%}
    {%- do compared.append(adapter.quote(name)) -%}
  {%- endfor -%}
  {%- do return((compared | length < wanted | length, compared)) -%}
{%- endmacro %}

{#-- A row changed when one of its columns did; NULL is a value like any other. A new column changes every row. --#}
{% macro snapshot_check_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) -%}
  {%- set updated_at = config.get('updated_at') or snapshot_get_time() -%}
  {%- set column_added, columns = snapshot_check_all_get_existing_columns(node, target_exists, config.get('check_cols')) -%}
  {%- set differences = [] -%}
  {%- for column in columns -%}
    {%- set old = snapshotted_rel ~ '.' ~ column -%}
    {%- set new = current_rel ~ '.' ~ column -%}
    {%- do differences.append(
      old ~ ' != ' ~ new
      ~ ' or (' ~ old ~ ' is null and ' ~ new ~ ' is not null)'
      ~ ' or (' ~ old ~ ' is not null and ' ~ new ~ ' is null)'
    ) -%}
  {%- endfor -%}
  {%- set row_changed = get_true_sql() | trim if column_added else differences | join('\n or ') -%}
  {%- do return(dvt_snapshot_strategy(updated_at, '(' ~ row_changed ~ ')')) -%}
{%- endmacro %}
