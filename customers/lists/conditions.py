"""What this floor lets conditions say of a customer."""

from customers.lists import purchases, record

FIELDS = (*record.FIELDS, *purchases.FIELDS)
