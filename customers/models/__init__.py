"""The unified record: who the customers are, how to reach them, what they bought, what is to be done."""

from customers.models.facts import Category, DirtyMark, Order, OrderLine, Product, Refund, Summary, SummaryState
from customers.models.imports import Import, RejectedRow
from customers.models.people import ContactPoint, Customer, ExternalIdentity, Standing
from customers.models.privacy import Opened, PrivacyRequest
from customers.models.work import Contact, Lookup, Todo

__all__ = [
    "Category",
    "Contact",
    "ContactPoint",
    "Customer",
    "DirtyMark",
    "ExternalIdentity",
    "Import",
    "Lookup",
    "Opened",
    "Order",
    "OrderLine",
    "PrivacyRequest",
    "Product",
    "Refund",
    "RejectedRow",
    "Standing",
    "Summary",
    "SummaryState",
    "Todo",
]
