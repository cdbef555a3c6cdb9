-- Everything it reads lives on one other connection: the query runs there and its rows stream here.
select
    extract(year from paid_on) as paid_year,
    extract(month from paid_on) as paid_month,
    count(*) as payments,
    sum(amount) as amount_paid
from {{ ref('stg_payments') }}
group by extract(year from paid_on), extract(month from paid_on)
