//! What connections compute for us, compared with one database that has all tables: with pushdown, without, and without
//! the keys of the small side. Several tables lie on each connection, so that joins, groups and cuts can be sent whole.

use crate::pair::project_on_servers;
use crate::project::{Project, postgres_rows};
use std::collections::BTreeSet;

/// `(name, columns and rows)`; each table is made on every connection under the connection's letter: `l_`, `r_` and `t_`.
const TABLES: [(&str, &str); 3] = [
    (
        "shops",
        "create table {t} (shop_id int not null primary key, city varchar(20), rate decimal(6,3), opened date);
         insert into {t} values (1, 'Bonn', 0.125, date '2020-01-01'), (2, 'bonn', 1.500, null), (3, null, 2.000, date '2021-06-30'),
                               (4, 'Köln', null, date '2020-01-01'), (5, 'Ulm ', 0.001, date '1999-12-31'), (6, '', 9.999, date '2024-02-29')",
    ),
    (
        "sales",
        "create table {t} (sale_id int not null primary key, shop_id int, customer int, amount decimal(10,2), pieces int, day date, note varchar(30));
         insert into {t} values (1, 1, 10, 5.00, 1, date '2024-01-01', 'a'), (2, 1, 10, 5.00, 2, date '2024-01-02', 'A'),
             (3, 1, 11, -0.01, null, date '2024-01-02', 'a '), (4, 2, 12, 1000000.99, 7, null, ''), (5, 2, null, null, 3, date '2024-03-31', null),
             (6, 3, 10, 0.00, 0, date '2023-12-31', 'it''s LIMIT 5'), (7, null, 13, 77.70, 1, date '2024-01-01', 'b%_'), (8, 9, 14, 3.33, 1, date '2024-01-01', 'ä'),
             (9, 4, 10, 3.33, 4, date '2024-02-29', '%'), (10, 5, 15, 3.33, 5, date '2024-02-29', 'z'), (11, 5, 15, 3.34, 5, date '2024-02-29', 'Z')",
    ),
    (
        "people",
        "create table {t} (person int not null, name varchar(20), boss int);
         insert into {t} values (10, 'Ann', null), (11, 'ann', 10), (12, 'Bob', 10), (13, null, 11), (13, 'twice', 12), (99, 'nobody', 12)",
    ),
];

/// Each query joins what one connection has and what another has; `{l:name}` is a table of the first.
const QUERIES: &[&str] = &[
    // Joins of one connection below a join across two.
    "select s.city, x.amount, p.name from {l:shops} s join {l:sales} x on x.shop_id = s.shop_id join {r:people} p on p.person = x.customer",
    "select s.city, x.amount, p.name from {r:people} p join {l:sales} x on p.person = x.customer join {l:shops} s on x.shop_id = s.shop_id where x.amount > 1 and s.rate < 5",
    // Equal to the same column, so equal to each other.
    "select a.sale_id, b.sale_id as other, s.city from {l:sales} a join {r:shops} s on s.shop_id = a.shop_id join {l:sales} b on b.shop_id = s.shop_id",
    "select a.sale_id, s.shop_id from {l:sales} a join {r:shops} s on s.shop_id = a.shop_id and s.shop_id = a.pieces",
    // Pitfalls 1 and 2, with the outer join on one connection and across.
    "select s.shop_id, x.sale_id, p.name from {l:shops} s left join {l:sales} x on x.shop_id = s.shop_id left join {r:people} p on p.person = x.customer where x.sale_id is null",
    "select s.shop_id, coalesce(x.amount, -1) as amount from {l:shops} s left join {l:sales} x on x.shop_id = s.shop_id and x.amount > 3 join {r:people} p on p.person = 10 where coalesce(x.amount, -1) = -1",
    "select s.shop_id, p.name from {l:shops} s left join {l:sales} x on x.shop_id = s.shop_id and s.rate > 1 left join {r:people} p on p.person = x.customer and p.name is not null",
    "select p.person, s.city from {r:people} p left join ({l:sales} x join {l:shops} s on x.shop_id = s.shop_id) on x.customer = p.person",
    // Pitfalls 3 to 5: cuts.
    "select x.sale_id, p.name from (select * from {l:sales} order by amount desc nulls last, sale_id limit 4) x join {r:people} p on p.person = x.customer",
    "select x.sale_id, p.name from (select * from {l:sales} order by amount asc nulls first, sale_id limit 4) x left join {r:people} p on p.person = x.customer",
    "select x.sale_id, x.day, p.name from (select * from {l:sales} where amount > 3 order by day nulls first, sale_id desc limit 3) x left join {r:people} p on p.person = x.customer",
    "select t.shop_id, t.n, p.name from (select shop_id, count(*) as n from {l:sales} group by shop_id order by count(*) desc, shop_id limit 2) t left join {r:people} p on p.person = t.n + 9",
    "select sale_id from {l:sales} order by note, sale_id limit 5",
    "select x.city, p.name from (select distinct city from {l:shops}) x left join {r:people} p on lower(p.name) = lower(x.city)",
    // Pitfall 6.
    "select a.sale_id, b.sale_id as other from {l:sales} a join {l:sales} b on a.shop_id = b.shop_id and a.amount > 3 and b.amount < 4 join {r:people} p on p.person = a.customer",
    // Groups below the join.
    "select p.name, x.total, x.n, x.least from {r:people} p join (select customer, sum(amount) as total, count(*) as n, min(day) as least from {l:sales} group by customer) x on x.customer = p.person",
    "select p.name, x.total from {r:people} p left join (select customer, sum(amount * (1 - rate)) as total from {l:sales} join {l:shops} using (shop_id) group by customer having count(pieces) > 0) x on x.customer = p.person",
    "select p.name, x.c, x.d, x.m, x.a from {r:people} p cross join (select count(amount) as c, count(distinct amount) as d, max(pieces) as m, avg(amount) as a from {l:sales}) x",
    "select p.person, sum(x.pieces) as pieces, avg(x.pieces) as mean from {r:people} p join {l:sales} x on x.customer = p.person join {l:shops} s on s.shop_id = x.shop_id group by p.person",
    "select note, count(*) as n from {l:sales} group by note",
    "select max(note) as most, min(note) as least, max(x.day) as day from {l:sales} x join {r:people} p on p.person = x.customer",
    "select s.city, count(*) filter (where x.amount > 3) as dear, sum(case when x.pieces > 1 then x.amount end) as many from {l:sales} x join {l:shops} s on s.shop_id = x.shop_id join {r:people} p on p.person = x.customer group by s.city",
    "select p.name, sum(x.pieces * x.shop_id) as s from {l:sales} x join {r:people} p on p.person = x.customer group by p.name",
    "select count(*) as n from {l:sales} x join {l:shops} s on s.shop_id = x.shop_id where exists (select 1 from {r:people} p where p.person = x.customer)",
    // Semi and anti joins, on one connection and across (pitfall 17).
    "select x.sale_id from {l:sales} x join {r:people} p on p.person = x.customer where x.shop_id in (select shop_id from {l:sales} group by shop_id having sum(amount) > 9)",
    "select x.sale_id from {l:sales} x where x.shop_id in (select shop_id from {l:shops} where rate > 1) and x.customer in (select person from {r:people})",
    "select s.shop_id from {l:shops} s where not exists (select 1 from {l:sales} x where x.shop_id = s.shop_id) and s.shop_id not in (select boss from {r:people} where boss is not null)",
    "select x.sale_id from {l:sales} x where x.shop_id not in (select shop_id from {l:shops}) and x.customer in (select person from {r:people})",
    "select x.sale_id from {l:sales} x where x.customer not in (select boss from {r:people})",
    // A bound that another connection gives.
    "select x.sale_id from {l:sales} x where x.amount > (select avg(person) - 11 from {r:people})",
    "select x.sale_id from {l:sales} x where x.day >= (select max(opened) from {r:shops} where shop_id < 4)",
    "select x.sale_id from {l:sales} x where x.pieces > (select max(person) from {r:people} where person > 1000)",
    // Text that compares in another way (pitfall 13), and text that is only text (16).
    "select x.sale_id, p.name from {l:sales} x join {r:people} p on p.person = x.customer where x.note = 'a' or x.note = 'it''s LIMIT 5'",
    "select a.person, b.person as other from {l:people} a join {l:people} b on a.name = b.name join {r:shops} s on s.shop_id = a.person - 9",
    "select a.person, b.name from {l:people} a join {r:people} b on a.name = b.name",
    "select x.sale_id from {l:sales} x join {l:sales} y on x.note = y.note join {r:people} p on p.person = x.customer where x.note like '%a%' or y.note >= 'Z'",
    // Three levels, and columns without qualifier (10).
    "select city, name, amount from {l:sales} join {l:shops} using (shop_id) join {r:people} on customer = person where opened >= date '2020-01-01' and pieces between 1 and 5",
    "with s as (select shop_id, city from {l:shops} where rate is not null), x as (select * from s join {l:sales} using (shop_id)) select x.city, count(*) as n, sum(p.person) as people from x left join {r:people} p on p.person = x.customer group by x.city",
    "select x.sale_id, x.amount * 2 + 0.5 as more, x.pieces + 1 as one_more from {l:sales} x join {r:people} p on p.person = x.customer",
    "select s.shop_id, x.sale_id, p.person from {l:shops} s full join {l:sales} x on x.shop_id = s.shop_id left join {r:people} p on p.person = x.customer",
    // What USING merges: the other side's value where one has none, and first among the columns.
    "select shop_id, s.city, x.sale_id from {l:shops} s full join {r:sales} x using (shop_id)",
    "select shop_id, s.city, x.sale_id from {l:shops} s left join {r:sales} x using (shop_id) where shop_id > 1 and (shop_id / 7.0) < 50",
    "select s.shop_id, row_number() over (partition by x.customer order by length(s.city) > 3 desc, x.sale_id) as n from {l:shops} s join {r:sales} x on x.shop_id = s.shop_id order by coalesce(x.pieces, 0) > 1 desc, x.sale_id, s.shop_id limit 5",
    "select x.sale_id, row_number() over (order by timestamp '2024-01-01 00:00:00' + interval '1 hour' * x.sale_id desc, s.shop_id) as n from {l:shops} s join {r:sales} x on x.shop_id = s.shop_id",
    "select shop_id, s.city, x.sale_id from {l:shops} s full join {r:sales} x using (shop_id) where shop_id between 1 and 2 or shop_id is null",
    "select shop_id, shop_id + 1 as n, -shop_id as m, not shop_id = x.sale_id as d, case shop_id when 1 then 'one' end as c, count(*) over (partition by shop_id order by x.sale_id) as w from {l:shops} s left join {r:sales} x using (shop_id) order by shop_id, m, w",
    "select shop_id, max(x.amount) as m, grouping(shop_id) as g from {l:shops} s join {r:sales} x using (shop_id) group by rollup (shop_id) having not shop_id = 2 or shop_id is null order by shop_id nulls first",
    "select distinct on (shop_id) shop_id, x.sale_id from {l:shops} s join {r:sales} x using (shop_id) order by shop_id desc, x.sale_id",
    "select * from {l:shops} s right join {r:sales} x using (shop_id)",
    "select * from {l:sales} x full join {r:shops} s using (shop_id)",
    "select shop_id, count(*) as n from {l:shops} s full join {r:sales} x using (shop_id) where shop_id is not null group by shop_id having count(*) > 0",
    "select shop_id, customer, s.rate, p.name from {l:shops} s full join {r:sales} x using (shop_id) left join (select person as customer, name from {l:people}) p using (customer)",
    "select shop_id, a.city, b.rate, x.amount from {l:shops} a full join {r:shops} b using (shop_id) full join {l:sales} x using (shop_id)",
    // A cast has the name of what is cast.
    "select day::text as d, day, count(*) as n from {l:sales} x join {r:people} p on p.person = x.customer group by 1, 2",
    "select sum(x.amount) as a, sum(x.amount::bigint) as b, avg(x.amount) as c, sum(x.pieces) as d, avg(x.pieces) as e, stddev(x.pieces) as f from {l:sales} x join {r:people} p on p.person = x.customer",
    // A subquery without a row is NULL whatever it selects.
    "select x.sale_id, coalesce((select 1 from {r:people} where person = 1000), 7) as c, (select 1 from {r:people} where person = 1000) is null as n from {l:sales} x",
    // Moments and what lies between them.
    "select x.sale_id, x.day - timestamp '2024-01-01 12:00:00' as e, x.day + interval '1 day' * x.pieces as t, timestamptz '2024-01-01 00:00:00+02' as z from {l:sales} x join {r:people} p on p.person = x.customer",
    "select x.sale_id from {l:sales} x join {r:people} p on p.person = x.customer where x.pieces + x.shop_id > 3 and p.person + p.boss > 20",
    "select x.sale_id, v from {l:sales} x join {r:people} p on p.person = x.customer cross join lateral unnest(array[x.pieces, 0]) as u (v)",
    "select lag(x.amount, 1, 1e3) over (order by x.sale_id, p.name) as a, (array[x.pieces])[0] as b, (array_agg(x.note) over (order by x.sale_id, p.name))[1] as c from {l:sales} x join {r:people} p on p.person = x.customer",
    // A month is as long as 30 days, whatever compares.
    "select i, rank() over (order by i desc) as a, count(*) over (partition by i) as b, nullif(i, interval '30 days') as c, greatest(i, interval '31 days', null) as d, i in ('1 month', '40 days') as e, case i when '30 days' then 1 end as f, i between '29 days' and '1 month' as g, i > '30 days' as h from (values (interval '1 month'), (interval '30 days'), (interval '720 hours 1 second'), (interval '40 days'), (null)) as v (i) join {l:sales} x on x.sale_id = 1 join {r:people} p on p.person = 10 order by i, a",
    "select count(*) as n, min(i) > interval '29 days' as a, max(i) as b, avg(i) as c, sum(i) as d, count(distinct i) as e, avg(i) filter (where i < '31 days') as f from (values (interval '1 month'), (interval '30 days'), (interval '40 days'), (interval '-1 days +36:00'), (null)) as v (i) join {l:sales} x on x.sale_id = 1 join {r:people} p on p.person = 10",
    "select count(*) as n, extract(day from i) > 100 as a from (values (interval '1 month'), (interval '30 days'), (interval '40 days'), (null), (null)) as v (i) join {l:sales} x on x.sale_id = 1 join {r:people} p on p.person = 10 group by i, a having i is null or i < '1 year'",
    "select count(*) as n from (select distinct i from (values (interval '1 month'), (interval '30 days'), (null)) as v (i) union select interval '24 hours' union select interval '1 day' except select interval '720 hours') u join {l:sales} x on x.sale_id = 1 join {r:people} p on p.person = 10",
    "select x.sale_id, avg(x.day - timestamp '2024-01-01 12:00:00') over (partition by x.shop_id) as a, max(x.day - timestamp '2024-01-01 12:00:00') as b from {l:sales} x join {r:people} p on p.person = x.customer group by x.sale_id, x.shop_id, x.day",
    // Values and distances that leave the column's type, beside rows without a value.
    "select v.n, count(*) over (order by v.n desc range between 2 preceding and unbounded following) as a, count(*) over (order by v.n nulls last range between 1 preceding and 3 following) as b from (values (32767::smallint), ((-32768)::smallint), (null), (32766::smallint)) as v (n) join {l:sales} x on x.sale_id = 1 join {r:people} p on p.person = 10",
    "select v.n, count(*) over (order by v.n desc nulls last range between 2 preceding and 9 following) as a from (values (9223372036854775807), (-9223372036854775807), (null)) as v (n) join {l:sales} x on x.sale_id = 1 join {r:people} p on p.person = 10",
    // Two subqueries that differ only in what is sent.
    "select p.person, (select count(*) from {l:sales} where customer is null) as a, (select count(*) from {l:sales} where customer is not null) as b, (select count(*) from {l:sales} where customer = 10) as c from {r:people} p",
    "select p.person, p.boss not in (select x.customer from {l:sales} x where case x.note when x.note then x.note else x.note end is not null) as a from {r:people} p",
    "select x.sale_id, x.pieces > all (select person - 10 from {r:people}) not between false and false as a, x.pieces = any (select person - 10 from {r:people}) in (true) as b from {l:sales} x",
    "select x.sale_id, not exists (select 1 from {r:people} p where p.person = x.customer) in (false, true) as a, not exists (select 1 from {r:people} p where p.person = x.customer) is null as b from {l:sales} x",
    // The subquery's own columns of the outer names are not what it is joined by.
    "select s.shop_id, b.city from {l:shops} s join {r:shops} b on b.shop_id = s.shop_id and b.shop_id < 3 where exists (select 1 from {r:sales} x where x.sale_id = s.shop_id and x.shop_id <> s.shop_id + 100)",
    "select s.shop_id, b.city from {r:shops} s join {l:shops} b on b.shop_id = s.shop_id where exists (select 1 from {l:sales} x where x.pieces = s.shop_id and x.shop_id <> coalesce(s.rate, 0) + 100)",
    "select s.shop_id, b.person from {l:sales} s join {r:people} b on b.person = s.shop_id + 9 where s.sale_id in (select x.pieces from {r:sales} x where x.sale_id <> s.shop_id + 100)",
    "select s.city, jsonb_object_agg(x.sale_id, x.note order by x.sale_id, x.note) filter (where x.sale_id is not null) as a from {l:shops} s left join {r:sales} x on x.shop_id = s.shop_id group by 1",
    "select s.shop_id, x.sale_id from {l:shops} s join {r:sales} x on x.shop_id = s.shop_id where cast(s.opened as timestamp) <= timestamp '2024-02-01 00:00:00'",
    // For jsonb a value alone is an array of one.
    "select v.j -> 0 as a, v.j ->> -1 as b, v.j -> 1 as c, v.j::json -> 0 as d, (jsonb_build_object('k', v.j) -> 'k') -> 0 as f from (values ('12.0'::jsonb), ('\"x\"'::jsonb), ('null'::jsonb), ('[5, 6]'::jsonb)) as v (j) join {l:sales} x on x.sale_id = 1 join {r:people} p on p.person = 10",
    "select array_length(string_to_array(v.s, ','), 1) as a, cardinality(string_to_array(v.s, ',')) as b, to_timestamp(v.n) as c, to_timestamp(v.n::float8) as d, date_bin('15 minutes', x.day, timestamp '2024-01-01 00:07:00') as e, date_bin(interval '1 day', timestamptz '1969-12-31 23:00:00+00', timestamptz '2024-01-01 12:00:00+00') as f, gcd(x.pieces * 6, -9) as g, lcm(x.pieces * 6, 4) as h from (values ('', 1709647629.25), ('a', -1.5), ('a,b', null)) as v (s, n) join {l:sales} x on x.sale_id < 4 join {r:people} p on p.person = 10",
    // JSON made of rows, rows made by lists.
    "select x.shop_id, json_agg(x.note order by x.sale_id) as a, jsonb_agg(x.pieces order by x.sale_id desc) as b, jsonb_object_agg(x.sale_id, x.note order by x.sale_id) as c, json_object_agg(x.sale_id, p.person order by x.sale_id, p.boss) as d from {l:sales} x join {r:people} p on p.person = x.customer group by x.shop_id",
    "select x.sale_id, json_build_object('id', x.sale_id, 'note', x.note, 'who', p.name, 'n', null, 'b', x.pieces > 1) as a, jsonb_build_object('zz', x.note, 'a', jsonb_build_array(p.person, 1.50, 'x')) as b, json_build_array(p.name, x.pieces) as c from {l:sales} x join {r:people} p on p.person = x.customer",
    "select x.sale_id, generate_series(1, x.pieces) as g, unnest(array['a', 'b']) as h from {l:sales} x join {r:people} p on p.person = x.customer where x.pieces < 4",
    "select x.sale_id, u.v, u.n, g, ordinality from {l:sales} x join {r:people} p on p.person = x.customer cross join lateral unnest(array[x.pieces, 7]) with ordinality as u (v, n) cross join generate_series(5, 6) with ordinality as g",
    "select x.sale_id, e.key, e.value, e.value -> 'b' as b, t.v, t.n from {l:sales} x join {r:people} p on p.person = x.customer cross join lateral jsonb_each(jsonb_build_object('a', jsonb_build_object('b', x.pieces), 'n', x.note)) as e cross join lateral json_each_text(json_build_object('z', p.name, 'y', null)) with ordinality as t (k, v, n)",
    "select x.sale_id, jsonb_object_keys(jsonb_build_object('u', 1, 't', x.note)) as k from {l:sales} x join {r:people} p on p.person = x.customer",
    "select x.sale_id, s, json_array_elements_text('[1, null, \"x\"]'::json) as j from {l:sales} x join {r:people} p on p.person = x.customer cross join lateral string_to_table(x.note, 'a') as s",
    "select round(corr(x.pieces, p.person)::numeric, 9) as a, round(regr_slope(x.pieces, p.person)::numeric, 9) as b, round(regr_intercept(x.pieces, p.person)::numeric, 9) as c, round(regr_r2(x.pieces, p.person)::numeric, 9) as d, regr_count(x.pieces, p.person) as e, round(covar_samp(x.pieces, p.person)::numeric, 9) as f, round(covar_pop(x.pieces, 2.0)::numeric, 9) as g, regr_slope(1, p.person) as h, round(regr_avgx(p.person, x.pieces)::numeric, 9) as i from {l:sales} x join {r:people} p on p.person = x.customer",
    "select s.shop_id, count(*) over (order by s.rate range between 0.0005 preceding and 1.5 following) as a, count(*) over (order by 0.0 range between 1.5 preceding and current row) as b from {l:shops} s join {r:people} p on p.person = s.shop_id + 9",
    "select x.sale_id from {l:sales} x join {r:people} p on p.person = x.customer where (x.shop_id, (select max(y.pieces) from {l:sales} y where y.shop_id = x.shop_id)) in (select z.shop_id, z.pieces from {r:sales} z)",
    // A condition that no row meets, beside a total that has a row of none.
    "select x.sale_id, t.n from {l:sales} x left join lateral (select count(*) as n from {r:people}) t on x.amount = 5 and 1 = 2",
    "select x.sale_id, t.n from {l:sales} x left join (select count(*) as n, sum(person) as s from {r:people}) t on 2 < 1 or current_date < date '2000-01-01'",
    "select timestamptz '2024-01-01 00:00:00+00' as a, (select timestamptz '2024-01-01 00:00:00+00' from {r:people} p where p.person = x.customer limit 1) as b, count(*) as n from {l:sales} x group by 1, 2",
    "select day::text as d, day, count(*) as n from {l:sales} x where x.pieces >= all (select p.boss - 9 from {r:people} p where p.boss > 10) and x.sale_id < any (select person from {r:people}) group by 1, 2",
    "select x.v, s.shop_id from (values (1, 'one'), (2, null), (9, 'nine')) as x (v, name) join {l:sales} s on s.shop_id = x.v where not exists (select 1 from {r:people} p where p.boss - 10 = x.v)",
    "select x.n, (select max(p.person) from {r:people} p where p.person < x.n * 5 and p.boss > x.m) as b from (select shop_id, sum(pieces) as n, avg(amount) as m from {l:sales} group by shop_id) x",
    "select x.shop_id, jsonb_agg(x.sale_id order by x.sale_id, x.sale_id desc) as a from {l:sales} x join {r:people} p on p.person = x.customer group by 1",
    "select x.shop_id, grouping(x.shop_id) as g, count(*) as n from {l:sales} x join {r:people} p on p.person = x.customer group by rollup (x.shop_id, x.shop_id)",
    "select substring(x.note from '[a-z]+') as a, trim(leading 'a' from x.note) as b from {l:sales} x join {r:people} p on p.person = x.customer",
];

/// Where `l` and `r` lie: the letters of the connections.
const LAYOUTS: [(&str, &str); 4] = [("l", "t"), ("s", "t"), ("t", "l"), ("r", "l")];

#[test]
fn whole_subplans_give_the_rows_that_one_database_gives() {
    let (Some(target), Some(right), Some(left)) =
        (dvt_test_support::postgres(), dvt_test_support::postgres(), dvt_test_support::mysql())
    else {
        return;
    };
    let project = project_on_servers(&target, &left, &right);
    let profile = project.text("profiles.yml") + "    lite: {type: sqlite, path: lite.db}\n";
    project.write("profiles.yml", &profile);
    let mut sources = "sources:\n".to_owned();
    for (name, sql) in TABLES {
        let create = |prefix: &str| sql.replace("{t}", &format!("{prefix}{name}"));
        target.sql(&create("one_"));
        target.sql(&create("t_"));
        left.sql(&create("l_"));
        right.sql(&create("r_"));
        project.sqlite("lite.db", &create("s_").replace("date '", "'"));
    }
    target.sql("analyze");
    right.sql("analyze");
    for (letter, connection, schema) in
        [("t", "pg", "public"), ("l", "left", left.database.as_str()), ("r", "right", "public"), ("s", "lite", "main")]
    {
        let tables: Vec<String> = TABLES.iter().map(|(name, _)| format!("{{name: {letter}_{name}}}")).collect();
        sources += &format!(
            "  - {{name: {letter}, connection: {connection}, schema: {schema}, tables: [{}]}}\n",
            tables.join(", ")
        );
    }
    project.write("models/sources.yml", &sources);
    let layouts = if std::env::var_os("DVT_PUSHDOWN_LAYOUTS").is_some() { LAYOUTS.len() } else { 2 };
    for (layout, (first, second)) in LAYOUTS.iter().enumerate().take(layouts) {
        for (index, query) in QUERIES.iter().enumerate() {
            let mut text = (*query).to_owned();
            for (name, _) in TABLES {
                for (place, letter) in [("l", first), ("r", second)] {
                    let source = format!("{{{{ source('{letter}', '{letter}_{name}') }}}}");
                    text = text.replace(&format!("{{{place}:{name}}}"), &source);
                }
            }
            project.write(&format!("models/q{layout}_{index}.sql"), &text);
        }
    }
    let wanted: Vec<Vec<String>> = QUERIES.iter().map(|query| values_of(postgres_rows(&target, &one(query)))).collect();
    for switches in [&[][..], &[("DVT_TEST_REDUCTION", "off")], &[("DVT_TEST_PUSHDOWN", "off")]] {
        let outcome = project.dvt_env(switches, "run --threads 2 --full-refresh");
        let results = project.json("target/run_results.json");
        let mut differences = Vec::new();
        for (layout, places) in LAYOUTS.iter().enumerate().take(layouts) {
            for (index, query) in QUERIES.iter().enumerate() {
                let model = format!("q{layout}_{index}");
                let message = failure(&results, &model);
                let found = match &message {
                    None => values_of(postgres_rows(&target, &format!("select * from public.{model}"))),
                    Some(message) => vec![format!("failed: {message}")],
                };
                if found != wanted[index] {
                    let sent = sent(&project, &model);
                    differences.push(format!(
                        "{switches:?} {:?} {query}\n{sent}\nwanted {:?}\nfound  {found:?}",
                        places, wanted[index]
                    ));
                }
            }
        }
        assert!(differences.is_empty(), "{}\n{}", differences.join("\n\n"), outcome.stderr);
    }
}

/// The rows with numbers by their value: a `numeric` without a scale keeps no trailing zeros on the way.
fn values_of(rows: Vec<String>) -> Vec<String> {
    let plain = |row: &String| -> String {
        let is_digit_or_point = |letter: char| letter.is_ascii_digit() || letter == '.';
        let mut text = String::new();
        let mut rest = row.as_str();
        while let Some(start) = rest.find(is_digit_or_point) {
            let (before, from) = rest.split_at(start);
            let (number, after) = from.split_at(from.find(|letter| !is_digit_or_point(letter)).unwrap_or(from.len()));
            let kept = if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number };
            text.push_str(before);
            text.push_str(kept);
            rest = after;
        }
        text + rest
    };
    let mut rows: Vec<String> = rows.iter().map(plain).collect();
    rows.sort();
    rows
}

/// The query over the tables of the one database.
fn one(query: &str) -> String {
    query.replace("{l:", "one_").replace("{r:", "one_").replace('}', "")
}

fn failure(results: &serde_json::Value, model: &str) -> Option<String> {
    let id = format!("model.shop.{model}");
    let result = results["results"].as_array()?.iter().find(|result| result["unique_id"] == id.as_str())?;
    (result["status"] != "success").then(|| result["message"].as_str().unwrap_or("no message").to_owned())
}

/// What the log says was sent for a model.
fn sent(project: &Project, model: &str) -> String {
    let log = std::fs::read_to_string(project.path("logs/dbt.log")).unwrap_or_default();
    let lines: BTreeSet<&str> = log.lines().filter(|line| line.contains(model) && line.contains("extract")).collect();
    lines.into_iter().collect::<Vec<_>>().join("\n")
}
