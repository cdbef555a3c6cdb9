-- Only money that stayed with us.
select payment_id, customer_id, amount, paid_on
from {{ source('finance', 'payments') }}
where status = 'settled'
