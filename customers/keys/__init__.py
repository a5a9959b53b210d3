"""The numbers of orders and customers as every door writes them, so that a file and a shop mean the same one."""

from customers.keys.forms import damaged, order_key
from customers.keys.nobody import customer_key, is_nobody

__all__ = ["customer_key", "damaged", "is_nobody", "order_key"]
