{#-- The Python that stands after a Python model: `dbt.ref`, `dbt.source`, `dbt.config` and `dbt.this` for its code.
     dvt runs no Python itself; an adapter that does appends this. --#}

{% macro resolve_model_name(input_model_name) -%}
  {%- do return(adapter.dispatch('resolve_model_name', 'dbt')(input_model_name)) -%}
{%- endmacro %}

{%- macro default__resolve_model_name(input_model_name) -%}
  {{- (input_model_name | string).replace('"', '\\"') -}}
{%- endmacro -%}

{% macro build_ref_function(model) -%}
  {%- set names = {} -%}
  {%- for asked in model.refs -%}
    {%- set parts = [asked['package'], asked['name']] if asked.get('package') else [asked['name']] -%}
    {%- set relation = ref(*parts, v=asked.get('version')) -%}
    {%- set key = parts + (['v' ~ asked['version']] if asked.get('version') else []) -%}
    {#-- Written in full: rows are limited by what reads them, not by name. --#}
    {%- do names.update({key | join('.'): resolve_model_name(relation if relation is string else relation.render())}) -%}
  {%- endfor %}

def ref(*args, **kwargs):
    relations = {{ names | tojson }}
    name = ".".join(args)
    version = kwargs.get("v") or kwargs.get("version")
    if version:
        name = f"{name}.v{version}"
    return kwargs["dbt_load_df_function"](relations[name])
{% endmacro %}

{% macro build_source_function(model) -%}
  {%- set names = {} -%}
  {%- for asked in model.sources -%}
    {%- do names.update({asked | join('.'): resolve_model_name(source(*asked))}) -%}
  {%- endfor %}

def source(*args, dbt_load_df_function):
    relations = {{ names | tojson }}
    return dbt_load_df_function(relations[".".join(args)])
{% endmacro %}

{% macro build_config_dict(model) -%}
  {%- set used = {} -%}
  {%- for key, default in zip(model.config.config_keys_used or [], model.config.config_keys_defaults or []) -%}
    {%- do used.update({key: 'python' if key == 'language' else model.config.get(key, default)}) -%}
  {%- endfor -%}
  {%- set meta = {} -%}
  {%- for key, default in zip(model.config.meta_keys_used or [], model.config.meta_keys_defaults or []) -%}
    {%- do meta.update({key: (model.config.meta or {}).get(key, default)}) -%}
  {%- endfor %}
config_dict = {{ used }}
meta_dict = {{ meta }}
{% endmacro %}

{% macro py_script_postfix(model) %}
# What follows is added by dvt: it gives the model's code its `dbt` object.

{{ build_ref_function(model) }}
{{ build_source_function(model) }}
{{ build_config_dict(model) }}

class config:
    @staticmethod
    def get(key, default=None):
        return config_dict.get(key, default)

    @staticmethod
    def meta_get(key, default=None):
        return meta_dict.get(key, default)


class this:
    database = "{{ this.database }}"
    schema = "{{ this.schema }}"
    identifier = "{{ this.identifier }}"

    def __repr__(self):
        return '{{ resolve_model_name(this) }}'


class dbtObj:
    def __init__(self, load_df_function) -> None:
        self.source = lambda *args: source(*args, dbt_load_df_function=load_df_function)
        self.ref = lambda *args, **kwargs: ref(*args, **kwargs, dbt_load_df_function=load_df_function)
        self.config = config
        self.this = this()
        self.is_incremental = {{ is_incremental() }}

{{ py_script_comment() }}
{% endmacro %}

{#-- A place for how to run the compiled code by hand. --#}
{% macro py_script_comment() %}
{% endmacro %}
