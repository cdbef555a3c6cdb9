{#-- When tables were last written, by the lake's information_schema: the newest live file of a Delta table, or of a folder. --#}

{% macro filesystem__get_relation_last_modified(information_schema, relations) -%}
  {%- call statement('last_modified', fetch_result=true) -%}
    {%- for relation in relations %}
    {% if not loop.first %}union all {% endif -%}
    select table_schema as "schema", table_name as identifier, last_modified, {{ current_timestamp() }} as snapshotted_at
    from information_schema.tables
    where table_schema = {{ dvt_literal(relation.schema) }} and table_name = {{ dvt_literal(relation.identifier) }}
    {%- endfor %}
  {%- endcall -%}
  {%- do return(load_result('last_modified')) -%}
{%- endmacro %}
