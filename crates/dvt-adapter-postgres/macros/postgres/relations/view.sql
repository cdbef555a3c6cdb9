{# Views: drop, rename, replace. #}

{% macro postgres__drop_view(relation) -%}
  drop view if exists {{ relation }} cascade
{%- endmacro %}

{% macro postgres__get_rename_view_sql(relation, new_name) -%}
  alter view {{ relation }} rename to {{ adapter.quote_as_configured(new_name, "identifier") }}
{%- endmacro %}

{% macro postgres__get_replace_view_sql(relation, sql) -%}
  {%- set header = config.get('sql_header', none) -%}
  {%- if header is not none %}{{ header }}
  {% endif -%}
  create or replace view {{ relation }}
  {%- set contract = config.get('contract') -%}
  {%- if contract and contract.enforced %}{{ get_assert_columns_equivalent(sql) }}{% endif %}
  as (
    {{ sql }}
  );
{%- endmacro %}
