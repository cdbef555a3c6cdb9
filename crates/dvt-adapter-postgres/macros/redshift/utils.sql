{# The clock, and the cross-database functions where Redshift has its own way. #}

{% macro redshift__current_timestamp() -%}
  getdate()
{%- endmacro %}

{% macro redshift__snapshot_get_time() -%}
  {{ current_timestamp() }}::timestamp
{%- endmacro %}

{% macro redshift__snapshot_string_as_time(timestamp) -%}
  {{ return("'" ~ timestamp ~ "'::timestamp") }}
{%- endmacro %}

{% macro redshift__current_timestamp_backcompat() -%}
  getdate()
{%- endmacro %}

{% macro redshift__current_timestamp_in_utc_backcompat() -%}
  getdate()
{%- endmacro %}


{% macro redshift__dateadd(datepart, interval, from_date_or_timestamp) -%}
  dateadd({{ datepart }}, {{ interval }}, {{ from_date_or_timestamp }})
{%- endmacro %}

{% macro redshift__datediff(first_date, second_date, datepart) -%}
  datediff({{ datepart }}, {{ first_date }}, {{ second_date }})
{%- endmacro %}

{% macro redshift__last_day(date, datepart) -%}
  cast({{ dbt.dateadd('day', '-1', dbt.dateadd(datepart, '1', dbt.date_trunc(datepart, date))) }} as date)
{%- endmacro %}


{# A limit takes the first values out of the whole text, so no value may hold the delimiter then. #}
{% macro redshift__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
  {%- set whole -%}
    listagg({{ measure }}, {{ delimiter_text }}){{ ' within group (' ~ order_by_clause ~ ')' if order_by_clause }}
  {%- endset -%}
  {%- if not limit_num -%}
    {{ whole }}
  {%- else -%}
    {%- set ns = namespace(plain=delimiter_text | trim("'"), escaped='') -%}
    {%- for character in ns.plain -%}
      {%- set ns.escaped = ns.escaped ~ ('\\\\' if character in '\\^$.|?*+()[]{}') ~ character -%}
    {%- endfor -%}
    regexp_substr({{ whole }}, '^([^{{ ns.escaped }}]*{{ ns.escaped }}){0,{{ limit_num - 1 }}}[^{{ ns.escaped }}]*')
  {%- endif -%}
{%- endmacro %}


{% macro redshift__split_part(string_text, delimiter_text, part_number) -%}
  {%- if part_number >= 0 -%}
    {{ dbt.default__split_part(string_text, delimiter_text, part_number) }}
  {%- else -%}
    {{ dbt._split_part_negative(string_text, delimiter_text, part_number) }}
  {%- endif -%}
{%- endmacro %}


{% macro redshift__length(expression) -%}
  len({{ expression }})
{%- endmacro %}


{# An array is a SUPER. #}
{% macro redshift__array_construct(inputs, data_type) -%}
  array({{ inputs | join(', ') }})
{%- endmacro %}

{% macro redshift__array_append(array, new_element) -%}
  {{ array_concat(array, array_construct([new_element])) }}
{%- endmacro %}

{% macro redshift__array_concat(array_1, array_2) -%}
  array_concat({{ array_1 }}, {{ array_2 }})
{%- endmacro %}


{# A boolean has no cast to text. #}
{% macro redshift__cast_bool_to_text(field) -%}
  case when {{ field }} is true then 'true' when {{ field }} is false then 'false' end::text
{%- endmacro %}
