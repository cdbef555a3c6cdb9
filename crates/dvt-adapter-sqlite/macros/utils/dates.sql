{# Dates are ISO texts; SQLite's date functions read and write them. #}

{% macro sqlite__dateadd(datepart, interval, from_date_or_timestamp) %}
  {%- set part = datepart | lower -%}
  {%- set factors = {'week': ('7', 'days'), 'quarter': ('3', 'months')} -%}
  {%- if part in factors -%}
    datetime({{ from_date_or_timestamp }}, (({{ interval }}) * {{ factors[part][0] }}) || ' {{ factors[part][1] }}')
  {%- elif part in ('year', 'month', 'day', 'hour', 'minute', 'second') -%}
    datetime({{ from_date_or_timestamp }}, ({{ interval }}) || ' {{ part }}s')
  {%- else -%}
    {{ exceptions.raise_compiler_error('dateadd has no part `' ~ datepart ~ '` on SQLite') }}
  {%- endif -%}
{% endmacro %}

{# How many borders of the part lie between the two moments. #}
{% macro sqlite__datediff(first_date, second_date, datepart) -%}
  {%- set part = datepart | lower -%}
  {%- set year = "cast(strftime('%Y', " -%}
  {%- set month = "cast(strftime('%m', " -%}
  {%- if part == 'year' -%}
    ({{ year }}{{ second_date }}) as integer) - {{ year }}{{ first_date }}) as integer))
  {%- elif part == 'quarter' -%}
    (({{ year }}{{ second_date }}) as integer) - {{ year }}{{ first_date }}) as integer)) * 4
      + ({{ month }}{{ second_date }}) as integer) + 2) / 3 - ({{ month }}{{ first_date }}) as integer) + 2) / 3)
  {%- elif part == 'month' -%}
    (({{ year }}{{ second_date }}) as integer) - {{ year }}{{ first_date }}) as integer)) * 12
      + {{ month }}{{ second_date }}) as integer) - {{ month }}{{ first_date }}) as integer))
  {%- elif part == 'week' -%}
    (cast(julianday({{ sqlite__date_trunc('week', second_date) }}) - julianday({{ sqlite__date_trunc('week', first_date) }}) as integer) / 7)
  {%- elif part == 'day' -%}
    cast(julianday(date({{ second_date }})) - julianday(date({{ first_date }})) as integer)
  {%- elif part == 'hour' -%}
    (unixepoch({{ sqlite__date_trunc('hour', second_date) }}) - unixepoch({{ sqlite__date_trunc('hour', first_date) }})) / 3600
  {%- elif part == 'minute' -%}
    (unixepoch({{ sqlite__date_trunc('minute', second_date) }}) - unixepoch({{ sqlite__date_trunc('minute', first_date) }})) / 60
  {%- elif part == 'second' -%}
    (unixepoch({{ second_date }}) - unixepoch({{ first_date }}))
  {%- else -%}
    {{ exceptions.raise_compiler_error('datediff has no part `' ~ datepart ~ '` on SQLite') }}
  {%- endif -%}
{%- endmacro %}

{% macro sqlite__date_trunc(datepart, date) -%}
  {%- set part = datepart | lower -%}
  {%- set formats = {
    'year': '%Y-01-01 00:00:00', 'month': '%Y-%m-01 00:00:00', 'day': '%Y-%m-%d 00:00:00',
    'hour': '%Y-%m-%d %H:00:00', 'minute': '%Y-%m-%d %H:%M:00', 'second': '%Y-%m-%d %H:%M:%S',
  } -%}
  {%- if part in formats -%}
    strftime('{{ formats[part] }}', {{ date }})
  {%- elif part == 'quarter' -%}
    datetime({{ date }}, 'start of month', '-' || ((cast(strftime('%m', {{ date }}) as integer) - 1) % 3) || ' months')
  {%- elif part == 'week' -%}
    datetime({{ date }}, 'start of day', '-' || ((cast(strftime('%w', {{ date }}) as integer) + 6) % 7) || ' days')
  {%- else -%}
    {{ exceptions.raise_compiler_error('date_trunc has no part `' ~ datepart ~ '` on SQLite') }}
  {%- endif -%}
{%- endmacro %}

{% macro sqlite__last_day(date, datepart) -%}
  date({{ sqlite__dateadd('day', '-1', sqlite__dateadd(datepart, '1', sqlite__date_trunc(datepart, date))) }})
{%- endmacro %}

{% macro sqlite__date(year, month, day) -%}
  printf('%04d-%02d-%02d', {{ year }}, {{ month }}, {{ day }})
{%- endmacro %}
