"""The unified record: who the customers are, how to reach them, what they bought, what is to be done."""

from customers.models.facts import (
    Bought,
    Category,
    DirtyMark,
    Order,
    OrderLine,
    Product,
    Refund,
    Summary,
    SummaryState,
)
from customers.models.imports import (
    Import,
    ImportChange,
    ImportChunk,
    ImportNote,
    ImportPart,
    ImportPlan,
    ImportProfile,
    ImportQuestion,
    ImportRecord,
    RejectedRow,
)
from customers.models.people import ContactPoint, Customer, ExternalIdentity, Standing
from customers.models.privacy import Erasure, Opened, PrivacyRequest
from customers.models.promises import Promise, PromiseEvent
from customers.models.record import CustomerChange, CustomField, Merge, NotTheSame, PossibleDuplicate
from customers.models.waiting import GuestOrder, UnusualOrder
from customers.models.work import BookMove, Contact, Lookup, Todo

__all__ = [
    "BookMove",
    "Bought",
    "Category",
    "Contact",
    "ContactPoint",
    "CustomField",
    "Customer",
    "CustomerChange",
    "DirtyMark",
    "Erasure",
    "ExternalIdentity",
    "GuestOrder",
    "Import",
    "ImportChange",
    "ImportChunk",
    "ImportNote",
    "ImportPart",
    "ImportPlan",
    "ImportProfile",
    "ImportQuestion",
    "ImportRecord",
    "Lookup",
    "Merge",
    "NotTheSame",
    "Opened",
    "Order",
    "OrderLine",
    "PossibleDuplicate",
    "PrivacyRequest",
    "Product",
    "Promise",
    "PromiseEvent",
    "Refund",
    "RejectedRow",
    "Standing",
    "Summary",
    "SummaryState",
    "Todo",
    "UnusualOrder",
]
