"""What the agent sees while the caller is on the line: who calls, about what it may be, and what can be promised."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any, NamedTuple

from django.core import signing
from django.db.models import Q, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from complaints.cases import prompts, remedies
from complaints.models import Case, Category, Metric, RemedyLimit
from complaints.models.cases import OPEN
from complaints.models.catalogue import Severity
from complaints.models.remedies import RemedyKind
from complaints.promises import calendars, sla
from core.accounts.models import User
from core.accounts.permissions import may, sees
from core.accounts.roles import Field, Permission
from core.lib.errors import Invalid
from core.lib.periods import mall_day, mall_moment
from crm.desk.complaints.forms import LogForm
from crm.desk.complaints.wording import in_words
from customers.models import Customer, Order, Standing, Todo
from segmentation.models import Alert

RECENT_ORDER = timedelta(days=14)
HALF_YEAR = timedelta(days=180)
CHANGED = Decimal("0.15")
AN_HOUR = timedelta(hours=1)
A_DAY = timedelta(days=1)


def context(user: User, person: Customer | None, form: LogForm | None, at: datetime) -> dict[str, Any]:
    data: Mapping[str, Any] = (form.data if form.is_bound else form.initial) if form else {}
    severity = str(data.get("severity") or "")
    return {
        "form": form,
        "caller": caller(user, person, data, at) if person else None,
        "groups": _groups(str(data.get("category") or "")),
        "promises": _offers(person, str(data.get("promise") or "due"), at) if form else [],
        "severities": [
            Choice("", _("as usual for it"), not severity),
            *(Choice(str(grade.value), grade.label, str(grade.value) == severity) for grade in Severity),
        ],
        "remedies": allowed(user, person) if form else [],
    }


class Choice(NamedTuple):
    value: str
    label: str | Promise
    chosen: bool


def allowed(user: User, person: Customer | None) -> list[RemedyLimit]:
    """What this agent may give at once to a customer of this class."""
    customer_class = person.standing.customer_class if person else Standing.Class.PROSPECT
    return [limit for kind in RemedyKind for limit in remedies.limits_for(user, customer_class, kind)[:1]]


@dataclass(frozen=True)
class Hint:
    """What tells one caller from another without showing more than the agent must ask for anyway."""

    token: str
    name: str
    hints: str
    class_value: int

    @classmethod
    def of(cls, user: User, person: Customer) -> "Hint":
        masks = [p.mask for p in person.contact_points.all() if p.kind == "phone"] if sees(user, Field.CONTACT) else []
        return cls(
            signing.dumps([user.pk, person.pk], salt="caller"),
            person.name if may(user, Permission.LIST_CUSTOMERS) else f"{person.name[:1]}**",
            " · ".join([*masks[:2], person.city or person.region or ""]).strip(" ·"),
            person.standing.customer_class,
        )


# What it is about -----------------------------------------------------------------------------------------------------


class Leaf(NamedTuple):
    pk: int
    name: str
    chosen: bool


@dataclass
class Group:
    pk: int
    name: str
    key: str
    categories: list[Leaf] = field(default_factory=list)

    @property
    def chosen(self) -> bool:
        return any(leaf.chosen for leaf in self.categories)


def _groups(wanted: str) -> list[Group]:
    """The categories in two levels, each level short enough for the digits."""
    groups: dict[int, Group] = {}
    leaves = Category.objects.filter(active=True, parent__active=True).select_related("parent")
    for leaf in leaves.order_by("parent__position", "parent_id", "position", "id"):
        parent = leaf.parent
        assert parent is not None  # noqa: S101
        place = len(groups) + 1
        group = groups.setdefault(parent.pk, Group(parent.pk, parent.name, str(place % 10) if place <= 10 else ""))
        group.categories.append(Leaf(leaf.pk, leaf.name, str(leaf.pk) == wanted))
    return list(groups.values())


# What is promised -----------------------------------------------------------------------------------------------------


def _offers(person: Customer | None, chosen: str, at: datetime) -> list[Choice]:
    """What can be promised; the first is what the customer's class is owed anyway."""
    served_as = person.standing.customer_class if person else Standing.Class.PROSPECT
    target = sla.target_for(sla.policy_at(at), served_as, Severity.NORMAL, Metric.FIRST_RESPONSE)
    owed = calendars.due(target.calendar, at, target.minutes)
    offers = [
        ("due", _("an answer by %(when)s") % {"when": in_words(owed)}),
        ("hour", _("a call within the hour")),
    ]
    if at < mall_moment(mall_day(at), 18) - AN_HOUR:
        offers.append(("today", _("a call today by 18:00")))
    offers += [("tomorrow", _("a call tomorrow by 12:00")), ("none", _("nothing"))]
    return [Choice(value, label, value == chosen) for value, label in offers]


def call_promised(choice: str, at: datetime) -> datetime | None:
    """The moment by which the customer is called, if the choice promises a call. Raises Invalid for one that is past."""
    if choice == "hour":
        return at + AN_HOUR
    if choice == "tomorrow":
        return mall_moment(mall_day(at) + A_DAY, 12)
    if choice == "today":
        evening = mall_moment(mall_day(at), 18)
        if evening <= at:
            raise Invalid(_("It is past 18:00. Promise a call for another time."), code="call_at")
        return evening
    return None


# Who calls ------------------------------------------------------------------------------------------------------------


class Promised(NamedTuple):
    text: str
    tone: str


class OpenCase(NamedTuple):
    pk: int
    number: str
    title: str
    status: str
    chosen: bool


class LastOrder(NamedTuple):
    ref: str
    goods: str
    day: Any
    paid: Decimal
    status: str
    chosen: bool


class Trend(NamedTuple):
    icon: str
    word: str
    why: str


class Past(NamedTuple):
    at: datetime
    icon: str
    title: str
    text: str


@dataclass(frozen=True)
class Caller:
    """Everything the agent needs to see before the first sentence."""

    customer: Customer
    standing: Standing
    tone: str
    alert: str
    promises: list[Promised]
    prompts: list[str]
    lately: str
    open_cases: list[OpenCase]
    into: str
    orders: list[LastOrder]
    trend: Trend | None
    history: list[Past]

    @property
    def order_chosen(self) -> bool:
        return any(order.chosen for order in self.orders)


def caller(user: User, person: Customer, data: Mapping[str, Any], at: datetime) -> Caller:
    alert = Alert.objects.filter(customer=person, state=Alert.State.OPEN).first()
    promises = _promises(person, at)
    cases = list(Case.objects.filter(customer=person, status__in=OPEN).order_by("-opened_at")[:3])
    into = str(data["into"]) if "into" in data else str(cases[0].pk) if cases else ""
    contacts = person.contacts.filter(at__gte=at - timedelta(days=30)).count()
    urgent = alert or cases or any(promise.tone == "red" for promise in promises)
    return Caller(
        customer=person,
        standing=person.standing,
        tone="red" if urgent else "grey",
        alert=str(alert.get_kind_display()) if alert else "",
        promises=promises[:2],
        prompts=[prompts.wording(prompt) for prompt in prompts.armed(person, "contact", at=at)[:2]],
        lately=_("%(contacts)d conversations in 30 days, %(cases)d open cases")
        % {"contacts": contacts, "cases": len(cases)},
        open_cases=[
            OpenCase(case.pk, case.number, case.title, str(case.get_status_display()), str(case.pk) == into)
            for case in cases
        ],
        into=into,
        orders=_orders(person, data.get("order_ref"), at),
        trend=_trend(person, at),
        history=_history(person),
    )


def _promises(person: Customer, at: datetime) -> list[Promised]:
    rows = Todo.objects.filter(customer=person, state=Todo.State.OPEN, reason=Todo.Reason.PROMISE).order_by("due_on")
    return [
        Promised(
            _("%(promise)s (%(day)s)") % {"promise": row.promised or "…", "day": f"{row.due_on:%m-%d}"},
            "red" if row.is_late(at) else "amber",
        )
        for row in rows
    ]


def _orders(person: Customer, chosen: str | None, at: datetime) -> list[LastOrder]:
    """The last three, the newest preselected while it can still be the matter."""
    last = list(person.orders.order_by("-ordered_at").prefetch_related("lines__product")[:3])
    if chosen is None and last and at - last[0].ordered_at <= RECENT_ORDER:
        chosen = last[0].external_id
    return [
        LastOrder(
            order.external_id,
            ", ".join(f"{line.product.name} × {line.quantity}" for line in order.lines.all()) or order.external_id,
            order.ordered_on,
            order.paid,
            str(order.get_status_display()),
            order.external_id == chosen,
        )
        for order in last
    ]


def _trend(person: Customer, at: datetime) -> Trend | None:
    """Does this customer buy more or less than in the half-year before? A direction, not an amount."""
    sums = person.orders.filter(status=Order.Status.PAID, ordered_at__gt=at - 2 * HALF_YEAR).aggregate(
        now=Sum("paid", filter=Q(ordered_at__gt=at - HALF_YEAR)),
        before=Sum("paid", filter=Q(ordered_at__lte=at - HALF_YEAR)),
    )
    recent, before = sums["now"] or Decimal(0), sums["before"] or Decimal(0)
    if not recent and not before:
        return None
    if recent > before * (1 + CHANGED):
        return Trend("trending-up", _("rising"), _("Bought more in the last half-year"))
    if recent < before * (1 - CHANGED):
        return Trend("trending-down", _("falling"), _("Bought less in the last half-year"))
    return Trend("arrow-right", _("steady"), _("Buys about as much as half a year ago"))


def _history(person: Customer) -> list[Past]:
    talks = [
        Past(talk.at, "phone", str(talk.get_outcome_display()), talk.note)
        for talk in person.contacts.order_by("-at")[:4]
    ]
    cases = [
        Past(case.opened_at, "flag", f"{case.number} · {case.get_status_display()}", case.title)
        for case in Case.objects.filter(customer=person).order_by("-opened_at")[:4]
    ]
    return sorted(talks + cases, key=attrgetter("at"), reverse=True)[:6]
