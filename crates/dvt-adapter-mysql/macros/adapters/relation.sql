{# Dropping, renaming and emptying. DDL of MySQL commits what was open, so it is kept to single statements. #}

{% macro mysql__drop_relation(relation) -%}
  {% call statement('drop_relation', auto_begin=False) -%}
    drop {{ relation.type or 'table' }} if exists {{ relation }}
  {%- endcall %}
{%- endmacro %}

{% macro mysql__drop_table(relation) -%}
  drop table if exists {{ relation }}
{%- endmacro %}

{% macro mysql__drop_view(relation) -%}
  drop view if exists {{ relation }}
{%- endmacro %}

{# RENAME TABLE renames views as well. What stands at the new name is an error, not replaced. #}
{% macro mysql__rename_relation(from_relation, to_relation) -%}
  {% call statement('rename_relation', auto_begin=False) -%}
    rename table {{ from_relation }} to {{ to_relation }}
  {%- endcall %}
{%- endmacro %}

{% macro mysql__get_rename_table_sql(relation, new_name) -%}
  rename table {{ relation }} to {{ relation.incorporate(path={'identifier': new_name}) }}
{%- endmacro %}

{% macro mysql__get_rename_view_sql(relation, new_name) -%}
  rename table {{ relation }} to {{ relation.incorporate(path={'identifier': new_name}) }}
{%- endmacro %}

{# TRUNCATE would commit at once and show readers an empty table; DELETE takes part in the transaction. #}
{% macro mysql__truncate_relation(relation) -%}
  {% call statement('truncate_relation') -%}
    delete from {{ relation }}
  {%- endcall %}
{%- endmacro %}

{# A temporary table has no schema of its own to collide in, but its name hides a real table of that name. #}
{% macro mysql__make_temp_relation(base_relation, suffix) -%}
  {{ return(base_relation.incorporate(path={'identifier': mysql__shortened(base_relation.identifier, suffix)})) }}
{%- endmacro %}

{% macro mysql__make_intermediate_relation(base_relation, suffix) -%}
  {{ return(base_relation.incorporate(path={'identifier': mysql__shortened(base_relation.identifier, suffix)})) }}
{%- endmacro %}

{% macro mysql__make_backup_relation(base_relation, backup_relation_type, suffix) -%}
  {{ return(base_relation.incorporate(
       path={'identifier': mysql__shortened(base_relation.identifier, suffix)}, type=backup_relation_type)) }}
{%- endmacro %}

{# Names have 64 characters. A cut one keeps apart from its neighbours by a hash of the whole. #}
{% macro mysql__shortened(identifier, suffix) -%}
  {%- if (identifier ~ suffix) | length > 64 -%}
    {%- set mark = local_md5(identifier)[:8] -%}
    {{ return(identifier[:64 - 9 - (suffix | length)] ~ '_' ~ mark ~ suffix) }}
  {%- endif -%}
  {{ return(identifier ~ suffix) }}
{%- endmacro %}
