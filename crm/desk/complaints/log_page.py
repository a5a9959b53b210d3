"""What the agent sees while the caller is on the line: who calls, about what it may be, and what can be promised."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any, NamedTuple

from django.db.models import Q, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from complaints.calls import marks
from complaints.cases import intake, prompts, remedies
from complaints.models import CallerMark, Case, Category, RemedyLimit
from complaints.models.cases import OPEN
from complaints.models.catalogue import Severity
from complaints.models.remedies import RemedyKind
from core.accounts.models import User
from core.lib.errors import Invalid
from core.lib.periods import mall_day, mall_moment
from crm.desk.complaints.calls.about import Choice as OrderChoice
from crm.desk.complaints.calls.about import choice as order_choice
from crm.desk.complaints.calls.who import Asked, question
from crm.desk.complaints.files import of_call
from crm.desk.complaints.forms import WARNED_FOR, LogForm, MarkForm
from crm.desk.complaints.wording import in_words
from crm.desk.today import today
from crm.flows import call
from customers.models import Customer, Order, Standing, Todo
from segmentation.models import Alert
from segmentation.reading.rhythm import silence_of

HALF_YEAR = timedelta(days=180)
CHANGED = Decimal("0.15")
AN_HOUR = timedelta(hours=1)
A_DAY = timedelta(days=1)
# What a page promised longer ago than this is not what the caller was told.
LONGEST_CALL = timedelta(minutes=30)


def context(user: User, person: Customer | None, form: LogForm | None, at: datetime) -> dict[str, Any]:
    data: Mapping[str, Any] = (form.data if form.is_bound else form.initial) if form else {}
    severity = str(data.get("severity") or "")
    anonymous = bool(data.get("anonymous"))
    return {
        "form": form,
        "anonymous": anonymous,
        "caller": caller(user, person, form, at) if person else None,
        "whose": _whose(user, person, form, data),
        "groups": _groups(str(data.get("category") or "")),
        "promises": offers(person, data, at, may_call=not anonymous) if form else [],
        "said_at": at.isoformat(),
        "again": calls(at, str(data.get("again") or "")),
        "not_again": not data.get("again"),
        "mark_form": MarkForm(initial={"until": mall_day(at) + WARNED_FOR}),
        "severities": [
            Choice("", _("as usual for it"), not severity),
            *(Choice(str(grade.value), grade.label, str(grade.value) == severity) for grade in Severity),
        ],
        "remedies": allowed(user, person) if form and not anonymous else [],
        **of_call.context(str(data.get("client_key") or ""), user),
    }


def _whose(user: User, person: Customer | None, form: LogForm | None, data: Mapping[str, Any]) -> Asked | None:
    """Whose number it is has to be said before the call is saved, or was to be said when it was refused."""
    if person or form is None or not (data.get("who") or form.is_bound):
        return None
    return question(user, str(data.get("phone") or ""), str(data.get("who") or ""))


class Choice(NamedTuple):
    value: str
    label: str | Promise
    chosen: bool


def allowed(user: User, person: Customer | None) -> list[RemedyLimit]:
    """What this agent may give at once to a customer of this class."""
    customer_class = person.standing.serve_class if person else Standing.Class.PROSPECT
    return [limit for kind in RemedyKind for limit in remedies.limits_for(user, customer_class, kind)[:1]]


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


def offers(person: Customer | None, data: Mapping[str, Any], at: datetime, *, may_call: bool = True) -> list[Choice]:
    """What can be promised; the first is what is owed anyway to this class for this category and severity."""
    owed = intake.answer_due(person, severity=_severity(data), at=at)
    rest = [(row.value, row.label) for row in calls(at, "")] if may_call else []
    rows = [("due", _("an answer by %(when)s") % {"when": in_words(owed)}), *rest, ("none", _("nothing"))]
    chosen = str(data.get("promise") or "due")
    return [Choice(value, label, value == chosen) for value, label in rows]


def _severity(data: Mapping[str, Any]) -> int:
    """What the case will be stored with: what is chosen, else the category's own."""
    severity, category = str(data.get("severity") or ""), str(data.get("category") or "")
    if severity.isdecimal() and int(severity) in Severity.values:
        return int(severity)
    known = Category.objects.filter(pk=category).first() if category.isdecimal() and len(category) < 19 else None
    return known.default_severity if known else Severity.NORMAL


def calls(at: datetime, chosen: str) -> list[Choice]:
    """When the customer may be promised a call."""
    rows = [("hour", f"{_('a call within the hour')} · {in_words(at + AN_HOUR)}")]
    if at < mall_moment(mall_day(at), 18) - AN_HOUR:
        rows.append(("today", _("a call today by 18:00")))
    rows.append(("tomorrow", _("a call tomorrow by 12:00")))
    return [Choice(value, label, value == chosen) for value, label in rows]


def heard_at(shown: datetime | None, at: datetime) -> datetime:
    """When the customer was promised what the page showed: all that is promised counts from then."""
    return shown if shown and at - LONGEST_CALL <= shown <= at else at


def call_promised(choice: str, at: datetime) -> datetime | None:
    """By when the customer is called, if the choice promises a call. Raises Invalid for a moment that is past."""
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


def promised_by(case: Case, at: datetime) -> datetime | None:
    """What can still be promised to the caller: the call, else the next answer; None when that time is over."""
    call_ = call.promised(case)
    if call_ and call_.state == Todo.State.OPEN and call_.due_at and call_.due_at >= at:
        return call_.due_at
    return case.next_due_at if case.next_due_at and case.next_due_at >= at else None


def missed(case: Case, at: datetime) -> str:
    """When the promise that was not kept was due, in words; empty while none is over."""
    if not case.is_open:
        return ""
    call_ = call.promised(case)
    over = [call_.due_at] if call_ and call_.state == Todo.State.OPEN and call_.due_at else []
    over += [case.next_due_at] if case.next_due_at else []
    late = [moment for moment in over if moment < at]
    return in_words(min(late)) if late else ""


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
    missed: str = ""


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
    orders: OrderChoice
    mark: CallerMark | None
    trend: Trend | None
    history: list[Past]


def caller(user: User, person: Customer, form: LogForm | None, at: datetime) -> Caller:
    data: Mapping[str, Any] = (form.data if form.is_bound else form.initial) if form else {}
    mark = marks.in_force(person, today=mall_day(at))
    alert = Alert.objects.filter(customer=person, state=Alert.State.OPEN).first()
    promises = _promises(person, at)
    cases = list(Case.objects.filter(customer=person, status__in=OPEN).order_by("-opened_at")[:3])
    into = str(data["into"]) if "into" in data else str(cases[0].pk) if cases else ""
    if into.isdecimal() and len(into) < 19 and into not in {str(case.pk) for case in cases}:
        cases += Case.objects.filter(customer=person, status__in=OPEN, pk=into)
    contacts = person.contacts.filter(at__gte=at - timedelta(days=30)).count()
    urgent = alert or cases or mark or any(promise.tone == "red" for promise in promises)
    return Caller(
        customer=person,
        standing=person.standing,
        tone="red" if urgent else "grey",
        alert=_silence(alert) if alert else "",
        promises=promises[:2],
        prompts=[prompts.wording(prompt) for prompt in prompts.armed(person, "contact", at=at)[:2]],
        lately=_("%(contacts)d conversations in 30 days, %(cases)d open cases")
        % {"contacts": contacts, "cases": len(cases)},
        open_cases=[
            OpenCase(
                case.pk, case.number, case.title, str(case.get_status_display()), str(case.pk) == into, missed(case, at)
            )
            for case in cases
        ],
        into=into,
        orders=order_choice(user, person, form.orders_chosen() if form else None, at),
        mark=mark,
        trend=_trend(person, at),
        history=_history(person),
    )


def _silence(alert: Alert) -> str:
    """The alert with the days of its silence, which the caller may be asked about: service and sales say the same."""
    n = silence_of(alert, on=today()).now
    return f"{alert.get_kind_display()} · " + ngettext("%(n)d day", "%(n)d days", n) % {"n": n}


def _promises(person: Customer, at: datetime) -> list[Promised]:
    rows = Todo.objects.filter(customer=person, state=Todo.State.OPEN, reason=Todo.Reason.PROMISE).order_by("due_on")
    return [
        Promised(
            _("%(promise)s (%(day)s)") % {"promise": row.promised or "…", "day": f"{row.due_on:%m-%d}"},
            "red" if row.is_late(at) else "amber",
        )
        for row in rows
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
