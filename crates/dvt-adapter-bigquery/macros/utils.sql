{# BigQuery's way of dbt's cross-database macros. Source: its SQL reference, "Functions, operators, and conditionals". #}

{% macro bigquery__current_timestamp() -%} current_timestamp() {%- endmacro %}

{% macro bigquery__type_numeric() -%} numeric {%- endmacro %}

{% macro bigquery__bool_or(expression) -%} logical_or({{ expression }}) {%- endmacro %}

{% macro bigquery__safe_cast(field, type) -%} safe_cast({{ field }} as {{ type }}) {%- endmacro %}

{% macro bigquery__hash(field) -%} to_hex(md5(cast({{ field }} as string))) {%- endmacro %}

{% macro bigquery__except() -%} except distinct {%- endmacro %}

{% macro bigquery__intersect() -%} intersect distinct {%- endmacro %}

{% macro bigquery__date_trunc(datepart, date) -%}
  timestamp_trunc(cast({{ date }} as timestamp), {{ datepart }})
{%- endmacro %}

{% macro bigquery__dateadd(datepart, interval, from_date_or_timestamp) -%}
  datetime_add(cast({{ from_date_or_timestamp }} as datetime), interval {{ interval }} {{ datepart }})
{%- endmacro %}

{% macro bigquery__datediff(first_date, second_date, datepart) -%}
  datetime_diff(cast({{ second_date }} as datetime), cast({{ first_date }} as datetime), {{ datepart }})
{%- endmacro %}

{% macro bigquery__date(year, month, day) -%} date({{ year }}, {{ month }}, {{ day }}) {%- endmacro %}

{% macro bigquery__position(substring_text, string_text) -%} strpos({{ string_text }}, {{ substring_text }}) {%- endmacro %}

{% macro bigquery__right(string_text, length_expression) -%}
  case when {{ length_expression }} = 0 then '' else substr({{ string_text }}, -1 * ({{ length_expression }})) end
{%- endmacro %}

{% macro bigquery__escape_single_quotes(expression) -%} {{ expression | replace("'", "\\'") }} {%- endmacro %}

{% macro bigquery__string_literal(value) -%} '''{{ value }}''' {%- endmacro %}

{% macro bigquery__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
  string_agg({{ measure }}, {{ delimiter_text }}
  {%- if order_by_clause %} {{ order_by_clause }}{% endif -%}
  {%- if limit_num %} limit {{ limit_num }}{% endif -%})
{%- endmacro %}

{% macro bigquery__split_part(string_text, delimiter_text, part_number) -%}
  {%- if part_number > 0 -%}
    split({{ string_text }}, {{ delimiter_text }})[safe_offset({{ part_number - 1 }})]
  {%- else -%}
    split({{ string_text }}, {{ delimiter_text }})[safe_offset(array_length(split({{ string_text }}, {{ delimiter_text }})) + {{ part_number }})]
  {%- endif -%}
{%- endmacro %}

{% macro bigquery__array_construct(inputs, data_type) -%} [{{ inputs | join(', ') }}] {%- endmacro %}

{% macro bigquery__array_append(array, new_element) -%}
  {{ array_concat(array, array_construct([new_element])) }}
{%- endmacro %}

{% macro bigquery__array_concat(array_1, array_2) -%} array_concat({{ array_1 }}, {{ array_2 }}) {%- endmacro %}

{% macro bigquery__current_timestamp_backcompat() -%} current_timestamp {%- endmacro %}

{% macro bigquery__equals(expr1, expr2) -%}
  {%- if adapter.behavior.enable_truthy_nulls_equals_macro.no_warn -%}
    ({{ expr1 }} is not distinct from {{ expr2 }})
  {%- else -%}
    ({{ expr1 }} = {{ expr2 }})
  {%- endif -%}
{%- endmacro %}

{# A column of a nested type cannot be grouped by as it stands: the values are named first. #}
{% macro bigquery__test_unique(model, column_name) -%}
with dbt_test__target as (
  select {{ column_name }} as unique_field
  from {{ model }}
  where {{ column_name }} is not null
)
select unique_field, count(*) as n_records
from dbt_test__target
group by unique_field
having count(*) > 1
{%- endmacro %}

{# `where false` alone would be answered without a look at the query's types. #}
{% macro bigquery__get_empty_subquery_sql(select_sql, select_sql_header=none) -%}
  {%- if select_sql_header is not none -%}
    {{ select_sql_header }}
  {%- endif %}
    select * from (
        {{ select_sql }}
    ) as __dbt_sbq
    where false and current_timestamp() = current_timestamp()
    limit 0
{%- endmacro %}

{% macro bigquery__snapshot_hash_arguments(args) -%}
  {%- set texts = [] -%}
  {%- for arg in args -%}
    {%- do texts.append("coalesce(cast(" ~ arg ~ " as string), '')") -%}
  {%- endfor -%}
  to_hex(md5(concat({{ texts | join(", '|',") }})))
{%- endmacro %}

{% macro bigquery__snapshot_string_as_time(timestamp) -%}
  {{ return('TIMESTAMP("' ~ timestamp ~ '")') }}
{%- endmacro %}

{% macro bigquery__format_column(column) -%}
  {%- set data_type = column.data_type -%}
  {{ return({'name': column.name, 'data_type': data_type, 'formatted': column.column.lower() ~ ' ' ~ data_type}) }}
{%- endmacro %}

{% macro bigquery__resolve_model_name(input_model_name) -%}
  {{ input_model_name | string | replace('`', '') | replace('"', '\"') }}
{%- endmacro %}
