{#-- A user-defined function: `<type>_function_<language>` writes its statement. --#}
{% materialization function, default, supported_languages=['sql', 'python', 'javascript'] %}
  {%- set existing = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='function') -%}

  {{ run_hooks(pre_hooks) }}

  {%- set write_function = adapter.dispatch(this.get_function_macro_name(this.get_function_config(model)), 'dbt') -%}
  {{ function_execute_build_sql(write_function(target_relation), existing, target_relation) }}

  {{ run_hooks(post_hooks) }}
  {{ adapter.commit() }}

  {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
