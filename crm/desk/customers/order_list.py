"""The list of orders, declared: a span of days at a time, or those of one customer, or of one number."""

from datetime import date, timedelta

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from core.lib.conditions.address import escaped
from core.lib.conditions.tree import All, Leaf
from crm.desk.lists.definition import Column, ListDef, SystemView
from crm.flows.catalogue import ORDERS, rows
from customers.models import Customer, Order

DAYS = 30
WINDOW = Leaf("ordered", "last", (str(DAYS),))


def _person(row: Order) -> Customer | None:
    return row.customer


COLUMNS = (
    Column("order", _("Order")),
    Column("customer", _("Customer"), template="desk/customers/orders/_customer_cell.html"),
    Column("ordered", _("Ordered"), "moment", "ordered_at", sorts=True, then=("pk",)),
    Column("status", _("Status"), template="desk/customers/orders/_status_cell.html"),
    Column("paid", _("Amount paid"), "cents", "paid", sorts=True),
    Column("source", _("Source"), "text", "source", sorts=True),
    Column("class", _("Class"), "class", "customer__standing__customer_class"),
    Column("manager", _("Manager"), "text", "customer__manager"),
    Column("came_in", _("Came in"), "moment", "received_at", sorts=True),
)
VIEWS = (
    SystemView("days", _("Last 30 days"), All((WINDOW,))),
    SystemView("today", _("Today"), All((Leaf("ordered", "last", ("1",)),))),
    SystemView("week", _("Last 7 days"), All((Leaf("ordered", "last", ("7",)),))),
    SystemView("unpaid", _("Not paid"), All((WINDOW, Leaf("status", "any", ("pending",))))),
    SystemView("back", _("Money went back"), All((WINDOW, Leaf("refunded", "any", ("yes",))))),
    SystemView("dearest", _("The dearest"), All((WINDOW, Leaf("status", "any", ("paid",)))), sort="-paid"),
)


def of_before(query: QueryDict) -> list[tuple[str, str]]:
    """What addresses of before this language ask for: a number, and the first and the last day."""
    told: list[tuple[str, str]] = []
    number = query.get("number", "")
    if number and not number.startswith(("any.", "none.")):
        told.append(("number", escaped(number)))
    for name, op in (("since", "from"), ("until", "before")):
        try:
            day = date.fromisoformat(query.get(name, ""))
            told.append(("ordered", f"{op}.{day + timedelta(days=1) if name == 'until' else day}"))
        except (ValueError, OverflowError):
            continue
    return told


ORDER_LIST = ListDef(
    key="orders",
    stem="order",
    title=_("Orders"),
    rows=rows.orders_of,
    catalogue=ORDERS,
    columns=COLUMNS,
    default_columns=("customer", "ordered", "status", "paid"),
    views=VIEWS,
    default_sort=(("-ordered", None),),
    called=lambda row: (row.external_id, row.source),
    person=_person,
    nothing_yet="desk/customers/orders/_no_orders.html",
    related=("customer__standing", "customer__manager"),
    of_before=of_before,
    opens_with=lambda user, today: "days",
    searched="number",
    window=WINDOW,
    bound_by=("ordered", "number", "customer"),
)
