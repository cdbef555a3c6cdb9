{#-- dbt's cross-database functions in DataFusion's words. --#}

{% macro filesystem__dateadd(datepart, interval, from_date_or_timestamp) -%}
    ({{ from_date_or_timestamp }} + cast(concat(cast(({{ interval }}) as string), ' {{ datepart }}') as interval))
{%- endmacro %}

{#-- The number of boundaries of the part that lie between the two. --#}
{% macro filesystem__datediff(first_date, second_date, datepart) -%}
  {%- set part = datepart | lower -%}
  {%- set seconds = {'week': 604800, 'day': 86400, 'hour': 3600, 'minute': 60, 'second': 1} -%}
  {%- set first = 'cast(' ~ first_date ~ ' as timestamp)' -%}
  {%- set second = 'cast(' ~ second_date ~ ' as timestamp)' -%}
  {%- if part == 'year' -%}
    cast(date_part('year', {{ second }}) - date_part('year', {{ first }}) as bigint)
  {%- elif part == 'quarter' or part == 'month' -%}
    {%- set in_a_year = 4 if part == 'quarter' else 12 -%}
    cast((date_part('year', {{ second }}) - date_part('year', {{ first }})) * {{ in_a_year }}
      + date_part('{{ part }}', {{ second }}) - date_part('{{ part }}', {{ first }}) as bigint)
  {%- elif part in seconds -%}
    cast((to_unixtime(date_trunc('{{ part }}', {{ second }})) - to_unixtime(date_trunc('{{ part }}', {{ first }})))
      / {{ seconds[part] }} as bigint)
  {%- else -%}
    {%- do exceptions.raise_compiler_error("datediff of the part '" ~ datepart ~ "' is not known on a lake") -%}
  {%- endif -%}
{%- endmacro %}

{% macro filesystem__safe_cast(field, type) -%}
    try_cast({{ field }} as {{ type }})
{%- endmacro %}

{% macro filesystem__any_value(expression) -%}
    first_value({{ expression }})
{%- endmacro %}

{% macro filesystem__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
  {%- if limit_num -%}
    array_to_string(array_slice(array_agg({{ measure }}{% if order_by_clause %} {{ order_by_clause }}{% endif %}), 1, {{ limit_num }}), {{ delimiter_text }})
  {%- else -%}
    string_agg({{ measure }}, {{ delimiter_text }}{% if order_by_clause %} {{ order_by_clause }}{% endif %})
  {%- endif -%}
{%- endmacro %}

{% macro filesystem__array_concat(array_1, array_2) -%}
    array_concat({{ array_1 }}, {{ array_2 }})
{%- endmacro %}

{% macro filesystem__date(year, month, day) -%}
    make_date({{ year }}, {{ month }}, {{ day }})
{%- endmacro %}
