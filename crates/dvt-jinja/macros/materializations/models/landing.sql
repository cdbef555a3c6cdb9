{#--
  A federated model's rows arrive in a landing relation: a table in the target's schema, with the target's own column
  types, loaded and committed before the materialization runs. These macros turn it into the model.
--#}

{#-- Whether the landing relation may itself become the model's table. A table that its own DDL makes (a contract with its
     constraints, a storage option) is made by it, and only reads the landing relation. --#}
{% macro adopts_landing() -%}
  {%- do return(adapter.dispatch('adopts_landing', 'dbt')()) -%}
{%- endmacro %}

{% macro default__adopts_landing() -%}
  {%- set contract = config.get('contract') -%}
  {%- do return(not (contract and contract.enforced)) -%}
{%- endmacro %}

{#-- Whether the rows of `landing` can take the place of the rows of `existing`: same columns and types, in order. --#}
{% macro landing_fits(landing, existing) -%}
  {%- do return(adapter.dispatch('landing_fits', 'dbt')(landing, existing)) -%}
{%- endmacro %}

{% macro default__landing_fits(landing, existing) -%}
  {%- set new_columns = adapter.get_columns_in_relation(landing) -%}
  {%- set old_columns = adapter.get_columns_in_relation(existing) -%}
  {%- if new_columns | length != old_columns | length -%}
    {%- do return(false) -%}
  {%- endif -%}
  {%- for new, old in zip(new_columns, old_columns) -%}
    {%- if new.name != old.name or new.data_type | lower != old.data_type | lower -%}
      {%- do return(false) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- do return(true) -%}
{%- endmacro %}

{#-- Makes `target`, which does not exist, out of the landing relation. Afterwards `landing` is gone. --#}
{% macro adopt_landing_relation(landing, target) -%}
  {{- adapter.dispatch('adopt_landing_relation', 'dbt')(landing, target) -}}
{%- endmacro %}

{% macro default__adopt_landing_relation(landing, target) -%}
  {%- call statement('adopt_landing_relation') -%}
    {{ get_rename_table_sql(landing.incorporate(type='table'), target.identifier) }}
  {%- endcall -%}
{%- endmacro %}

{#-- Replaces all rows of `target` by those of `landing`, so that readers see either the old or the new ones. It keeps
     its answer as the statement `main`. --#}
{% macro replace_rows_from_landing(landing, target) -%}
  {{- adapter.dispatch('replace_rows_from_landing', 'dbt')(landing, target) -}}
{%- endmacro %}

{% macro default__replace_rows_from_landing(landing, target) -%}
  {%- set columns = adapter.get_columns_in_relation(target) | map(attribute='quoted') | join(', ') -%}
  {%- call statement('delete_rows') -%}
    delete from {{ target }}
  {%- endcall -%}
  {%- call statement('main') -%}
    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ landing }}
  {%- endcall -%}
{%- endmacro %}
