{#-- Runs those hooks that belong inside (or outside of) the transaction. --#}
{% macro run_hooks(hooks, inside_transaction=true) -%}
  {%- for hook in hooks | selectattr('transaction', 'equalto', inside_transaction) -%}
    {%- if loop.first and not inside_transaction -%}
      {%- do adapter.commit() -%}
    {%- endif -%}
    {%- set sql = render(hook.get('sql')) | trim -%}
    {%- if sql -%}
      {%- call statement(auto_begin=inside_transaction) -%}
        {{ sql }}
      {%- endcall -%}
    {%- endif -%}
  {%- endfor -%}
{%- endmacro %}

{% macro make_hook_config(sql, inside_transaction) -%}
  {{- tojson({'sql': sql, 'transaction': inside_transaction}) -}}
{%- endmacro %}

{% macro before_begin(sql) -%}
  {{- make_hook_config(sql, inside_transaction=false) -}}
{%- endmacro %}

{% macro in_transaction(sql) -%}
  {{- make_hook_config(sql, inside_transaction=true) -}}
{%- endmacro %}

{% macro after_commit(sql) -%}
  {{- make_hook_config(sql, inside_transaction=false) -}}
{%- endmacro %}
