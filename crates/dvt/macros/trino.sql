{# Trino's way of dbt's cross-database macros. Source: Trino's documentation, "Functions and operators". #}

{% macro trino__type_float() -%} double {%- endmacro %}

{% macro trino__type_string() -%} varchar {%- endmacro %}

{% macro trino__type_int() -%} integer {%- endmacro %}

{% macro trino__type_numeric() -%} decimal(28, 6) {%- endmacro %}

{% macro trino__current_timestamp() -%} current_timestamp {%- endmacro %}

{% macro trino__any_value(expression) -%} min({{ expression }}) {%- endmacro %}

{% macro trino__bool_or(expression) -%} bool_or({{ expression }}) {%- endmacro %}

{% macro trino__safe_cast(field, type) -%} try_cast({{ field }} as {{ type }}) {%- endmacro %}

{% macro trino__hash(field) -%} lower(to_hex(md5(to_utf8(cast({{ field }} as varchar))))) {%- endmacro %}

{% macro trino__date_trunc(datepart, date) -%} date_trunc('{{ datepart }}', {{ date }}) {%- endmacro %}

{% macro trino__dateadd(datepart, interval, from_date_or_timestamp) -%}
  date_add('{{ datepart }}', {{ interval }}, {{ from_date_or_timestamp }})
{%- endmacro %}

{% macro trino__right(string_text, length_expression) -%}
  case when {{ length_expression }} = 0 then '' else substr({{ string_text }}, -1 * ({{ length_expression }})) end
{%- endmacro %}

{% macro trino__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
  {%- set items = 'array_agg(' ~ measure ~ (' ' ~ order_by_clause if order_by_clause else '') ~ ')' -%}
  {%- if limit_num -%}
    {%- set items = 'slice(' ~ items ~ ', 1, ' ~ limit_num ~ ')' -%}
  {%- endif -%}
  array_join({{ items }}, {{ delimiter_text }})
{%- endmacro %}

{% macro trino__array_construct(inputs, data_type) -%}
  {%- if inputs -%} array[{{ inputs | join(', ') }}] {%- else -%} cast(array[] as array({{ data_type }})) {%- endif -%}
{%- endmacro %}

{% macro trino__array_append(array, new_element) -%} {{ array_concat(array, array_construct([new_element])) }} {%- endmacro %}

{% macro trino__array_concat(array_1, array_2) -%} concat({{ array_1 }}, {{ array_2 }}) {%- endmacro %}

{# Boundaries of the part that lie between the two moments. #}
{% macro trino__datediff(first_date, second_date, datepart) -%}
  {%- set part = datepart | lower -%}
  {%- if part not in ['year', 'quarter', 'month', 'week', 'day', 'hour', 'minute', 'second', 'millisecond'] -%}
    {%- do exceptions.raise_compiler_error("datediff of '" ~ datepart ~ "' is not known on Trino") -%}
  {%- endif -%}
  date_diff('{{ part }}', date_trunc('{{ part }}', cast({{ first_date }} as timestamp)), date_trunc('{{ part }}', cast({{ second_date }} as timestamp)))
{%- endmacro %}

{# A part counted from the end; Trino's own function knows only positive numbers. #}
{% macro trino__split_part(string_text, delimiter_text, part_number) -%}
  {%- if part_number >= 0 -%}
    {{ dbt.default__split_part(string_text, delimiter_text, part_number) }}
  {%- else -%}
    {{ dbt._split_part_negative(string_text, delimiter_text, part_number) }}
  {%- endif -%}
{%- endmacro %}

{# A date stays a date: texts are not taken for dates here. #}
{% macro trino__date_spine(datepart, start_date, end_date) %}
    with rawdata as (
        {{ dbt.generate_series(dbt.get_intervals_between(start_date, end_date, datepart)) }}
    ),

    all_periods as (
        select (
            {{ dbt.dateadd(datepart, 'row_number() over (order by 1) - 1', 'cast(' ~ start_date ~ ' as date)') }}
        ) as date_{{ datepart }}
        from rawdata
    ),
    filtered as (
        select *
        from all_periods
        where date_{{ datepart }} <= cast({{ end_date }} as date)
    )
    select * from filtered
{% endmacro %}

{% macro trino__snapshot_hash_arguments(args) -%}
  {%- set texts = [] -%}
  {%- for arg in args -%}
    {%- do texts.append("coalesce(cast(" ~ arg ~ " as varchar), '')") -%}
  {%- endfor -%}
  lower(to_hex(md5(to_utf8(concat({{ texts | join(", '|',") }})))))
{%- endmacro %}

{% macro trino__information_schema_name(database) -%}
  {%- if database -%} {{ database }}. {%- endif -%} INFORMATION_SCHEMA
{%- endmacro %}

{# Functions of Starburst Galaxy live in one schema for all. #}
{% macro trino__generate_schema_name(custom_schema_name, node) -%}
  {%- set name = (custom_schema_name or '') | trim -%}
  {%- if node is not none and name | lower == 'functions' and node.database | lower == 'galaxy' -%}
    {{ name }}
  {%- else -%}
    {{ dbt.default__generate_schema_name(custom_schema_name, node) }}
  {%- endif -%}
{%- endmacro %}
