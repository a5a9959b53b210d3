"""What a new manager must know of a customer: read for many at once, a fixed number of questions for any number."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import F, QuerySet, Window
from django.db.models.functions import RowNumber

from complaints.models import Case
from complaints.models.cases import OPEN
from core.accounts.models import User
from core.accounts.permissions import mask, sees
from core.accounts.roles import Field
from crm.desk.customers.record.life import DayRow
from crm.desk.customers.record.life import rows as days_of
from customers.models import Contact, ContactStop, Customer, HandOverLine, LifeDate, Promise, Todo
from loyalty.tiers import membership
from segmentation.models import Alert
from segmentation.reading.rhythm import silence_of

TALKS = 5


@dataclass(frozen=True)
class Pack:
    """One line of a proposal with its customer and everything that waits, was said and is to be known."""

    line: HandOverLine
    customer: Customer
    level: str
    stop: ContactStop | None
    promises: list[Promise]
    work: list[Todo]
    cases: list[Case]
    alert: Alert | None
    quiet_days: int | None
    days: list[DayRow]
    talks: list[Contact]
    years: int | None
    """How long they have been with the manager who hands them over."""

    @property
    def is_long(self) -> bool:
        """They know each other well: to be moved last."""
        return self.years is not None and self.years >= 3


def packs(lines: Sequence[HandOverLine], reader: User, today: date) -> list[Pack]:
    """The packs of these lines, with what the reader's role does not see left out."""
    ids = [line.customer_id for line in lines]
    people = Customer.objects.select_related("standing").in_bulk(ids)
    levels = membership.levels_held(ids, on=today)
    stops = {row.customer_id: row for row in ContactStop.objects.filter(customer__in=ids)}
    todos = Todo.objects.filter(customer__in=ids, state=Todo.State.OPEN, promise=None).order_by("due_on", "pk")
    promises = Promise.objects.filter(customer__in=ids, state=Promise.State.OPEN).select_related("owner", "todo")
    cases = Case.objects.filter(customer__in=ids, status__in=OPEN).order_by("-opened_at", "pk")
    alerts = {row.customer_id: row for row in Alert.objects.filter(customer__in=ids, state=Alert.State.OPEN)}
    dates = LifeDate.objects.filter(customer__in=ids) if sees(reader, Field.BIRTHDAY) else LifeDate.objects.none()
    work, owed, open_cases, talks, days = (
        _by_customer(rows) for rows in (todos, promises.order_by("due_at", "pk"), cases, _talks(ids), dates)
    )
    found = []
    for line in lines:
        customer = people[line.customer_id]
        mask(reader, customer.standing, value=Field.VALUE)
        alert, level = alerts.get(customer.pk), levels.get(customer.pk)
        found.append(
            Pack(
                line,
                customer,
                level["name"] if level else "",
                stops.get(customer.pk),
                owed[customer.pk],
                work[customer.pk],
                open_cases[customer.pk],
                alert,
                silence_of(alert, on=today).now if alert else None,
                days_of(days[customer.pk], today),
                talks[customer.pk],
                _years(customer.manager_since, today) if line.state == HandOverLine.State.PROPOSED else None,
            )
        )
    return found


def _talks(ids: Iterable[int]) -> QuerySet[Contact]:
    """The last talks with each of them, the newest first."""
    nth = Window(RowNumber(), partition_by=F("customer"), order_by=[F("at").desc(), F("pk").desc()])
    rows = Contact.objects.filter(customer__in=ids).annotate(nth=nth).filter(nth__lte=TALKS)
    return rows.select_related("by").order_by("customer", "nth")


def _by_customer(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.customer_id].append(row)
    return found


def _years(since: date | None, today: date) -> int | None:
    return (today - since).days // 365 if since else None
