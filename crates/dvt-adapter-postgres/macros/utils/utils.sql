{# The cross-database functions, where PostgreSQL has its own way. #}

{% macro postgres__any_value(expression) -%}
  min({{ expression }})
{%- endmacro %}


{% macro postgres__dateadd(datepart, interval, from_date_or_timestamp) -%}
  {{ from_date_or_timestamp }} + ((interval '1 {{ datepart }}') * ({{ interval }}))
{%- endmacro %}


{# How many boundaries of the part lie between two times. #}
{% macro postgres__datediff(first_date, second_date, datepart) -%}
  {%- set days -%}
    (({{ second_date }})::date - ({{ first_date }})::date)
  {%- endset -%}
  
  {%- if datepart == 'year' -%}
    {{ dvt_postgres_part_difference('year', first_date, second_date) }}
  {%- elif datepart in ['quarter', 'month'] -%}
    ({{ datediff(first_date, second_date, 'year') }} * {{ 4 if datepart == 'quarter' else 12 }}
      + {{ dvt_postgres_part_difference(datepart, first_date, second_date) }})
  {%- elif datepart == 'day' -%}
    {{ days }}
  {%- elif datepart == 'week' -%}
    ({{ days }} / 7 + case
      when date_part('dow', ({{ first_date }})::timestamp) <= date_part('dow', ({{ second_date }})::timestamp)
      then case when {{ first_date }} <= {{ second_date }} then 0 else -1 end
      else case when {{ first_date }} <= {{ second_date }} then 1 else 0 end
    end)
  {%- elif datepart == 'hour' -%}
    ({{ days }} * 24 + {{ dvt_postgres_part_difference('hour', first_date, second_date) }})
  {%- elif datepart == 'minute' -%}
    ({{ datediff(first_date, second_date, 'hour') }} * 60
      + {{ dvt_postgres_part_difference('minute', first_date, second_date) }})
  {%- elif datepart == 'second' -%}
    ({{ datediff(first_date, second_date, 'minute') }} * 60
      + floor(date_part('second', ({{ second_date }})::timestamp))
      - floor(date_part('second', ({{ first_date }})::timestamp)))
  {%- elif datepart in ['millisecond', 'microsecond'] -%}
    {#- These parts of PostgreSQL hold the seconds too. -#}
    ({{ datediff(first_date, second_date, 'minute') }} * {{ 60000 if datepart == 'millisecond' else 60000000 }}
      + floor(date_part('{{ datepart }}', ({{ second_date }})::timestamp))
      - floor(date_part('{{ datepart }}', ({{ first_date }})::timestamp)))
  {%- else -%}
    {%- do exceptions.raise_compiler_error('datediff on postgres does not know the part `' ~ datepart ~ '`') -%}
  {%- endif -%}
{%- endmacro %}


{% macro dvt_postgres_part_difference(part, first_date, second_date) -%}
  (date_part('{{ part }}', ({{ second_date }})::timestamp) - date_part('{{ part }}', ({{ first_date }})::timestamp))
{%- endmacro %}


{% macro postgres__last_day(date, datepart) -%}
  {%- if datepart == 'quarter' -%}
    cast(date_trunc('quarter', {{ date }}) + interval '3 months' - interval '1 day' as date)
  {%- else -%}
    {{ default_last_day(date, datepart) }}
  {%- endif -%}
{%- endmacro %}


{% macro postgres__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
  {%- set ordered = measure ~ ' ' ~ order_by_clause if order_by_clause else measure -%}
  {%- if limit_num -%}
    array_to_string((array_agg({{ ordered }}))[1:{{ limit_num }}], {{ delimiter_text }})
  {%- else -%}
    string_agg({{ measure }}, {{ delimiter_text }}{{ ' ' ~ order_by_clause if order_by_clause }})
  {%- endif -%}
{%- endmacro %}


{% macro postgres__split_part(string_text, delimiter_text, part_number) -%}
  {%- if part_number is number and part_number < 0 -%}
    {{ dbt._split_part_negative(string_text, delimiter_text, part_number) }}
  {%- else -%}
    split_part({{ string_text }}, {{ delimiter_text }}, {{ part_number }})
  {%- endif -%}
{%- endmacro %}


{% macro postgres__equals(expr1, expr2) -%}
  {%- if adapter.behavior.enable_truthy_nulls_equals_macro -%}
    {{ expr1 }} is not distinct from {{ expr2 }}
  {%- else -%}
    ({{ expr1 }} = {{ expr2 }})
  {%- endif -%}
{%- endmacro %}
