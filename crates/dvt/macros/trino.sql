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
