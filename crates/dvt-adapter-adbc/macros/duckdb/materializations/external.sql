{# A file, or a folder of files, that DuckDB writes, and a view that reads it. `location` says where; without it the file
   stands in the output's `external_root`. #}

{% materialization external, adapter='duckdb', supported_languages=['sql'] -%}
  {%- set existing_relation = load_cached_relation(this) -%}
  {%- set target_relation = this.incorporate(type='view') -%}
  {%- set options = duckdb__dvt_external_options() -%}
  {%- set grant_config = config.get('grants') -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}

  {% call statement('main') -%}
    copy (
      {{ sql }}
    ) to {{ dvt_literal(options.location) }} ({{ options.written | join(', ') }})
  {%- endcall %}

  {% call statement('create_view') -%}
    {%- if existing_relation is not none and not existing_relation.is_view %}
    drop {{ existing_relation.type }} if exists {{ existing_relation }};
    {%- endif %}
    create or replace view {{ target_relation }} as (
      select * from {{ options.reader }}({{ options.read | join(', ') }})
    )
  {%- endcall %}
  {%- if existing_relation is not none -%}
    {% do adapter.cache_dropped(existing_relation) %}
  {%- endif -%}
  {% do adapter.cache_added(target_relation) %}

  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {% do apply_grants(target_relation, grant_config, should_revoke=False) %}
  {% do persist_docs(target_relation, model) %}
  {{ adapter.commit() }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}

  {{ return({'relations': [target_relation]}) }}
{%- endmaterialization %}

{# Where the rows go, with which words they are written, and how they are read again. #}
{% macro duckdb__dvt_external_options() -%}
  {%- set extra = config.get('options', {}) -%}
  {%- set partitions = config.get('partition_by') or extra.get('partition_by') -%}
  {%- if partitions is not none and partitions is not string -%}
    {%- set partitions = partitions | join(', ') -%}
  {%- endif -%}
  {%- set named = config.get('location') -%}
  {%- set ending = named.split('.')[-1] | lower if named and '.' in named.split('/')[-1] else '' -%}
  {%- set kinds = {'parquet': 'parquet', 'csv': 'csv', 'tsv': 'csv', 'json': 'json', 'ndjson': 'json', 'jsonl': 'json'} -%}
  {%- set format = config.get('format') or extra.get('format') or kinds.get(ending) or 'parquet' -%}
  {%- if format not in ['parquet', 'csv', 'json'] -%}
    {{ exceptions.raise_compiler_error("an external model is written as parquet, csv or json, not as '" ~ format ~ "'") }}
  {%- endif -%}
  {%- set root = target.get('external_root') or '.' -%}
  {%- set location = named or (root ~ '/' ~ this.identifier ~ ('' if partitions else '.' ~ format)) -%}

  {%- set written = ['format ' ~ format] -%}
  {%- if partitions -%}
    {%- do written.append('partition_by (' ~ partitions ~ ')') -%}
    {%- do written.append('overwrite_or_ignore') if 'overwrite_or_ignore' not in extra and 'overwrite' not in extra -%}
  {%- endif -%}
  {%- set delimiter = config.get('delimiter') or ('\t' if ending == 'tsv') -%}
  {%- if format == 'csv' -%}
    {%- do written.append('header') if 'header' not in extra -%}
    {%- do written.append('delimiter ' ~ dvt_literal(delimiter)) if delimiter -%}
  {%- endif -%}
  {%- for name, value in extra.items() if name not in ['format', 'partition_by'] -%}
    {%- if value is boolean or value is number -%}
      {%- do written.append(name ~ ' ' ~ value | string | lower) -%}
    {%- else -%}
      {%- do written.append(name ~ ' ' ~ dvt_literal(value | string)) -%}
    {%- endif -%}
  {%- endfor -%}

  {%- set read = [dvt_literal(location ~ ('/**/*.' ~ format if partitions else ''))] -%}
  {%- if partitions -%}
    {%- do read.append('hive_partitioning = true') -%}
  {%- endif -%}
  {%- if format == 'csv' and delimiter -%}
    {%- do read.append('delim = ' ~ dvt_literal(delimiter)) -%}
  {%- endif -%}
  {%- set readers = {'parquet': 'read_parquet', 'csv': 'read_csv', 'json': 'read_json'} -%}
  {{ return({'location': location, 'written': written, 'reader': readers[format], 'read': read}) }}
{%- endmacro %}
