{# What is in the database: schemas, relations, columns, and which views stand on which relations. #}

{% macro postgres__list_schemas(database) %}
  {%- do dvt_postgres_check_database(database) -%}
  {% call statement('list_schemas', fetch_result=True, auto_begin=False) %}
    select n.nspname::text as name
    from pg_catalog.pg_namespace as n
  {% endcall %}
  {{ return(load_result('list_schemas').table) }}
{% endmacro %}


{% macro postgres__check_schema_exists(information_schema, schema) %}
  {%- do dvt_postgres_check_database(information_schema.database) -%}
  {% call statement('check_schema_exists', fetch_result=True, auto_begin=False) %}
    select count(*) as schemas
    from pg_catalog.pg_namespace as n
    where n.nspname = {{ dvt_postgres_literal(schema) }}
  {% endcall %}
  {{ return(load_result('check_schema_exists').table) }}
{% endmacro %}


{% macro postgres__list_relations_without_caching(schema_relation) %}
  {% call statement('list_relations_without_caching', fetch_result=True) %}
    select
      {{ dvt_postgres_literal(schema_relation.database) }} as database,
      c.relname::text as name,
      n.nspname::text as schema,
      case c.relkind when 'v' then 'view' when 'm' then 'materialized_view' else 'table' end as type
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm')
      and lower(n.nspname::text) = lower({{ dvt_postgres_literal(schema_relation.schema) }})
    order by c.relname
  {% endcall %}
  {{ return(load_result('list_relations_without_caching').table) }}
{% endmacro %}


{# One row per column of the wanted relations; an entry without identifier wants its whole schema. #}
{% macro postgres__get_catalog_relations(information_schema, relations) -%}
  {%- do dvt_postgres_check_database(information_schema.database) -%}
  {%- set wanted = [] -%}
  {%- for relation in relations -%}
    {%- set schema = "lower(n.nspname) = lower(" ~ dvt_postgres_literal(relation.schema) ~ ")" -%}
    {%- if relation.identifier -%}
      {%- do wanted.append("(" ~ schema ~ " and lower(c.relname) = lower(" ~ dvt_postgres_literal(relation.identifier) ~ "))") -%}
    {%- else -%}
      {%- do wanted.append(schema) -%}
    {%- endif -%}
  {%- endfor -%}
  {% call statement('catalog', fetch_result=True) %}
    select
      {{ dvt_postgres_literal(information_schema.database or target.database) }} as table_database,
      n.nspname::text as table_schema,
      c.relname::text as table_name,
      case c.relkind when 'v' then 'VIEW' when 'm' then 'MATERIALIZED VIEW' else 'BASE TABLE' end as table_type,
      pg_catalog.obj_description(c.oid, 'pg_class') as table_comment,
      a.attname::text as column_name,
      a.attnum::integer as column_index,
      pg_catalog.format_type(a.atttypid, a.atttypmod) as column_type,
      pg_catalog.col_description(c.oid, a.attnum) as column_comment,
      pg_catalog.pg_get_userbyid(c.relowner)::text as table_owner
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relkind in ('r', 'p', 'f', 'v', 'm')
      and c.relpersistence in ('p', 'u')
      and ({{ wanted | join(' or ') if wanted else 'false' }})
    order by n.nspname, c.relname, a.attnum
  {% endcall %}
  {{ return(load_result('catalog').table) }}
{%- endmacro %}


{% macro postgres__get_catalog(information_schema, schemas) -%}
  {%- set relations = [] -%}
  {%- for schema in schemas -%}
    {%- do relations.append({'schema': schema}) -%}
  {%- endfor -%}
  {{ return(postgres__get_catalog_relations(information_schema, relations)) }}
{%- endmacro %}


{# Names and sizes as information_schema tells them; arrays and user-defined types by their real names. #}
{% macro postgres__get_columns_in_relation(relation) %}
  {% call statement('get_columns_in_relation', fetch_result=True) %}
    select
      a.attname::text as column_name,
      case a.atttypid
        when 'pg_catalog.bpchar'::pg_catalog.regtype then 'character'
        else pg_catalog.format_type(a.atttypid, -1)
      end as data_type,
      case
        when a.atttypid in ('pg_catalog.bpchar'::pg_catalog.regtype, 'pg_catalog.varchar'::pg_catalog.regtype)
          and a.atttypmod > 4
        then a.atttypmod - 4
      end as character_maximum_length,
      case
        when a.atttypid = 'pg_catalog.numeric'::pg_catalog.regtype and a.atttypmod > 4
        then ((a.atttypmod - 4) >> 16) & 65535
      end as numeric_precision,
      case
        when a.atttypid = 'pg_catalog.numeric'::pg_catalog.regtype and a.atttypmod > 4
        then (((a.atttypmod - 4) & 2047) # 1024) - 1024
      end as numeric_scale
    from pg_catalog.pg_attribute as a
    join pg_catalog.pg_class as c on c.oid = a.attrelid
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where a.attnum > 0
      and not a.attisdropped
      and c.relname = {{ dvt_postgres_literal(relation.identifier) }}
      {%- if relation.schema %}
      and n.nspname = {{ dvt_postgres_literal(relation.schema) }}
      {%- else %}
      and pg_catalog.pg_table_is_visible(c.oid)
      {%- endif %}
    order by a.attnum
  {% endcall %}
  {{ return(sql_convert_columns_in_relation(load_result('get_columns_in_relation').table)) }}
{% endmacro %}


{# Pairs of a view and a relation that it reads, so that the cache can forget what a cascade dropped. #}
{% macro postgres__get_relations() %}
  {% call statement('relations', fetch_result=True) %}
    select distinct
      dn.nspname::text as dependent_schema,
      d.relname::text as dependent_name,
      rn.nspname::text as referenced_schema,
      r.relname::text as referenced_name
    from pg_catalog.pg_depend as p
    join pg_catalog.pg_rewrite as w on w.oid = p.objid
    join pg_catalog.pg_class as d on d.oid = w.ev_class
    join pg_catalog.pg_namespace as dn on dn.oid = d.relnamespace
    join pg_catalog.pg_class as r on r.oid = p.refobjid
    join pg_catalog.pg_namespace as rn on rn.oid = r.relnamespace
    where p.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
      and p.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
      and d.oid <> r.oid
      and rn.nspname not in ('pg_catalog', 'information_schema')
  {% endcall %}
  {{ return(load_result('relations').table) }}
{% endmacro %}

{% macro postgres_get_relations() %}
  {{ return(postgres__get_relations()) }}
{% endmacro %}


{% macro postgres__information_schema_name(database) %}
  {%- do dvt_postgres_check_database(database) -%}
  information_schema
{%- endmacro %}
