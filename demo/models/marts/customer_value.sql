-- Reads SQLite, Parquet, CSV and a seed in the lakehouse (or MariaDB, CSV and PostgreSQL): federated.
with paid as (
    select customer_id, count(*) as payments, sum(amount) as amount_paid
    from {{ ref('stg_payments') }}
    group by customer_id
)

select
    customers.customer_id,
    customers.full_name,
    countries.name as country,
    countries.region,
    coalesce(paid.payments, 0) as payments,
    coalesce(paid.amount_paid, 0) as amount_paid,
    coalesce(visits.events, 0) as events,
    coalesce(visits.complaints, 0) as complaints
from {{ source('crm', 'customers') }} as customers
left join paid on paid.customer_id = customers.customer_id
left join {{ ref('stg_visits') }} as visits on visits.customer_id = customers.customer_id
left join {{ ref('countries') }} as countries on countries.code = customers.country_code
