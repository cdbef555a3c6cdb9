{# CAST of MySQL knows other words than CREATE TABLE; these are the ones that both know, or CAST's. #}

{% macro mysql__type_string() %}char{% endmacro %}
{% macro mysql__type_timestamp() %}datetime(6){% endmacro %}
{% macro mysql__type_float() %}double{% endmacro %}
{% macro mysql__type_numeric() %}decimal(28,6){% endmacro %}
{% macro mysql__type_bigint() %}signed{% endmacro %}
{% macro mysql__type_int() %}signed{% endmacro %}
{% macro mysql__type_boolean() %}unsigned{% endmacro %}

{# The word for CAST that keeps values of a column type. #}
{% macro mysql__cast_type(type) -%}
  {%- set word = type | lower | trim -%}
  {%- set base = word.split('(')[0].split(' ')[0] -%}
  {%- if base in ('character', 'varchar', 'text', 'tinytext', 'mediumtext', 'longtext', 'string', 'enum', 'set', 'uuid') -%}
    char
  {%- elif 'unsigned' in word and base in ('tinyint', 'smallint', 'mediumint', 'int', 'integer', 'bigint') -%}
    unsigned
  {%- elif base in ('tinyint', 'smallint', 'mediumint', 'int', 'integer', 'bigint', 'year') -%}
    signed
  {%- elif base in ('bool', 'boolean', 'bit') -%}
    unsigned
  {%- elif base in ('float', 'real', 'double') -%}
    double
  {%- elif base == 'numeric' -%}
    {{ word | replace('numeric', 'decimal') }}
  {%- elif base in ('timestamp', 'datetime') -%}
    datetime(6)
  {%- elif base in ('tinyblob', 'blob', 'mediumblob', 'longblob', 'varbinary') -%}
    binary
  {%- else -%}
    {{ type }}
  {%- endif -%}
{%- endmacro %}

{% macro mysql__cast(field, type) %}
  cast({{ field }} as {{ mysql__cast_type(type) }})
{% endmacro %}

{% macro mysql__safe_cast(field, type) %}
  cast({{ field }} as {{ mysql__cast_type(type) }})
{% endmacro %}

{% macro mysql__cast_bool_to_text(field) %}
  case when {{ field }} is null then null when {{ field }} then 'true' else 'false' end
{% endmacro %}
