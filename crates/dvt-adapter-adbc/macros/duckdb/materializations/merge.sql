{# How rows of a run get into a table that is there. #}

{% macro duckdb__get_incremental_default_sql(arg_dict) -%}
  {%- if arg_dict['unique_key'] -%}
    {%- do return(get_incremental_delete_insert_sql(arg_dict)) -%}
  {%- endif -%}
  {%- do return(get_incremental_append_sql(arg_dict)) -%}
{%- endmacro %}

{# MERGE by its short configs (`merge_update_columns`, `merge_update_condition`, …), or clause by clause as `merge_clauses`
   lists them. #}
{% macro duckdb__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
  {%- set clauses = duckdb__dvt_merge_clauses(unique_key, dest_columns) -%}
  {%- set using_columns = duckdb__dvt_as_list(config.get('merge_on_using_columns')) -%}
  {%- set returned = duckdb__dvt_as_list(config.get('merge_returning_columns')) -%}
  {{ config.get('sql_header', none) or '' }}
  merge into {{ target }} as DBT_INTERNAL_DEST
  using {{ source }} as DBT_INTERNAL_SOURCE
  {%- if using_columns %}
  using ({{ using_columns | join(', ') }})
    {%- if incremental_predicates -%}
      {{ exceptions.raise_compiler_error("merge_on_using_columns and incremental_predicates cannot be used together: DuckDB takes either USING or ON") }}
    {%- endif -%}
  {%- else %}
  on ({{ dvt_merge_conditions(unique_key, incremental_predicates) | join(') and (') }})
  {%- endif -%}
  {%- for clause in clauses %}
  {{ clause }}
  {%- endfor -%}
  {%- if returned %}
  returning {{ returned | join(', ') }}
  {%- endif -%}
{%- endmacro %}

{% macro duckdb__dvt_as_list(value) -%}
  {{ return([] if not value else ([value] if value is string else value)) }}
{%- endmacro %}

{% macro duckdb__dvt_merge_clauses(unique_key, dest_columns) -%}
  {%- set listed = config.get('merge_clauses') -%}
  {%- set short = ['merge_update_condition', 'merge_insert_condition', 'merge_update_columns', 'merge_exclude_columns', 'merge_update_set_expressions'] -%}
  {%- set clauses = [] -%}
  {%- if listed -%}
    {%- if listed is not mapping or not (listed.get('when_matched') or listed.get('when_not_matched')) -%}
      {{ exceptions.raise_compiler_error("merge_clauses is a map with the lists 'when_matched' and 'when_not_matched', at least one of them") }}
    {%- endif -%}
    {%- for name in short if config.get(name) -%}
      {{ exceptions.raise_compiler_error("the config '" ~ name ~ "' has no meaning beside 'merge_clauses': say it in a clause") }}
    {%- endfor -%}
    {%- for name in listed if name not in ['when_matched', 'when_not_matched'] -%}
      {{ exceptions.raise_compiler_error("merge_clauses has no list '" ~ name ~ "': its lists are 'when_matched' and 'when_not_matched'") }}
    {%- endfor -%}
    {%- for name in ['when_matched', 'when_not_matched'] -%}
      {%- for clause in listed.get(name) or [] -%}
        {%- do clauses.append(duckdb__dvt_merge_clause(name, clause, dest_columns)) -%}
      {%- endfor -%}
    {%- endfor -%}
    {{ return(clauses) }}
  {%- endif -%}
  {%- set change = {
    'action': 'update', 'mode': 'explicit', 'condition': config.get('merge_update_condition'),
    'update': {
      'include': config.get('merge_update_columns'), 'exclude': config.get('merge_exclude_columns'),
      'set_expressions': config.get('merge_update_set_expressions'),
    },
  } -%}
  {%- if unique_key or config.get('merge_on_using_columns') -%}
    {%- do clauses.append(duckdb__dvt_merge_clause('when_matched', change, dest_columns)) -%}
  {%- endif -%}
  {%- set addition = {'action': 'insert', 'mode': 'all', 'condition': config.get('merge_insert_condition')} -%}
  {%- do clauses.append(duckdb__dvt_merge_clause('when_not_matched', addition, dest_columns)) -%}
  {{ return(clauses) }}
{%- endmacro %}

{# One WHEN clause. A mode that is left out names every column. #}
{% macro duckdb__dvt_merge_clause(list, clause, dest_columns) -%}
  {%- set action = (clause.get('action') if clause is mapping else none) or '' -%}
  {%- set mode = clause.get('mode') if clause is mapping else none -%}
  {%- set conditions = duckdb__dvt_as_list(clause.get('condition') if clause is mapping else none) -%}
  {%- set words = {'by_name': 'by name', 'by_position': 'by position', 'star': '*'} -%}
  {%- set allowed = ['update', 'delete', 'do_nothing', 'error'] if list == 'when_matched' else ['insert', 'update', 'delete', 'do_nothing', 'error'] -%}
  {%- if action not in allowed -%}
    {{ exceptions.raise_compiler_error("an element of merge_clauses." ~ list ~ " needs an 'action', one of " ~ allowed | join(', ') ~ ", and not '" ~ action ~ "'") }}
  {%- endif -%}
  {%- if mode is not none and mode not in ['by_name', 'by_position', 'star', 'explicit', 'all'] -%}
    {{ exceptions.raise_compiler_error("the mode of a clause is by_name, by_position, star or explicit, not '" ~ mode ~ "'") }}
  {%- endif -%}
  {%- set result -%}
    when {{ 'matched' if list == 'when_matched' else 'not matched' }}
    {%- if list == 'when_not_matched' and clause.get('by') %} by {{ clause.get('by') }}{% endif -%}
    {%- if conditions %} and ({{ conditions | join(') and (') }}){% endif %} then
    {% if action == 'delete' -%}
      delete
    {%- elif action == 'do_nothing' -%}
      do nothing
    {%- elif action == 'error' -%}
      error{% if clause.get('error_message') %} {{ dvt_literal(clause.get('error_message')) }}{% endif %}
    {%- elif action == 'update' -%}
      {{ duckdb__dvt_merge_update(list, clause, mode, words, dest_columns) }}
    {%- elif mode in words -%}
      insert {{ words[mode] }}
    {%- elif mode == 'explicit' -%}
      insert ({{ duckdb__dvt_as_list(clause['insert']['columns']) | join(', ') }})
      values ({{ duckdb__dvt_as_list(clause['insert']['values']) | join(', ') }})
    {%- else -%}
      {%- set names = dest_columns | map(attribute='quoted') | list -%}
      insert ({{ names | join(', ') }})
      values ({% for name in names %}DBT_INTERNAL_SOURCE.{{ name }}{{ ', ' if not loop.last }}{% endfor %})
    {%- endif -%}
  {%- endset -%}
  {{ return(result) }}
{%- endmacro %}

{% macro duckdb__dvt_merge_update(list, clause, mode, words, dest_columns) -%}
  {%- if mode == 'star' -%}
    update set *
  {%- elif mode in words -%}
    update {{ words[mode] }}
  {%- else -%}
    {%- set update = clause.get('update') or {} -%}
    {%- set expressions = update.get('set_expressions') or clause.get('set_expressions') or {} -%}
    {%- set changes = [] -%}
    {%- for column, expression in expressions.items() -%}
      {%- do changes.append(column ~ ' = ' ~ expression) -%}
    {%- endfor -%}
    {%- if list == 'when_matched' -%}
      {%- set given = expressions.keys() | map('lower') | list -%}
      {%- for column in get_merge_update_columns(update.get('include'), update.get('exclude'), dest_columns)
            if column | replace('"', '') | lower not in given -%}
        {%- do changes.append(column ~ ' = DBT_INTERNAL_SOURCE.' ~ column) -%}
      {%- endfor -%}
    {%- endif -%}
    {{ 'update set ' ~ changes | join(', ') if changes else 'do nothing' }}
  {%- endif -%}
{%- endmacro %}

{# The rows of the batch's time give way to those of the run. #}
{% macro duckdb__get_incremental_microbatch_sql(arg_dict) %}
  delete from {{ arg_dict['target_relation'] }} as DBT_INTERNAL_DEST
  where {{ dvt_batch_condition('DBT_INTERNAL_DEST') }};
  {{ get_insert_into_sql(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['dest_columns']) }}
{%- endmacro %}

{% macro duckdb__snapshot_merge_sql(target, source, insert_cols) -%}
  {%- set names = dvt_snapshot_columns() -%}
  {%- set end = 'DBT_INTERNAL_DEST.' ~ names.dbt_valid_to -%}
  {%- set current = config.get('dbt_valid_to_current') %}
  update {{ target }} as DBT_INTERNAL_DEST
  set {{ names.dbt_valid_to }} = DBT_INTERNAL_SOURCE.{{ names.dbt_valid_to }}
  from {{ source }} as DBT_INTERNAL_SOURCE
  where DBT_INTERNAL_SOURCE.{{ names.dbt_scd_id }}::text = DBT_INTERNAL_DEST.{{ names.dbt_scd_id }}::text
    and DBT_INTERNAL_SOURCE.dbt_change_type in ('update', 'delete')
    and ({{ end }} is null{% if current %} or {{ end }} = {{ current }}{% endif %});

  insert into {{ target }} ({{ insert_cols | join(', ') }})
  select {% for column in insert_cols %}DBT_INTERNAL_SOURCE.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
  from {{ source }} as DBT_INTERNAL_SOURCE
  where DBT_INTERNAL_SOURCE.dbt_change_type = 'insert'
{%- endmacro %}

{% macro duckdb__seed_column_type(kind, scale) -%}
  {%- set types = {
    'text': 'varchar', 'integer': 'integer', 'bigint': 'bigint', 'boolean': 'boolean', 'date': 'date',
    'datetime': 'timestamp', 'time': 'time',
  } -%}
  {%- if kind == 'number' -%}
    {{ return('double' if scale else 'bigint') }}
  {%- endif -%}
  {{ return(types[kind]) }}
{%- endmacro %}
