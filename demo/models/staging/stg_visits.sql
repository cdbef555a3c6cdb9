select
    customer_id,
    count(*) as events,
    count(case when kind = 'complaint' then 1 end) as complaints
from {{ source('web', 'events') }}
group by customer_id
