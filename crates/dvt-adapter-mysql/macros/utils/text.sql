{% macro mysql__concat(fields) -%}
  concat({{ fields | join(', ') }})
{%- endmacro %}

{# LENGTH counts bytes. #}
{% macro mysql__length(expression) %}
  char_length({{ expression }})
{% endmacro %}

{% macro mysql__hash(field) -%}
  md5(cast({{ field }} as char))
{%- endmacro %}

{% macro mysql__position(substring_text, string_text) %}
  locate({{ substring_text }}, {{ string_text }})
{% endmacro %}

{% macro mysql__escape_single_quotes(expression) -%}
  {{ expression | replace('\\', '\\\\') | replace("'", "''") }}
{%- endmacro %}

{% macro mysql__string_literal(value) -%}
  {{ mysql__literal(value) }}
{%- endmacro %}

{# A part that is not there is the empty text, as elsewhere; SUBSTRING_INDEX alone would give the whole. #}
{% macro mysql__split_part(string_text, delimiter_text, part_number) %}
  {%- set parts -%}
    (char_length({{ string_text }}) - char_length(replace({{ string_text }}, {{ delimiter_text }}, '')))
      div char_length({{ delimiter_text }}) + 1
  {%- endset -%}
  {%- if part_number >= 0 %}
    case when {{ string_text }} is null then null when {{ part_number }} > {{ parts }} then ''
      else substring_index(substring_index({{ string_text }}, {{ delimiter_text }}, {{ part_number }}), {{ delimiter_text }}, -1)
    end
  {%- else %}
    case when {{ string_text }} is null then null when {{ -part_number }} > {{ parts }} then ''
      else substring_index(substring_index({{ string_text }}, {{ delimiter_text }}, {{ part_number }}), {{ delimiter_text }}, 1)
    end
  {%- endif %}
{% endmacro %}

{% macro mysql__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
  {%- set all -%}
    group_concat({{ measure }}{% if order_by_clause %} {{ order_by_clause }}{% endif %} separator {{ delimiter_text }})
  {%- endset -%}
  {%- if limit_num -%}
    substring_index({{ all }}, {{ delimiter_text }}, {{ limit_num }})
  {%- else -%}
    {{ all }}
  {%- endif -%}
{%- endmacro %}
