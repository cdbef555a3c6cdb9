{#-- Whether a relation that is replaced hands its grants on to the new one. --#}
{% macro copy_grants() -%}
  {%- do return(adapter.dispatch('copy_grants', 'dbt')()) -%}
{%- endmacro %}

{% macro default__copy_grants() -%}
  {%- do return(true) -%}
{%- endmacro %}

{% macro support_multiple_grantees_per_dcl_statement() -%}
  {%- do return(adapter.dispatch('support_multiple_grantees_per_dcl_statement', 'dbt')()) -%}
{%- endmacro %}

{% macro default__support_multiple_grantees_per_dcl_statement() -%}
  {%- do return(true) -%}
{%- endmacro %}

{#-- Old grants can only be there if the relation was: and a rebuilt one keeps them only where grants are copied. --#}
{% macro should_revoke(existing_relation, full_refresh_mode=true) -%}
  {%- if not existing_relation -%}
    {%- do return(false) -%}
  {%- endif -%}
  {%- do return(copy_grants() if full_refresh_mode else true) -%}
{%- endmacro %}

{% macro get_show_grant_sql(relation) -%}
  {%- do return(adapter.dispatch('get_show_grant_sql', 'dbt')(relation)) -%}
{%- endmacro %}

{% macro default__get_show_grant_sql(relation) -%}
  show grants on {{ relation.render() }}
{%- endmacro %}

{% macro get_grant_sql(relation, privilege, grantees) -%}
  {%- do return(adapter.dispatch('get_grant_sql', 'dbt')(relation, privilege, grantees)) -%}
{%- endmacro %}

{% macro default__get_grant_sql(relation, privilege, grantees) -%}
  grant {{ privilege }} on {{ relation.render() }} to {{ grantees | join(', ') }}
{%- endmacro %}

{% macro get_revoke_sql(relation, privilege, grantees) -%}
  {%- do return(adapter.dispatch('get_revoke_sql', 'dbt')(relation, privilege, grantees)) -%}
{%- endmacro %}

{% macro default__get_revoke_sql(relation, privilege, grantees) -%}
  {%- set quoted = [] -%}
  {%- for grantee in grantees -%}
    {%- do quoted.append(adapter.quote(grantee)) -%}
  {%- endfor -%}
  revoke {{ privilege }} on {{ relation.render() }} from {{ quoted | join(', ') }}
{%- endmacro %}

{#-- One statement per privilege, or per privilege and grantee where an engine takes one at a time. --#}
{% macro get_dcl_statement_list(relation, grant_config, get_dcl_macro) -%}
  {%- do return(adapter.dispatch('get_dcl_statement_list', 'dbt')(relation, grant_config, get_dcl_macro)) -%}
{%- endmacro %}

{% macro default__get_dcl_statement_list(relation, grant_config, get_dcl_macro) -%}
  {%- set statements = [] -%}
  {%- for privilege, grantees in grant_config.items() -%}
    {%- if grantees -%}
      {%- set groups = [grantees] if support_multiple_grantees_per_dcl_statement() else grantees | batch(1) | list -%}
      {%- for group in groups -%}
        {%- do statements.append(get_dcl_macro(relation, privilege, group)) -%}
      {%- endfor -%}
    {%- endif -%}
  {%- endfor -%}
  {%- do return(statements) -%}
{%- endmacro %}

{% macro call_dcl_statements(dcl_statement_list) -%}
  {{- adapter.dispatch('call_dcl_statements', 'dbt')(dcl_statement_list) -}}
{%- endmacro %}

{% macro default__call_dcl_statements(dcl_statement_list) -%}
  {%- call statement('grants') -%}
    {%- for sql in dcl_statement_list %}
      {{ sql }};
    {%- endfor -%}
  {%- endcall -%}
{%- endmacro %}

{#-- Brings the grants of a relation to what the config says. --#}
{% macro apply_grants(relation, grant_config, should_revoke) -%}
  {%- do return(adapter.dispatch('apply_grants', 'dbt')(relation, grant_config, should_revoke)) -%}
{%- endmacro %}

{% macro default__apply_grants(relation, grant_config, should_revoke=true) -%}
  {%- if grant_config -%}
    {%- set to_grant = grant_config -%}
    {%- set to_revoke = {} -%}
    {%- if should_revoke -%}
      {%- set current = adapter.standardize_grants_dict(run_query(get_show_grant_sql(relation))) -%}
      {%- set to_grant = diff_of_two_dicts(grant_config, current) -%}
      {%- set to_revoke = diff_of_two_dicts(current, grant_config) -%}
      {%- if not (to_grant or to_revoke) -%}
        {{- log('On ' ~ relation.render() ~ ': All grants are in place, no revocation or granting needed.') -}}
      {%- endif -%}
    {%- endif -%}
    {%- if to_grant or to_revoke -%}
      {%- set statements = get_dcl_statement_list(relation, to_revoke, get_revoke_sql)
                         + get_dcl_statement_list(relation, to_grant, get_grant_sql) -%}
      {%- if statements -%}
        {{- call_dcl_statements(statements) -}}
      {%- endif -%}
    {%- endif -%}
  {%- endif -%}
{%- endmacro %}
