{# Tables: create, drop, rename; and their indexes. #}

{% macro postgres__create_table_as(temporary, relation, sql) -%}
  {%- set contract = config.get('contract') -%}
  {%- set is_enforced = contract and contract.enforced -%}
  {%- set header = config.get('sql_header', none) -%}
  {%- if header is not none %}{{ header }}
  {% endif -%}
  {%- set kind = 'temporary ' if temporary else ('unlogged ' if config.get('unlogged', default=false) else '') -%}
  {%- if is_enforced %}{{ get_assert_columns_equivalent(sql) }}{% endif -%}
  {%- if is_enforced and not temporary %}
  create {{ kind }}table {{ relation }}
  {{ get_table_columns_and_constraints() }};
  insert into {{ relation }} (
    {%- for column in model['columns'].values() %}
    {{ adapter.quote(column['name']) if column.get('quote') else column['name'] }}{{ ',' if not loop.last }}
    {%- endfor %}
  )
  {{ get_select_subquery(sql) }}
  {%- else %}
  create {{ kind }}table {{ relation }}
  as (
    {{ sql }}
  )
  {%- endif %};
{%- endmacro %}


{% macro postgres__drop_table(relation) -%}
  drop table if exists {{ relation }} cascade
{%- endmacro %}


{% macro postgres__get_rename_table_sql(relation, new_name) -%}
  alter table {{ relation }} rename to {{ adapter.quote_as_configured(new_name, "identifier") }}
{%- endmacro %}


{# One index of the config `indexes`: `columns`, and as one likes `unique` and `type`. #}
{% macro postgres__get_create_index_sql(relation, index_dict) -%}
  {%- set columns = index_dict.get('columns') -%}
  {%- if not columns or columns is string -%}
    {%- do exceptions.raise_compiler_error('an index of ' ~ relation ~ ' needs `columns`, a list of column names') -%}
  {%- endif -%}
  {%- for key in index_dict if key not in ['columns', 'unique', 'type'] -%}
    {%- do exceptions.raise_compiler_error(
      'an index of ' ~ relation ~ ' has the key `' ~ key ~ '`; known are columns, unique, type'
    ) -%}
  {%- endfor -%}
  {%- set joined = columns | join(', ') -%}
  {%- set unique = 'unique ' if index_dict.get('unique') else '' -%}
  {%- set method = index_dict.get('type') -%}
  {# The old table may still be there with an index of the same definition: each run names its own. #}
  {%- set name = local_md5([relation | string, joined, unique, method | string, invocation_id] | join('_')) -%}
  create {{ unique }}index if not exists {{ adapter.quote(name) }}
  on {{ relation }}{{ ' using ' ~ method if method else '' }} ({{ joined }})
{%- endmacro %}

{#-- A landing relation is an ordinary table, so an unlogged model is made by its own DDL. --#}
{% macro postgres__adopts_landing() -%}
  {%- do return(default__adopts_landing() and not config.get('unlogged', default=false)) -%}
{%- endmacro %}
