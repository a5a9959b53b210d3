"""The unified record: who the customers are, how to reach them, what they bought, what is to be done."""

from customers.models.books import BookHandOver, BookRules, HandOverLine, ManagerSpan
from customers.models.consent import Consent, ConsentEntry, ConsentWording, ReachLimit
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
from customers.models.labels import CustomerLabel, Label
from customers.models.letters import BadPoint, Letter, LetterEvent, SendPolicy
from customers.models.life_dates import ContactStop, LifeDate
from customers.models.people import ContactPoint, Customer, ExternalIdentity, Standing
from customers.models.privacy import Erasure, Opened, PrivacyRequest
from customers.models.promises import Promise, PromiseEvent
from customers.models.record import CustomerChange, CustomField, Merge, NotTheSame, PossibleDuplicate
from customers.models.waiting import GuestOrder, UnusualOrder
from customers.models.work import BookMove, Contact, Lookup, RiskRules, Todo

__all__ = [
    "BadPoint",
    "BookHandOver",
    "BookMove",
    "BookRules",
    "Bought",
    "Category",
    "Consent",
    "ConsentEntry",
    "ConsentWording",
    "Contact",
    "ContactPoint",
    "ContactStop",
    "CustomField",
    "Customer",
    "CustomerChange",
    "CustomerLabel",
    "DirtyMark",
    "Erasure",
    "ExternalIdentity",
    "GuestOrder",
    "HandOverLine",
    "Import",
    "ImportChange",
    "ImportChunk",
    "ImportNote",
    "ImportPart",
    "ImportPlan",
    "ImportProfile",
    "ImportQuestion",
    "ImportRecord",
    "Label",
    "Letter",
    "LetterEvent",
    "LifeDate",
    "Lookup",
    "ManagerSpan",
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
    "ReachLimit",
    "Refund",
    "RejectedRow",
    "RiskRules",
    "SendPolicy",
    "Standing",
    "Summary",
    "SummaryState",
    "Todo",
    "UnusualOrder",
]
