"""The list of alerts, declared: what its rows are, what can be seen and asked of them, and the views it comes with."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from core.accounts.models import User
from core.accounts.roles import Field as Personal
from core.accounts.roles import Permission
from core.lib.conditions.tree import All, Leaf
from crm.desk.lists.definition import Bulk, Column, ListDef, SystemView
from crm.flows.bulk import alerts as bulk
from crm.flows.catalogue import ALERTS, rows
from customers.models import Customer
from segmentation.models import Alert
from segmentation.reading.rhythm import silence_of

OPEN_ONES = Leaf("state", "any", ("open",))
# What is looked at in alerts that have ended.
ENDED = ("class", "kind", "quiet", "loss", "ended", "cause", "manager")


def _numbers(ids: Sequence[int]) -> dict[int, str]:
    """By the number of the customer who is silent."""
    return dict(Alert.objects.filter(pk__in=ids).values_list("pk", "customer__number"))


def _person(row: Alert) -> Customer | None:
    return row.customer


def _quiet(row: Alert, today: date, user: User) -> int:
    return silence_of(row, on=today).now


def _night(row: Alert, today: date, user: User) -> Any:
    return silence_of(row, on=today)


COLUMNS = (
    Column("customer", _("Customer")),
    Column("class", _("Class"), "class", "customer__standing__customer_class", sorts=True),
    Column("kind", _("Kind"), tell=lambda row, today, user: row.get_kind_display()),
    Column(
        "quiet",
        _("Quiet"),
        "number",
        "last_on",
        sorts=True,
        tell=_quiet,
        template="desk/work/cells/quiet.html",
    ),
    Column("night", _("On its night"), "wide", tell=_night, template="desk/work/cells/night.html"),
    Column("loss", _("Loss a month"), "money", "severity", sorts=True, needs=Personal.VALUE),
    Column("decision", _("Decision"), tell=lambda row, today, user: row.get_decision_display()),
    Column("ended", _("How it ended"), "day", "closed_on", sorts=True, template="desk/work/cells/ended.html"),
    Column("cause", _("Cause"), tell=lambda row, today, user: row.get_cause_display()),
    Column("manager", _("Manager"), "text", "customer__manager"),
    Column("opened", _("Opened"), "day", "opened_on", sorts=True),
    Column("ends", _("Ends"), "day", "window_ends_on", sorts=True),
    Column("last", _("Last purchase"), "day", "last_on", sorts=True),
    Column("province", _("Province"), "text", "customer__standing__region", sorts=True),
)
VIEWS = (
    SystemView("open", _("Open"), All((OPEN_ONES,)), counted=True),
    SystemView("undecided", _("Not decided yet"), All((OPEN_ONES, Leaf("decision", "unknown"))), counted=True),
    SystemView("mine", _("Mine"), All((OPEN_ONES, Leaf("manager", "any", ("me",))))),
    SystemView("big", _("Big customers"), All((OPEN_ONES, Leaf("class", "any", ("big",))))),
    SystemView("week", _("End within 7 days"), All((OPEN_ONES, Leaf("ends", "next", ("7",)))), sort="ends"),
    SystemView("closed", _("Closed"), All((Leaf("state", "none", ("open",)),)), sort="-ended", columns=ENDED),
    SystemView("lost", _("Lost"), All((Leaf("state", "any", ("lost",)),)), sort="-ended", columns=ENDED),
)


def of_before(query: QueryDict) -> list[tuple[str, str]]:
    """What addresses of before this language ask for: a kind and a state as bare words, open ones where no state is."""
    bare = {name: query.get(name, "") for name in ("kind", "state", "undecided") if name in query}
    if not bare or "view" in query or "q" in query or any("." in value for value in bare.values()):
        return []
    state = bare.get("state") or "open"
    told = [("state", "none.open" if state == "closed" else state), ("kind", bare.get("kind", ""))]
    # With the columns of what has ended, where it has.
    told.append(("view", "closed" if state != "open" else ""))
    return [*told, ("decision", "unknown" if bare.get("undecided") else "")]


ALERT_LIST = ListDef(
    key="alerts",
    stem="alert",
    title=_("Alerts"),
    rows=rows.alerts_of,
    catalogue=ALERTS,
    columns=COLUMNS,
    default_columns=("class", "kind", "quiet", "night", "loss", "decision", "manager"),
    views=VIEWS,
    default_sort=(("-loss", Personal.VALUE), ("-opened", None)),
    called=lambda row: (row.customer.name, row.customer.number),
    person=_person,
    nothing_yet="desk/work/_no_alerts.html",
    related=("customer__standing", "customer__manager", "closed_by"),
    of_before=of_before,
    opens_with=lambda user, today: "open",
    tabs=len(VIEWS),
    bulk=(
        Bulk(bulk.DECIDE, _("Decide…"), Permission.WORK_ALERTS),
        Bulk(bulk.PUT_OFF, _("Put off…"), Permission.WORK_ALERTS),
        Bulk(bulk.LABEL, _("Label…"), Permission.CHANGE_MANY),
    ),
    numbers=_numbers,
    counted=lambda n: ngettext("%(n)d alert", "%(n)d alerts", n) % {"n": n},
)
