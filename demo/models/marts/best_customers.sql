{{ config(materialized='view') }}
-- Reads the model above on its own connection: plain dbt.
select full_name, country, amount_paid, events
from {{ ref('customer_value') }}
where amount_paid > 0 and complaints = 0
