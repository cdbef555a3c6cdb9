-- What dvt asks of Redshift, as far as a PostgreSQL can answer. See `redshift()`.
create schema redshift_catalog;
do $$ begin
  execute format('alter database %I set standard_conforming_strings = off', current_database());
  execute format('alter database %I set escape_string_warning = off', current_database());
  execute format('alter database %I set search_path = "$user", public, redshift_catalog', current_database());
end $$;
set search_path = redshift_catalog;

create type varbyte;
create function varbyte_in(cstring) returns varbyte language internal immutable strict as 'byteain';
create function varbyte_out(varbyte) returns cstring language internal immutable strict as 'byteaout';
create type varbyte (input = varbyte_in, output = varbyte_out, typmod_in = varchartypmodin, typmod_out = varchartypmodout,
                     internallength = variable, storage = extended);
create cast (bytea as varbyte) without function;
create function from_hex(text) returns varbyte language sql immutable strict as $$ select decode($1, 'hex')::varbyte $$;

create type super;
create function super_in(cstring) returns super language internal immutable strict as 'json_in';
create function super_out(super) returns cstring language internal immutable strict as 'json_out';
create type super (input = super_in, output = super_out, internallength = variable, storage = extended);
create function json_parse(text) returns super language sql immutable strict as $$ select super_in(textout($1)) $$;

create function getdate() returns timestamp language sql stable as $$ select date_trunc('second', now() at time zone 'utc') $$;
create function len(text) returns integer language sql immutable strict as $$ select length($1) $$;

create view svv_tables as
select table_catalog::text, table_schema::text, table_name::text, table_type::text,
       obj_description(format('%I.%I', table_schema, table_name)::regclass, 'pg_class') as remarks
from information_schema.tables;

create view svv_columns as
select c.table_catalog::text, c.table_schema::text, c.table_name::text, c.column_name::text, c.ordinal_position::integer,
       c.is_nullable::text,
       case c.data_type when 'USER-DEFINED' then c.udt_name else c.data_type end::text as data_type,
       case c.udt_name when 'varbyte' then nullif(a.atttypmod, -1) - 4 else c.character_maximum_length end::integer
         as character_maximum_length,
       c.numeric_precision::integer, c.numeric_scale::integer,
       col_description(a.attrelid, a.attnum) as remarks
from information_schema.columns as c
join pg_attribute as a
  on a.attrelid = format('%I.%I', c.table_schema, c.table_name)::regclass and a.attname = c.column_name;

create view stv_sessions as select pid as process, usename as user_name, datname as db_name from pg_stat_activity;

create table sys_query_detail (table_id oid, step_name text, start_time timestamp);
