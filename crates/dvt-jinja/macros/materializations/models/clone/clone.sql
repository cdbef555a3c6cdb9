{#-- `dvt clone`: the relation of another environment under this environment's name: a copy of a table where that costs
     nothing, else a view of it. --#}
{%- materialization clone, default -%}
  {%- if not defer_relation -%}
    {{ log('No relation found in state manifest for ' ~ model.unique_id, info=True) }}
    {{ return({'relations': []}) }}
  {%- endif -%}

  {%- set existing = load_cached_relation(this) -%}
  {%- if existing and not flags.FULL_REFRESH -%}
    {{ log('Relation ' ~ existing ~ ' already exists', info=True) }}
    {{ return({'relations': []}) }}
  {%- endif -%}

  {%- set original = load_cached_relation(defer_relation) -%}
  {%- if not (original and original.type == 'table' and can_clone_table()) -%}
    {%- set own = 'materialization_view_' ~ adapter.type() -%}
    {%- set build_view = context[own if own in context else 'materialization_view_default'] -%}
    {{ return(build_view()) }}
  {%- endif -%}

  {%- set target_relation = this.incorporate(type='table') -%}
  {%- if existing is not none and not existing.is_table -%}
    {{ log('Dropping relation ' ~ existing.render() ~ ' because it is of type ' ~ existing.type) }}
    {{ drop_relation_if_exists(existing) }}
  {%- endif -%}
  {%- if target_relation.render() == defer_relation.render() -%}
    {{ log('Target relation and defer relation are the same, skipping clone for relation: ' ~ target_relation.render()) }}
  {%- else -%}
    {%- call statement('main') -%}
      {{ create_or_replace_clone(target_relation, defer_relation) }}
    {%- endcall -%}
  {%- endif -%}
  {%- do apply_grants(target_relation, config.get('grants'), should_revoke=should_revoke(existing, full_refresh_mode=True)) -%}
  {%- do persist_docs(target_relation, model) -%}
  {{ adapter.commit() }}
  {{ return({'relations': [target_relation]}) }}
{%- endmaterialization -%}
