{# What is in the server's catalog. It has no tables of its own about tables: SHOW and DESCRIBE are asked, and answer at once. #}

{% macro spark__list_schemas(database) -%}
  {%- call statement('list_schemas', fetch_result=True, auto_begin=False) -%}
    show databases
  {%- endcall -%}
  {%- do return(load_result('list_schemas').table) -%}
{%- endmacro %}

{% macro spark__check_schema_exists(information_schema, schema) -%}
  {%- for row in spark__list_schemas(none).rows -%}
    {%- if row[0] | lower == schema | lower -%}
      {%- do return(true) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- do return(false) -%}
{%- endmacro %}

{# Rows of schema, name, whether it is one session's own, and lines of text about it. #}
{% macro spark__dvt_tables_of(schema_relation) -%}
  {%- if not spark__check_schema_exists(none, schema_relation.schema) -%}
    {%- do return([]) -%}
  {%- endif -%}
  {%- call statement('list_relations_without_caching', fetch_result=True, auto_begin=False) -%}
    show table extended in {{ adapter.quote(schema_relation.schema) }} like '*'
  {%- endcall -%}
  {%- set found = [] -%}
  {%- for row in load_result('list_relations_without_caching').table.rows if row[0] -%}
    {%- set kind = 'view' if '\nType: VIEW' in ('\n' ~ row[3]) else 'table' -%}
    {%- do found.append({'schema': row[0], 'name': row[1], 'kind': kind}) -%}
  {%- endfor -%}
  {%- do return(found) -%}
{%- endmacro %}

{% macro spark__list_relations_without_caching(schema_relation) -%}
  {%- set relations = [] -%}
  {%- for table in spark__dvt_tables_of(schema_relation) -%}
    {%- do relations.append(api.Relation.create(
      schema=schema_relation.schema, identifier=table['name'], type=table['kind']
    )) -%}
  {%- endfor -%}
  {%- do return(relations) -%}
{%- endmacro %}

{# The rows of DESCRIBE: columns first, then, under headings, what else there is to know. #}
{% macro spark__dvt_described(relation) -%}
  {%- call statement('describe_table_extended', fetch_result=True, auto_begin=False) -%}
    describe table extended {{ relation.render() }}
  {%- endcall -%}
  {%- set at = namespace(is_over=false) -%}
  {%- set columns = [] -%}
  {%- set details = {} -%}
  {%- for row in load_result('describe_table_extended').table.rows -%}
    {%- if not row[0] or (row[0].startswith('#') and not row[1]) -%}
      {%- set at.is_over = true -%}
    {%- elif at.is_over -%}
      {%- if row[0] not in details -%}
        {%- do details.update({row[0]: row[1]}) -%}
      {%- endif -%}
    {%- else -%}
      {%- do columns.append({'name': row[0], 'type': row[1], 'comment': row[2]}) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- do return({'columns': columns, 'details': details}) -%}
{%- endmacro %}

{% macro spark__get_columns_in_relation(relation) -%}
  {%- set columns = [] -%}
  {%- for column in spark__dvt_described(relation).columns -%}
    {%- do columns.append(api.Column(column['name'], column['type'])) -%}
  {%- endfor -%}
  {%- do return(columns) -%}
{%- endmacro %}

{# In which format a table is kept: `parquet`, `delta`, `hive`, … #}
{% macro spark__dvt_format_of(relation) -%}
  {%- do return((spark__dvt_described(relation).details.get('Provider') or '') | lower) -%}
{%- endmacro %}

{% macro spark__get_catalog_relations(information_schema, relations) -%}
  {%- set lines = [] -%}
  {%- set listed = {} -%}
  {%- for relation in relations -%}
    {%- if relation.schema not in listed -%}
      {%- set known = {} -%}
      {%- for table in spark__dvt_tables_of(relation) -%}
        {%- do known.update({table['name'] | lower: table}) -%}
      {%- endfor -%}
      {%- do listed.update({relation.schema: known}) -%}
    {%- endif -%}
    {%- set table = listed[relation.schema].get(relation.identifier | lower) -%}
    {%- if table -%}
      {%- set described = spark__dvt_described(relation) -%}
      {%- set details = described.details -%}
      {%- set bytes = ((details.get('Statistics') or '') ~ ' bytes').split(' bytes')[0] | trim -%}
      {%- for column in described.columns -%}
        {%- set cells = [
          relation.schema, relation.identifier, table['kind'], details.get('Comment'), details.get('Owner'),
          column['name'], loop.index0 | string, column['type'], column['comment'],
          bytes if bytes else none,
        ] -%}
        {%- set texts = [] -%}
        {%- for cell in cells -%}
          {%- do texts.append('cast(null as string)' if cell is none else (spark__dvt_text(cell) | trim)) -%}
        {%- endfor -%}
        {%- do lines.append('(' ~ texts | join(', ') ~ ')') -%}
      {%- endfor -%}
    {%- endif -%}
  {%- endfor -%}
  {%- call statement('catalog', fetch_result=True, auto_begin=False) -%}
    select
      cast(null as string) as table_database,
      table_schema, table_name, table_type, table_comment, table_owner, column_name,
      cast(column_index as int) as column_index,
      column_type, column_comment,
      'bytes' as `stats:bytes:label`,
      cast(bytes as bigint) as `stats:bytes:value`,
      '' as `stats:bytes:description`,
      bytes is not null as `stats:bytes:include`
    from values {{ lines | join(', ') if lines else "('', '', '', '', '', '', '0', '', '', '0')" }}
      as t (table_schema, table_name, table_type, table_comment, table_owner, column_name, column_index, column_type, column_comment, bytes)
    where table_name <> ''
  {%- endcall -%}
  {%- do return(load_result('catalog').table) -%}
{%- endmacro %}

{% macro spark__get_catalog(information_schema, schemas) -%}
  {%- set relations = [] -%}
  {%- for schema in schemas -%}
    {%- for table in spark__dvt_tables_of(api.Relation.create(schema=schema, identifier='x')) -%}
      {%- do relations.append(api.Relation.create(schema=schema, identifier=table['name'], type=table['kind'])) -%}
    {%- endfor -%}
  {%- endfor -%}
  {%- do return(spark__get_catalog_relations(information_schema, relations)) -%}
{%- endmacro %}
