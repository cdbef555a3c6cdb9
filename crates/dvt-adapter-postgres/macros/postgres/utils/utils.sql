{# The cross-database functions, where PostgreSQL has its own way. #}

{% macro postgres__any_value(expression) -%}
  min({{ expression }})
{%- endmacro %}


{% macro postgres__dateadd(datepart, interval, from_date_or_timestamp) -%}
  {{ from_date_or_timestamp }} + ((interval '1 {{ datepart }}') * ({{ interval }}))
{%- endmacro %}


{# How many boundaries of the part lie between two times. Each part but the largest counts those of a larger one. #}
{% macro postgres__datediff(first_date, second_date, datepart) -%}
  {%- set larger = {
    'quarter': ('year', 4), 'month': ('year', 12), 'hour': ('day', 24), 'minute': ('hour', 60), 'second': ('minute', 60),
    'millisecond': ('minute', 60000), 'microsecond': ('minute', 60000000),
  } -%}
  {%- if datepart == 'year' -%}
    ({{ dvt_postgres_part_difference(datepart, first_date, second_date) }})
  {%- elif datepart == 'day' -%}
    (({{ second_date }})::date - ({{ first_date }})::date)
  {%- elif datepart == 'week' -%}
    ({{ datediff(first_date, second_date, 'day') }} / 7 + case
      when date_part('dow', ({{ first_date }})::timestamp) <= date_part('dow', ({{ second_date }})::timestamp) then
        case when {{ first_date }} <= {{ second_date }} then 0 else -1 end
      else
        case when {{ first_date }} <= {{ second_date }} then 1 else 0 end
    end)
  {%- elif datepart in larger -%}
    {%- set part, count = larger[datepart] -%}
    ({{ datediff(first_date, second_date, part) }} * {{ count }} + {{ dvt_postgres_part_difference(datepart, first_date, second_date) }})
  {%- else -%}
    {%- do exceptions.raise_compiler_error("Unsupported datepart for macro datediff in postgres: {!r}".format(datepart)) -%}
  {%- endif -%}
{%- endmacro %}


{# Parts of a date are read from the date. Those that hold a fraction are counted whole. #}
{% macro dvt_postgres_part_difference(part, first_date, second_date) -%}
  {%- set type = 'date' if part in ['year', 'quarter', 'month'] else 'timestamp' -%}
  {%- set has_fraction = part in ['second', 'millisecond', 'microsecond'] -%}
  {%- for date in [second_date, first_date] -%}
    {{ 'floor(' if has_fraction }}date_part('{{ part }}', ({{ date }})::{{ type }}){{ ')' if has_fraction }}{{ ' - ' if not loop.last }}
  {%- endfor -%}
{%- endmacro %}


{% macro postgres__last_day(date, datepart) -%}
  {%- if datepart == 'quarter' -%}
    {#- An interval has no quarters. -#}
    cast({{ dbt.dateadd('day', '-1', dbt.dateadd('month', '3', dbt.date_trunc(datepart, date))) }} as date)
  {%- else -%}
    {{ dbt.default_last_day(date, datepart) }}
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
    {{ dbt.default__split_part(string_text, delimiter_text, part_number) }}
  {%- endif -%}
{%- endmacro %}


{% macro postgres__equals(expr1, expr2) -%}
  {%- if adapter.behavior.enable_truthy_nulls_equals_macro.no_warn -%}
    ({{ expr1 }} IS NOT DISTINCT FROM {{ expr2 }})
  {%- else -%}
    ({{ expr1 }} = {{ expr2 }})
  {%- endif -%}
{%- endmacro %}
