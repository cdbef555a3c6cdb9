{% macro mysql__dateadd(datepart, interval, from_date_or_timestamp) %}
  {%- if datepart | lower == 'millisecond' -%}
    date_add({{ from_date_or_timestamp }}, interval ({{ interval }}) * 1000 microsecond)
  {%- else -%}
    date_add({{ from_date_or_timestamp }}, interval ({{ interval }}) {{ datepart }})
  {%- endif -%}
{% endmacro %}

{# How many borders of the part lie between the two moments, as elsewhere; TIMESTAMPDIFF would count whole parts. #}
{% macro mysql__datediff(first_date, second_date, datepart) -%}
  {%- set part = datepart | lower -%}
  {%- if part == 'year' -%}
    (year({{ second_date }}) - year({{ first_date }}))
  {%- elif part == 'quarter' -%}
    ((year({{ second_date }}) - year({{ first_date }})) * 4 + quarter({{ second_date }}) - quarter({{ first_date }}))
  {%- elif part == 'month' -%}
    ((year({{ second_date }}) - year({{ first_date }})) * 12 + month({{ second_date }}) - month({{ first_date }}))
  {%- elif part == 'week' -%}
    cast(datediff({{ mysql__date_trunc('week', second_date) }}, {{ mysql__date_trunc('week', first_date) }}) / 7 as signed)
  {%- elif part == 'day' -%}
    datediff({{ second_date }}, {{ first_date }})
  {%- elif part in ('hour', 'minute', 'second') -%}
    timestampdiff({{ part }}, {{ mysql__date_trunc(part, first_date) }}, {{ mysql__date_trunc(part, second_date) }})
  {%- elif part == 'millisecond' -%}
    (timestampdiff(microsecond, {{ mysql__date_trunc('second', first_date) }}, {{ second_date }}) div 1000
      - microsecond({{ first_date }}) div 1000)
  {%- elif part == 'microsecond' -%}
    timestampdiff(microsecond, {{ first_date }}, {{ second_date }})
  {%- else -%}
    {{ exceptions.raise_compiler_error('datediff has no part `' ~ datepart ~ '` on MySQL') }}
  {%- endif -%}
{%- endmacro %}

{% macro mysql__date_trunc(datepart, date) -%}
  {%- set part = datepart | lower -%}
  {%- set formats = {
    'year': '%Y-01-01', 'month': '%Y-%m-01', 'day': '%Y-%m-%d', 'hour': '%Y-%m-%d %H:00:00',
    'minute': '%Y-%m-%d %H:%i:00', 'second': '%Y-%m-%d %H:%i:%s',
  } -%}
  {%- if part in formats -%}
    cast(date_format({{ date }}, '{{ formats[part] }}') as datetime)
  {%- elif part == 'quarter' -%}
    cast(concat(year({{ date }}), '-', lpad(quarter({{ date }}) * 3 - 2, 2, '0'), '-01') as datetime)
  {%- elif part == 'week' -%}
    cast(date_sub(date({{ date }}), interval weekday({{ date }}) day) as datetime)
  {%- else -%}
    {{ exceptions.raise_compiler_error('date_trunc has no part `' ~ datepart ~ '` on MySQL') }}
  {%- endif -%}
{%- endmacro %}

{% macro mysql__last_day(date, datepart) -%}
  {%- if datepart | lower == 'month' -%}
    last_day({{ date }})
  {%- else -%}
    cast({{ mysql__dateadd('day', '-1', mysql__dateadd(datepart, '1', mysql__date_trunc(datepart, date))) }} as date)
  {%- endif -%}
{%- endmacro %}

{% macro mysql__date(year, month, day) -%}
  cast(concat(lpad({{ year }}, 4, '0'), '-', lpad({{ month }}, 2, '0'), '-', lpad({{ day }}, 2, '0')) as date)
{%- endmacro %}
