"""What lists know, summed over the floors: the fields that conditions may speak of."""

from crm.flows.catalogue.customers import CUSTOMERS
from crm.flows.catalogue.work import ALERTS, CASES, ORDERS

__all__ = ["ALERTS", "CASES", "CUSTOMERS", "ORDERS"]
