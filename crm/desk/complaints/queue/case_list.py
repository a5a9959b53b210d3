"""The list of cases, declared: what its rows are, what can be seen and asked of them, and the views it comes with."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from complaints.case_conditions import figure_of
from complaints.cases import priority
from complaints.models import Case
from core.accounts.models import User
from core.accounts.permissions import sees
from core.accounts.roles import Field, Permission
from core.lib.conditions import tree
from core.lib.conditions.address import escaped
from core.lib.conditions.tree import All, Leaf
from crm.desk.complaints.wording import tone_of
from crm.desk.lists import page
from crm.desk.lists.definition import Bulk, Column, ListDef, SystemView
from crm.flows.bulk import cases as bulk
from crm.flows.catalogue import CASES, rows
from customers.lists.record import CLASSES
from customers.models import Customer

OPEN_ONES = Leaf("state", "any", ("open",))


def _opens_with(user: User, at: datetime) -> str:
    """At first what is mine, or everything open when nothing is."""
    return "mine" if page.of_view(CASE_LIST, user, "mine", at).exists() else "all"


def _numbers(ids: Sequence[int]) -> dict[int, str]:
    return {case.pk: case.number for case in Case.objects.filter(pk__in=ids).only("pk")}


def _person(row: Case) -> Customer | None:
    return row.customer


def _open(key: str, label: Any, *narrowed: Leaf, when_some: bool = False) -> SystemView:
    return SystemView(key, label, All((OPEN_ONES, *narrowed)), counted=True, when_some=when_some)


def _waits(key: str, label: Any) -> SystemView:
    return SystemView(key, label, All((Leaf("waits", "any", (key,)),)), counted=True, when_some=True)


COLUMNS = (
    Column("case", _("Case"), "text", "pk", sorts=True),
    Column(
        "priority",
        _("Priority"),
        "text",
        "priority",
        sorts=True,
        then=("next_due_at",),
        tell=lambda row, today, user: priority.wording(row, with_value=sees(user, Field.VALUE)),
        template="desk/complaints/cells/priority.html",
    ),
    Column("customer", _("Customer"), template="desk/complaints/cells/customer.html"),
    Column("about", _("About"), "text", "category"),
    Column(
        "status",
        _("Status"),
        tell=lambda row, today, user: tone_of(row),
        template="desk/complaints/cells/status.html",
    ),
    Column("due", _("Due"), "text", "next_due_at", sorts=True, template="desk/complaints/cells/due.html"),
    Column("owner", _("Owner"), "text", "owner"),
    Column("queue", _("Queue"), "text", "queue"),
    Column("class", _("Class"), "class", "served_as", sorts=True),
    Column("severity", _("Severity"), tell=lambda row, today, user: row.get_severity_display()),
    Column("channel", _("Channel"), tell=lambda row, today, user: row.get_channel_display()),
    Column("opened", _("Logged"), "moment", "opened_at", sorts=True),
    Column("said", _("Said"), "moment", "received_at", sorts=True),
    Column("resolved", _("Solved"), "moment", "resolved_at", sorts=True),
    Column("outcome", _("Outcome"), tell=lambda row, today, user: row.get_outcome_display()),
    Column("cause", _("Root cause"), "text", "root_cause"),
    Column("reopened", _("Times reopened"), "number", "reopen_count", sorts=True),
    Column("product", _("Product number"), "text", "product_ref"),
)
VIEWS = (
    _open("mine", _("Mine"), Leaf("owner", "any", ("me",))),
    _open("all", _("Open")),
    _open("unassigned", _("Nobody's"), Leaf("owner", "unknown"), when_some=True),
    _open("anonymous", _("Anonymous callers"), Leaf("customer", "unknown"), when_some=True),
    _open("due_soon", _("Due within the hour"), Leaf("clock", "any", ("soon",))),
    _open("breached", _("Promise missed"), Leaf("clock", "any", ("missed",))),
    _open("big", _("Big customers"), Leaf("class", "any", ("big",)), when_some=True),
    _open("look", _("Wrote again"), Leaf("waits", "any", ("look",)), when_some=True),
    _waits("asked", _("Asked of me")),
    _waits("approve", _("To approve")),
    _waits("give", _("Remedy to give")),
    _waits("owed", _("Remedy late")),
    _waits("unsent", _("E-mail to send")),
    SystemView("finished", _("Solved"), All((Leaf("state", "any", ("ended",)),)), sort="-case"),
    SystemView("every", _("All"), tree.EVERYBODY, sort="-case"),
)
# What stands in bookmarks and in the figures of the reports.
_SAME = ("status", "queue", "category", "owner", "customer", "product", "department", "matter")
_YES = {
    "breached": ("clock", "missed"),
    "unassigned": ("owner", "unknown"),
    "reopened": ("reopened", "ge.1"),
    "logged_late": ("logged_late", "yes"),
    "counted": ("counted", "yes"),
}


def of_before(query: QueryDict) -> list[tuple[str, str]]:
    """What addresses of before this language ask for: those that name a list, and those of a number of the reports."""
    if "list" not in query:
        return []
    classes = {str(member.value): name for name, member in CLASSES.items()}
    told = [(name, query.get(name, "")) for name in _SAME]
    told += [("class", classes.get(query.get("served_as", ""), "")), ("cause", query.get("root_cause", ""))]
    told += [("state", {"1": "open", "0": "ended"}.get(query.get("open", ""), ""))]
    for name, (field, value) in _YES.items():
        told += [(field, value if query.get(name) not in (None, "", "0", "false", "False") else "")]
    for name in ("opened", "resolved"):
        since, until = (_stamp(query.get(f"{name}_{bound}", "")) for bound in ("from", "until"))
        told += [("matter", figure_of(name, since, until) if since or until else "")]
    return [(name, escaped(value) if name in ("matter", "product") else value) for name, value in told]


def _stamp(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 11 else None


CASE_LIST = ListDef(
    key="cases",
    stem="complaint",
    title=_("Complaints"),
    rows=rows.cases_of,
    catalogue=CASES,
    columns=COLUMNS,
    default_columns=("priority", "customer", "about", "status", "due", "owner"),
    views=VIEWS,
    default_sort=(("priority", None),),
    called=lambda row: (row.number, row.title),
    person=_person,
    nothing_yet="desk/complaints/_no_cases.html",
    related=("customer", "category", "owner", "queue", "root_cause"),
    of_before=of_before,
    opens_with=_opens_with,
    before_views="list",
    tabs=len(VIEWS),
    deeds="desk/complaints/cells/deeds.html",
    bulk=(
        Bulk(bulk.ASSIGN, _("Give to…"), Permission.LEAD_COMPLAINTS),
        Bulk(bulk.QUEUE, _("Queue…"), Permission.LEAD_COMPLAINTS),
        Bulk(bulk.PRIORITY, _("Priority…"), Permission.LEAD_COMPLAINTS),
        Bulk(bulk.LABEL, _("Label…"), Permission.LEAD_COMPLAINTS),
    ),
    numbers=_numbers,
    counted=lambda n: ngettext("%(n)d complaint", "%(n)d complaints", n) % {"n": n},
)
