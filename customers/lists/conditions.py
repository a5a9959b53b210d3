"""What this floor lets conditions say of a customer."""

from customers.lists import letters, purchases, record

FIELDS = (*record.FIELDS, *purchases.FIELDS, *letters.FIELDS)
