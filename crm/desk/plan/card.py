"""What a customer's page says of their plan: how often, by which row, since when, and when next."""

from datetime import date
from typing import NamedTuple

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from care import rules
from care.models import Appointment, CustomerPlan, PlanDue
from customers.models import Contact, Customer


class Asked(NamedTuple):
    """Read with the rest of the page."""

    plan: QuerySet[PlanDue]
    own: QuerySet[CustomerPlan]
    booked: QuerySet[Appointment]
    visits: QuerySet[Contact, int]
    leader_visits: QuerySet[Contact, int]


class Card(NamedTuple):
    """`why`: the row that won, or who gave them a plan of their own; `late` days past the day, 0 in time."""

    plan: PlanDue | None
    own: CustomerPlan | None
    asks: str
    why: str
    late: int
    booked: list[Appointment]
    visits: int
    leader_visits: int


def asked(customer: Customer, today: date) -> Asked:
    visits = Contact.objects.filter(customer=customer, channel=Contact.Channel.VISIT, at__year=today.year)
    visits = visits.exclude(outcome=Contact.Outcome.NO_ANSWER)
    return Asked(
        plan=PlanDue.objects.filter(customer=customer),
        own=CustomerPlan.objects.filter(customer=customer).select_related("by"),
        booked=Appointment.objects.filter(customer=customer, state=Appointment.State.BOOKED)
        .select_related("owner")
        .order_by("on", "hour", "pk"),
        visits=visits.values_list("pk", flat=True),
        leader_visits=visits.filter(attendees__is_leader=True).distinct().values_list("pk", flat=True),
    )


def card(told: Asked, today: date) -> Card:
    plan, own = next(iter(told.plan), None), next(iter(told.own), None)
    return Card(
        plan=plan,
        own=own,
        asks=_asks(plan) if plan else "",
        why=_why(plan, own) if plan else "",
        late=max(0, (today - plan.due_on).days) if plan else 0,
        booked=list(told.booked),
        visits=len(list(told.visits)),
        leader_visits=len(list(told.leader_visits)),
    )


def _asks(plan: PlanDue) -> str:
    return rules.asks(
        rules.Row(
            every=plan.every_days,
            means=plan.means,
            who=plan.who,
            visits=plan.visits_a_year,
            leader_visits=plan.leader_visits_a_year,
        )
    )


def _why(plan: PlanDue, own: CustomerPlan | None) -> str:
    if plan.place == 0:
        return _("a plan of their own, by %(who)s: %(why)s") % {"who": own.by, "why": own.why} if own else ""
    rows = rules.of_version(plan.version).rows
    if plan.place > len(rows):
        return ""
    return _("rule %(place)d of version %(version)d: %(whom)s") % {
        "place": plan.place,
        "version": plan.version,
        "whom": rules.whom(rows[plan.place - 1]),
    }
