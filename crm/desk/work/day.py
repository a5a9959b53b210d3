"""What stands on My day: the queue of one person, the figures above it, and what was finished or put off."""

from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from django.db.models import Count, Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _

from complaints.queries import Filters, cases_for, in_order
from core.accounts.models import User
from core.accounts.permissions import mask, may
from core.accounts.roles import Field, Permission, Scope, rights_of
from core.lib.periods import mall_day
from crm.desk.paging import Page, page_in
from crm.desk.today import now, today
from customers import todo
from customers.models import Customer, Standing, Todo
from customers.queries import contacts_of
from customers.record.duplicates import pairs_for
from segmentation import queries
from segmentation.rhythm import in_short, silence_of_task

SHOWN = 25
URGENT = 3
CONTACT_DAYS = 7
ICONS = {"alert": "alert-triangle", "promise": "clock", "contact": "phone", "tier": "chart-bar"}


class Row(NamedTuple):
    """A task; `age` is the days since it was due."""

    todo: Todo
    customer: Customer
    reason: str
    icon: str
    tone: str
    pinned: bool
    age: int


@dataclass(frozen=True)
class Chip:
    label: str
    count: int
    url: str
    active: bool


def context(user: User, view: QueryDict) -> dict[str, Any]:
    """The day as it stands; `view` narrows the queue to one reason or shows all of it."""
    day = today()
    cases = cases_for(user, now(), Filters(open=True))
    book = queries.standings(user, day)
    return {
        "today": day,
        **_queue(user, day, view),
        **book.aggregate(book=Count("pk"), big=Count("pk", filter=Q(customer_class=Standing.Class.BIG))),
        "unassigned": book.filter(manager__isnull=True).count() if may(user, Permission.ASSIGN_MANAGER) else None,
        "whose": "own" if rights_of(user).scopes <= {Scope.OWN, Scope.DELEGATED} else "team",
        "silent": queries.silent_sources(),
        "capacity": user.capacity if rights_of(user).scopes == {Scope.OWN} else None,
        "alerts": queries.open_alerts(user, day).count(),
        **cases.aggregate(complaints=Count("pk"), missed=Count("pk", filter=Q(breached=True))),
        "urgent": in_order(cases.filter(served_as=Standing.Class.BIG)).select_related("customer")[:URGENT],
        "contacts": contacts_of(user, day, days=CONTACT_DAYS).count(),
        "contact_days": CONTACT_DAYS,
        "duplicates": pairs_for(user, day).count() if may(user, Permission.MERGE_CUSTOMERS) else 0,
        **_past(user, day, view, "finished", todo.finished(user, day)),
        **_past(user, day, view, "put_off", todo.put_off(user, day)),
    }


def _past(user: User, day: date, view: QueryDict, name: str, rows: QuerySet[Todo]) -> dict[str, Any]:
    """A page of what was finished or put off, and how much there is: counted only where one page does not hold all."""
    page = page_in(view, rows, SHOWN, name)
    count = rows.count() if page.prev or page.next else len(page.rows)
    return {name: _page(user, day, page), f"{name}_count": count}


def _page(user: User, day: date, page: Page) -> Page:
    return page.of([row(item, user, day) for item in page.rows])


def _queue(user: User, day: date, view: QueryDict) -> dict[str, Any]:
    queue = todo.queue(user, day)
    counts = dict(queue.order_by().values_list("reason").annotate(Count("pk")))
    chosen = view.get("reason", "") if view.get("reason") in counts else ""
    if chosen:
        queue = queue.filter(reason=chosen)
    waiting = counts[chosen] if chosen else sum(counts.values())
    rows = [row(item, user, day) for item in (queue if view.get("show") == "all" else queue[:SHOWN])]
    return {
        "rows": rows,
        "waiting": waiting,
        "rest": _all_of(view) if waiting > len(rows) else "",
        "reasons": [
            Chip(str(label), counts[value], f"?reason={value}", value == chosen)
            for value, label in Todo.Reason.choices
            if value in counts
        ],
        "all_count": sum(counts.values()),
        "all_active": not chosen,
    }


def _all_of(view: QueryDict) -> str:
    parts = view.copy()
    parts["show"] = "all"
    return f"?{parts.urlencode()}"


def row(item: Todo, user: User, day: date) -> Row:
    late_promise = item.reason == Todo.Reason.PROMISE and item.is_late(now())
    return Row(
        todo=mask(user, item, at_stake=Field.VALUE),
        customer=item.customer,
        reason=reason(item),
        icon=ICONS.get(item.reason, "trending-up"),
        tone="red" if late_promise else "amber" if item.reason == Todo.Reason.ALERT else "blue",
        pinned=late_promise,
        age=(day - item.due_on).days,
    )


def reason(item: Todo) -> str:
    """The one-line reason of a task, in the reader's language."""
    text = item.text
    if item.reason == Todo.Reason.ALERT:
        until = mall_day(item.closed_at) if item.closed_at else today()
        silence = silence_of_task(text, opened_on=item.due_on, on=until)
        if silence:
            return in_short(silence)
    if item.reason == Todo.Reason.PROMISE:
        return _("Promised: %(text)s") % {"text": item.promised or text.get("text") or text.get("words") or "…"}
    if item.reason == Todo.Reason.TIER:
        return _("%(level)s ends unless %(missing)s more is bought by %(by)s.") % dict(text)
    return str(item.get_reason_display())
