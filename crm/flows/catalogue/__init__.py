"""What lists know, summed over the floors: the fields that conditions may speak of."""

from crm.flows.catalogue.customers import CUSTOMERS

__all__ = ["CUSTOMERS"]
