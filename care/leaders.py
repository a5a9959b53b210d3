"""Visits of a leader: what the plans promise for this year, and how many have been."""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from django.db.models import Count, Q, QuerySet

from care.models import Appointment, PlanDue
from core.accounts.models import User
from customers.models import Contact


class Due(NamedTuple):
    """A customer with so many visits of a leader this year, of so many; the next one that is agreed."""

    plan: PlanDue
    done: int
    booked: Appointment | None

    @property
    def open(self) -> int:
        return max(0, self.plan.leader_visits_a_year - self.done)


class Figure(NamedTuple):
    done: int
    due: int


def due(rows: QuerySet[PlanDue], year: int) -> list[Due]:
    """Of these plans those that ask for visits of a leader, whoever waits for most first. At most one counts a day."""
    asked = list(rows.filter(leader_visits_a_year__gt=0).select_related("customer", "owner").order_by("customer__name"))
    ids = [plan.pk for plan in asked]
    counts = visits(ids, year).order_by().values("customer").annotate(n=Count("pk", distinct=True))
    been = dict(counts.values_list("customer", "n"))
    booked = {
        row.customer_id: row
        for row in Appointment.objects.filter(
            customer__in=ids, purpose=Appointment.Purpose.LEADER, state=Appointment.State.BOOKED
        ).order_by("-on", "-pk")
    }
    found = [Due(plan, been.get(plan.pk, 0), booked.get(plan.pk)) for plan in asked]
    return sorted(found, key=lambda row: (-row.open, row.plan.due_on, row.plan.pk))


def visits(ids: Iterable[int], year: int) -> QuerySet[Contact]:
    """The visits of these customers in that year to which a leader went along, or which a leader made."""
    with_leader = Q(attendees__is_leader=True) | Q(by__is_leader=True)
    rows = Contact.objects.filter(with_leader, customer__in=list(ids), channel=Contact.Channel.VISIT, at__year=year)
    return rows.exclude(outcome=Contact.Outcome.NO_ANSWER).distinct()


def figure(rows: Iterable[Due]) -> Figure:
    """Done ÷ due; what was more than was promised to one customer makes up for no other."""
    rows = list(rows)
    promised = [row.plan.leader_visits_a_year for row in rows]
    done = sum(min(row.done, most) for row, most in zip(rows, promised, strict=True))
    return Figure(done, sum(promised))


def least_busy(today: date) -> User | None:
    """The leader with the fewest visits agreed from today on."""
    people = User.objects.filter(is_leader=True, is_active=True)
    booked = Appointment.objects.filter(state=Appointment.State.BOOKED, on__gte=today, attendees__is_leader=True)
    counts = dict(booked.order_by().values("attendees").annotate(n=Count("pk")).values_list("attendees", "n"))
    return min(people.order_by("pk"), key=lambda person: counts.get(person.pk, 0), default=None)
