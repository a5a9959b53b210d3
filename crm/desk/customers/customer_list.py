"""The list of customers, declared: what its rows are, what can be seen and asked of them, and the views it comes with."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.db.models import Count, Max
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from complaints import conditions as of_complaints
from core.accounts.roles import Field as Personal
from core.accounts.roles import Permission
from core.lib.conditions.tree import All, Leaf
from core.lib.periods import mall_day
from crm.desk.lists.definition import Bulk, Column, ListDef, SystemView
from crm.flows.bulk import customers as bulk
from crm.flows.bulk import exports
from crm.flows.catalogue import CUSTOMERS
from customers.access import standings_of
from customers.lists.record import CLASSES, TYPES
from customers.models import Contact, Customer, CustomerLabel, Label
from loyalty.models import Membership, NextLevel, PointAccount
from loyalty.tiers import membership

NEW_DAYS = 90
FALLING_PER_CENT = 50


def _labels(ids: Sequence[int], today: date) -> Mapping[int, Any]:
    """Each customer's labels, by name, put away or not."""
    carried: dict[int, list[Label]] = {}
    for row in CustomerLabel.objects.filter(customer__in=ids).select_related("label").order_by("label__name", "pk"):
        carried.setdefault(row.customer_id, []).append(row.label)
    return carried


def _numbers(ids: Sequence[int]) -> Mapping[int, str]:
    return dict(Customer.objects.filter(pk__in=ids).values_list("pk", "number"))


def _levels(ids: Sequence[int], today: date) -> Mapping[int, Any]:
    rules = membership.applied()
    if rules is None:
        return {}
    names = [level["name"] for level in rules.levels]
    ranks = dict(Membership.objects.filter(pk__in=ids).values_list("pk", "rank"))
    return {pk: names[min(ranks.get(pk, 0), len(names) - 1)] for pk in ids}


def _on_the_way(ids: Sequence[int], today: date) -> Mapping[int, Any]:
    return dict(NextLevel.objects.filter(pk__in=ids).values_list("pk", "per_cent"))


def _points(ids: Sequence[int], today: date) -> Mapping[int, Any]:
    return dict(PointAccount.objects.filter(pk__in=ids).values_list("pk", "available"))


def _last_contacts(ids: Sequence[int], today: date) -> Mapping[int, Any]:
    newest = Contact.objects.filter(customer__in=ids).order_by().values_list("customer").annotate(at=Max("at"))
    return {pk: mall_day(at) for pk, at in newest}


def _open_cases(ids: Sequence[int], today: date) -> Mapping[int, Any]:
    cases = of_complaints.open_cases().filter(customer__in=ids)
    return dict(cases.order_by().values_list("customer").annotate(Count("pk")))


COLUMNS = (
    Column("customer", _("Customer")),
    Column("class", _("Class"), "class", "customer_class", sorts=True),
    Column("type", _("Type"), "type", "matrix_type", sorts=True),
    Column("level", _("Level"), load=_levels),
    Column("value", _("Current value"), "money", "value", sorts=True, needs=Personal.VALUE),
    Column("potential", _("Potential"), "money", "potential", sorts=True, needs=Personal.VALUE),
    Column("last", _("Last purchase"), "day", "last_on", sorts=True),
    Column("first", _("First purchase"), "day", "first_on", sorts=True),
    Column("orders", _("Orders"), "number", "order_count", sorts=True),
    Column("days", _("Purchase days"), "number", "purchase_days", sorts=True),
    Column("paid", _("Paid in all"), "money", "paid_sum", sorts=True),
    Column("paid_365", _("Paid in a year"), "money", "paid_365", sorts=True),
    Column("next_level", _("Way to the next level, %"), "number", load=_on_the_way),
    Column("points", _("Points"), "number", load=_points),
    Column("open_cases", _("Open complaints"), "number", load=_open_cases),
    Column("next_contact", _("Next contact"), "day", "next_contact_on", sorts=True),
    Column("last_contact", _("Last contact"), "day", load=_last_contacts),
    Column("manager", _("Manager"), "text", "manager"),
    Column("province", _("Province"), "text", "region", sorts=True),
    Column("city", _("City"), "text", "city", sorts=True),
    Column("labels", _("Labels"), "labels", load=_labels),
    Column("registered", _("Registered"), "day", "registered_on", sorts=True),
)
VIEWS = (
    SystemView("mine", _("Mine"), All((Leaf("manager", "any", ("me",)),))),
    SystemView("nobodys", _("Nobody's"), All((Leaf("manager", "unknown"),))),
    SystemView("quiet", _("Past their own limit"), All((Leaf("rhythm", "any", ("limit",)),))),
    SystemView("due", _("Due to buy"), All((Leaf("rhythm", "any", ("usual",)),)), sort="last"),
    SystemView("birthday", _("Birthday in 7 days"), All((Leaf("birthday", "next", ("7",)),))),
    SystemView("complaint", _("Open complaint"), All((Leaf("open_cases", "ge", ("1",)),))),
    SystemView("new", _("New in 90 days"), All((Leaf("first", "last", (str(NEW_DAYS),)),)), sort="-first"),
    SystemView("falling", _("Spend falling"), All((Leaf("trend", "lt", (str(FALLING_PER_CENT),)),))),
    SystemView(
        "near_level",
        _("Near the next level"),
        All((Leaf("next_level", "ge", ("80",)),)),
        columns=("level", "next_level", "value", "last", "paid_365", "manager"),
    ),
    SystemView("expiring", _("Points expiring in 30 days"), All((Leaf("points_expire", "next", ("30",)),))),
    SystemView("unhappy", _("Unhappy answer"), All((Leaf("satisfaction", "le", ("2",)),))),
    SystemView("unreachable", _("Reachable by nobody"), All((Leaf("reach", "none", ("phone", "email")),))),
    SystemView("never", _("Never bought"), All((Leaf("last", "unknown"),)), sort="-registered"),
)


def of_before(query: QueryDict) -> list[tuple[str, str]]:
    """What addresses of before this language ask for, as they stand in bookmarks and messages."""
    classes = {str(member.value): name for name, member in CLASSES.items()}
    types = {str(member.value): name for name, member in TYPES.items()}
    told = {
        "class": classes.get(query.get("customer_class", ""), ""),
        "type": types.get(query.get("matrix_type", ""), ""),
        "manager": "unknown" if query.get("unassigned") else "",
        "province": query.get("region", ""),
        "quiet": f"gt.{query['absent_days']}" if query.get("absent_days", "").isdecimal() else "",
    }
    return [(name, value) for name, value in told.items() if value]


CUSTOMER_LIST = ListDef(
    key="customers",
    stem="customer",
    title=_("Customers"),
    rows=standings_of,
    catalogue=CUSTOMERS,
    columns=COLUMNS,
    default_columns=("class", "type", "value", "potential", "last", "manager"),
    views=VIEWS,
    default_sort=(("-value", Personal.VALUE),),
    related=("customer", "manager"),
    called=lambda row: (row.customer.name, row.customer.number),
    person=lambda row: row.customer,
    nothing_yet="desk/customers/_no_customers.html",
    of_before=of_before,
    bulk=(
        Bulk(bulk.ASSIGN, _("Assign…"), Permission.ASSIGN_MANAGER),
        Bulk(bulk.TASK, _("Task…"), Permission.CHANGE_MANY),
        Bulk(bulk.LABEL, _("Label…"), Permission.CHANGE_MANY),
        Bulk(exports.EXPORT, _("Export"), Permission.LIST_CUSTOMERS, key="e", takes=True),
    ),
    numbers=_numbers,
    counted=lambda n: ngettext("%(n)d customer", "%(n)d customers", n) % {"n": n},
)
