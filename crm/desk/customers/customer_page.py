"""What stands on the customer page: who, the three axes with their why, the usual interval, what happened, what to do."""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import F, QuerySet

from core.accounts.models import Absence, User
from core.accounts.permissions import StaffRequest, mask, may, sees
from core.accounts.roles import Field, Permission
from core.lib import rows
from crm.desk.customers import cases
from crm.desk.customers.forms import AssignForm, ProfileForm, RevealForm
from crm.desk.customers.record import life, reach
from crm.desk.customers.record.forms import ContactPointForm
from crm.desk.customers.timeline import Timeline, Topic, topic_of
from crm.desk.loyalty.campaigns import club_page, coupon_page, credit_page
from crm.desk.loyalty.points import ledger
from crm.desk.loyalty.tiers import level
from crm.desk.paging import page_of
from crm.desk.plan import card as plan_card
from crm.desk.team import leave_page
from crm.desk.today import now, today
from crm.desk.work import interval
from crm.desk.work.forms import ContactForm
from customers.models import (
    ContactPoint,
    ContactStop,
    Customer,
    CustomerLabel,
    CustomField,
    Label,
    LifeDate,
    ManagerSpan,
    Merge,
    Order,
    Todo,
)
from customers.record import fields, labels
from customers.record.reach import points_of
from loyalty.models import PointRules
from loyalty.points import ledger as point_ledger
from loyalty.tiers import explain as level_why
from segmentation.models import Alert, Night, Segment, SegmentMember
from segmentation.reading.explain import explain, nights_of
from segmentation.reading.rhythm import sentence
from segmentation.segments.reach import seen_by

EVENTS_SHOWN = 60


def context(request: StaffRequest, customer: Customer) -> dict[str, Any]:
    """The page as it is opened; whoever answers a refused form puts that form in the place of its own."""
    reader, chosen = request.user, topic_of(request.GET.get("history", ""))
    asked = _asked(customer, reader)
    alert = next(iter(asked.alert), None)
    why = explain(customer, reader=reader, on=today(), nights=list(asked.nights), standing=customer.standing)
    return {
        "customer": customer,
        "standing": mask(reader, customer.standing, value=Field.VALUE, potential=Field.VALUE),
        "today": today(),
        "why": why,
        "interval": interval.chart(asked.bought, why.rhythm) if why else None,
        "alert": alert,
        "alert_says": sentence(alert, reader=reader, on=today(), rhythm=why.rhythm if why else None) if alert else "",
        "complaints": cases.of(reader, asked.complaints),
        "timeline": page_of(request, Timeline(customer, reader, chosen), EVENTS_SHOWN),
        "topics": [(topic.value, topic.label, topic == chosen) for topic in Topic],
        "all_topics": chosen is None,
        "managers": [Span(*row) for row in asked.managers],
        "manager_away": next(iter(asked.away), None),
        "todos": list(asked.todos),
        "contact_plan": plan_card.card(asked.plan, today()) if may(reader, Permission.WORK_PLAN) else None,
        "promised": _promised(list(asked.todos)),
        "reached_by": reach.rows(list(asked.points_to_reach)),
        "point_form": ContactPointForm(),
        "life_days": life.rows(asked.life_dates, today()) if sees(reader, Field.BIRTHDAY) else [],
        "stop": next(iter(asked.stop), None),
        "custom": answers(customer, asked.fields),
        "earlier_numbers": list(asked.earlier_numbers),
        "merges": list(asked.merges),
        "level": level.card(customer, asked.level),
        "points": ledger.card(reader, customer, asked.points, asked.point_rules),
        "wallet": coupon_page.card(reader, asked.coupons),
        "clubs": club_page.card(customer, asked.clubs, asked.level.standing),
        "on_account": credit_page.card(reader, asked.credit, today()),
        "in_segments": list(asked.segments),
        "carried": list(asked.labels),
        "labels_to_give": _not_carried(asked),
        "contact_form": ContactForm(),
        "profile_form": ProfileForm(instance=customer),
        "reveal_form": RevealForm(),
        "assign_form": AssignForm(by=reader),
    }


class Promised(NamedTuple):
    """What is open in the ledger for this customer: how many, and the soonest."""

    open: int
    next: Todo
    late: bool


def _promised(todos: list[Todo]) -> Promised | None:
    rows = sorted((row for row in todos if row.promise and row.due_at), key=lambda row: (row.due_at, row.pk))
    return Promised(len(rows), rows[0], rows[0].is_late(now())) if rows else None


class _Asked(NamedTuple):
    """What stands on the page beside its history."""

    alert: QuerySet[Alert]
    todos: QuerySet[Todo]
    points_to_reach: QuerySet[ContactPoint]
    life_dates: QuerySet[LifeDate]
    stop: QuerySet[ContactStop]
    fields: QuerySet[CustomField]
    earlier_numbers: QuerySet[Customer, str]
    merges: QuerySet[Merge]
    bought: QuerySet[Order, tuple[date, Decimal]]
    point_rules: QuerySet[PointRules]
    credit: credit_page.Asked
    nights: QuerySet[Night]
    managers: QuerySet[ManagerSpan, tuple[str, date | None, date | None]]
    away: QuerySet[Absence]
    complaints: cases.Asked
    level: level_why.Asked
    points: point_ledger.Asked
    coupons: coupon_page.Asked
    clubs: club_page.Asked
    segments: QuerySet[SegmentMember]
    labels: QuerySet[CustomerLabel]
    labels_in_use: QuerySet[Label]
    plan: plan_card.Asked


def _asked(customer: Customer, reader: User) -> _Asked:
    """All of it, read in one statement."""
    asked = _Asked(
        alert=Alert.objects.filter(customer=customer, state=Alert.State.OPEN),
        todos=Todo.objects.filter(customer=customer, state=Todo.State.OPEN)
        .select_related("promise", "owner")
        .order_by("due_on", "due_at", "pk"),
        points_to_reach=points_of(customer),
        life_dates=customer.life_dates.all(),
        stop=ContactStop.objects.filter(customer=customer).select_related("by"),
        fields=fields.asked(),
        earlier_numbers=customer.merged.values_list("number", flat=True),
        merges=Merge.objects.filter(winner=customer, undone_at=None).select_related("loser").order_by("-at"),
        bought=interval.purchases(customer, customer.standing.last_on or today()),
        point_rules=PointRules.objects.order_by("-starts_at"),
        credit=credit_page.asked(customer),
        nights=nights_of(customer.standing),
        managers=_managers(customer),
        away=leave_page.running(customer.manager_id, today()),
        complaints=cases.asked(customer),
        level=level_why.asked(customer, on=today()),
        points=point_ledger.asked(customer.pk),
        coupons=coupon_page.asked(customer),
        clubs=club_page.asked(customer),
        segments=_segments(customer, reader),
        labels=labels.of(customer),
        labels_in_use=labels.in_use(),
        plan=plan_card.asked(customer, today()),
    )
    rows.together(*_flat(asked))
    return asked


def _not_carried(asked: _Asked) -> list[Label]:
    carried = {row.label_id for row in asked.labels}
    return [label for label in asked.labels_in_use if label.pk not in carried]


def _segments(customer: Customer, reader: User) -> QuerySet[SegmentMember]:
    """The segments whose history is kept that the customer is in, as far as the reader uses segments."""
    seen = seen_by(reader) if may(reader, Permission.USE_SEGMENTS) else Segment.objects.none()
    rows = SegmentMember.objects.filter(customer=customer, left_on__isnull=True, segment__in=seen)
    return rows.select_related("segment").order_by("segment__name", "pk")


class Span(NamedTuple):
    """Who looked after the customer, from when until when."""

    manager: str
    since: date | None
    until: date | None


def _managers(customer: Customer) -> QuerySet[ManagerSpan, tuple[str, date | None, date | None]]:
    days = customer.spans.annotate(since=F("days__startswith"), until=F("days__endswith")).order_by("-days")
    return days.values_list("manager__full_name", "since", "until")


def _flat(asked: Iterable[Any]) -> Iterator[QuerySet[Any, Any]]:
    for part in asked:
        if isinstance(part, QuerySet):
            yield part
        else:
            yield from _flat(part)


def answers(customer: Customer, asked: Iterable[CustomField]) -> list[tuple[str, str]]:
    """The mall's own fields that are answered, by their names."""
    return [(field.name, customer.custom[field.key]) for field in asked if customer.custom.get(field.key)]
