{# The clock and the cross-database functions, where Spark has its own way. #}

{% macro spark__current_timestamp() -%}
  current_timestamp()
{%- endmacro %}

{% macro spark__snapshot_string_as_time(timestamp) -%}
  {%- do return("to_timestamp('" ~ timestamp ~ "')") -%}
{%- endmacro %}

{% macro spark__snapshot_hash_arguments(args) -%}
  {%- set texts = [] -%}
  {%- for arg in args -%}
    {%- do texts.append("coalesce(cast(" ~ arg ~ " as string), '')") -%}
  {%- endfor -%}
  md5({{ texts | join(" || '|' || ") }})
{%- endmacro %}

{% macro spark__current_timestamp_backcompat() -%}
  current_timestamp()
{%- endmacro %}

{% macro spark__current_timestamp_in_utc_backcompat() -%}
  to_utc_timestamp(current_timestamp(), current_timezone())
{%- endmacro %}

{% macro spark__type_string() -%}
  {%- do return('string') -%}
{%- endmacro %}

{% macro spark__type_timestamp() -%}
  {%- do return('timestamp') -%}
{%- endmacro %}

{% macro spark__hash(field) -%}
  md5(cast({{ field }} as string))
{%- endmacro %}

{% macro spark__safe_cast(field, type) -%}
  try_cast({{ field }} as {{ type }})
{%- endmacro %}

{% macro spark__equals(expr1, expr2) -%}
  {%- if adapter.behavior.enable_truthy_nulls_equals_macro.no_warn -%}
    {%- do return('(' ~ expr1 ~ ' <=> ' ~ expr2 ~ ')') -%}
  {%- endif -%}
  {%- do return('(' ~ expr1 ~ ' = ' ~ expr2 ~ ')') -%}
{%- endmacro %}

{% macro spark__dateadd(datepart, interval, from_date_or_timestamp) -%}
  timestampadd({{ datepart }}, {{ interval }}, {{ from_date_or_timestamp }})
{%- endmacro %}

{# How many limits of the unit lie between: whole units between the beginnings of both. #}
{% macro spark__datediff(first_date, second_date, datepart) -%}
  timestampdiff({{ datepart }}, date_trunc('{{ datepart }}', {{ first_date }}), date_trunc('{{ datepart }}', {{ second_date }}))
{%- endmacro %}

{% macro spark__escape_single_quotes(expression) -%}
  {%- do return(expression | replace("\\", "\\\\") | replace("'", "\\'")) -%}
{%- endmacro %}

{% macro spark__bool_or(expression) -%}
  bool_or({{ expression }})
{%- endmacro %}

{% macro spark__array_construct(inputs, data_type) -%}
  array({{ inputs | join(', ') }})
{%- endmacro %}

{% macro spark__array_concat(array_1, array_2) -%}
  concat({{ array_1 }}, {{ array_2 }})
{%- endmacro %}

{# A text as a literal: a quote that is doubled would be two literals that touch. #}
{% macro spark__dvt_text(value) -%}
  '{{ (value | string).replace("\\", "\\\\").replace("'", "\\'") }}'
{%- endmacro %}

{# Spark 4 has LISTAGG; without an order the older functions do, on every version. #}
{% macro spark__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
  {%- if order_by_clause -%}
    {%- do return(default__listagg(measure, delimiter_text, order_by_clause, limit_num)) -%}
  {%- endif -%}
  {%- set values = 'collect_list(cast(' ~ measure ~ ' as string))' -%}
  {%- if limit_num -%}
    {%- set values = 'slice(' ~ values ~ ', 1, ' ~ limit_num ~ ')' -%}
  {%- endif -%}
  array_join({{ values }}, {{ delimiter_text }})
{%- endmacro %}

{% macro spark__array_append(array, new_element) -%}
  array_append({{ array }}, {{ new_element }})
{%- endmacro %}
