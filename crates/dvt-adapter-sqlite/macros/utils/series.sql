{# SQLite as it is built has no POWER: numbers are counted. #}
{% macro sqlite__generate_series(upper_bound) %}
  {%- if upper_bound | int < 1 -%}
    {{ exceptions.raise_compiler_error('upper bound must be positive') }}
  {%- endif -%}
  with recursive numbers (generated_number) as (
    select 1
    union all
    select generated_number + 1 from numbers where generated_number < {{ upper_bound }}
  )
  select generated_number from numbers
{% endmacro %}
