{% macro default__test_not_null(model, column_name) %}
{%- set kept = '*' if should_store_failures() else column_name %}
select {{ kept }}
from {{ model }}
where {{ column_name }} is null
{% endmacro %}
