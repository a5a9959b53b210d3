"""What happened to a case in a stretch of time, by name: the conditions that figures count and lists are narrowed by."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from complaints.models import CaseEvent, Clock, Metric, Remedy, Survey
from complaints.models.cases import OPEN
from complaints.models.remedies import RemedyKind
from core.lib.periods import mall_day
from customers.models import Order
from segmentation.models import Alert

State = Clock.State
REPURCHASE_WITHIN = timedelta(days=90)
MANY_WAITS = 3


@dataclass(frozen=True)
class Matter:
    """A named condition from the one instant up to, not including, the other, as things stood at `at`.

    `key` says which of its kind: a promise, a remedy, an agent by id; empty where there is one kind only.
    """

    name: str
    since: datetime
    until: datetime
    at: datetime
    key: str = ""

    @property
    def written(self) -> str:
        """As it stands in an address: to the second."""
        moments = (int(moment.timestamp()) for moment in (self.since, self.until, self.at))
        return "~".join((self.name, self.key, *map(str, moments)))

    def condition(self) -> Q:
        """Of the cases. A name or a key that nobody knows is that of no case."""
        made = MATTERS.get(self.name)
        return made(self) if made else Q(pk__in=[])


def read(text: str) -> Matter | None:
    """The matter that an address names, None for none; what nobody has written is that of no case."""
    if not text:
        return None
    match = re.fullmatch(r"(\w{1,20})~(\w{0,30})~(\d{1,10})~(\d{1,10})~(\d{1,10})", text, re.ASCII)
    name, key, *stamps = match.groups() if match else ("", "", "0", "0", "0")
    since, until, at = (datetime.fromtimestamp(int(stamp), UTC) for stamp in stamps)
    return Matter(name, since, until, at, key)


def of_first_cycle(metric: str) -> QuerySet[Clock]:
    """The clocks of a promise before the case was ever reopened."""
    return Clock.objects.filter(metric=metric, cycle=1).exclude(state=State.CANCELLED)


def _clocks(matter: Matter) -> QuerySet[Clock]:
    mine = of_first_cycle(matter.key).filter(case=OuterRef("pk"))
    return mine.filter(started_at__gte=matter.since, started_at__lt=matter.until)


def _kept(matter: Matter) -> Q:
    return Q(Exists(_clocks(matter).filter(state=State.MET)))


def _missed(matter: Matter) -> Q:
    """A clock that has run past its due moment is missed even if nobody has looked at it yet."""
    return Q(Exists(_clocks(matter).filter(Q(state=State.MISSED) | Q(state=State.RUNNING, due_at__lt=matter.at))))


def _first_answers(matter: Matter) -> QuerySet[Clock]:
    """Of cases with a customer: nobody else can come back."""
    rows = Clock.objects.filter(case=OuterRef("pk"), metric=Metric.FIRST_RESPONSE, cycle=1, state=matter.key)
    return rows.filter(case__customer__isnull=False, stopped_at__gte=matter.since, stopped_at__lt=matter.until)


def bought_again() -> Exists:
    """Of clocks: whether the customer bought within the 90 days after they stopped."""
    orders = Order.objects.filter(customer=OuterRef("case__customer"), status=Order.Status.PAID)
    after = orders.filter(
        ordered_at__gt=OuterRef("stopped_at"), ordered_at__lte=OuterRef("stopped_at") + REPURCHASE_WITHIN
    )
    return Exists(after)


def _had_time(matter: Matter) -> Q:
    """First answered in time (`met`) or late (`missed`), with 90 days to buy again behind them."""
    return Q(Exists(_first_answers(matter).filter(stopped_at__lte=matter.at - REPURCHASE_WITHIN)))


def _has_time(matter: Matter) -> Q:
    return Q(Exists(_first_answers(matter).filter(stopped_at__gt=matter.at - REPURCHASE_WITHIN)))


def _came_back(matter: Matter) -> Q:
    rows = _first_answers(matter).filter(stopped_at__lte=matter.at - REPURCHASE_WITHIN)
    return Q(Exists(rows.filter(bought_again())))


def _surveyed(matter: Matter) -> Q:
    """Asked how content they were, and answered; `key` is the agent, empty for nobody."""
    rows = Survey.objects.filter(case=OuterRef("pk"), state=Survey.State.ANSWERED)
    of = rows.filter(agent=int(matter.key)) if _is_id(matter.key) else rows.filter(agent__isnull=True)
    return Q(Exists(of.filter(answered_at__gte=matter.since, answered_at__lt=matter.until)))


def _given(matter: Matter) -> Q:
    rows = Remedy.objects.filter(case=OuterRef("pk"), status=Remedy.Status.ISSUED, kind=matter.key)
    known = matter.key in RemedyKind.values
    return Q(Exists(rows.filter(issued_at__gte=matter.since, issued_at__lt=matter.until))) if known else Q(pk__in=[])


def _due_remedies(matter: Matter) -> QuerySet[Remedy]:
    rows = Remedy.objects.filter(case=OuterRef("pk"), promised_at__gte=matter.since, promised_at__lt=matter.until)
    return rows.exclude(status=Remedy.Status.REJECTED)


def _remedy_due(matter: Matter) -> Q:
    return Q(Exists(_due_remedies(matter)))


def _remedy_kept(matter: Matter) -> Q:
    """Everything that was promised them for then was given by then."""
    rows = _due_remedies(matter)
    late = rows.filter(Q(issued_at__isnull=True) | Q(issued_at__gt=F("promised_at")))
    return Q(Exists(rows)) & ~Q(Exists(late))


def _waits(matter: Matter) -> Q:
    """Set to wait more than three times, of those logged then."""
    waits = CaseEvent.objects.filter(kind="waited").values("case").annotate(n=Count("pk")).filter(n__gt=MANY_WAITS)
    return Q(pk__in=waits.values("case"), opened_at__gte=matter.since, opened_at__lt=matter.until)


def _lost(matter: Matter) -> Q:
    """Of customers who were closed as lost then."""
    lost = Alert.objects.filter(customer=OuterRef("customer"), state=Alert.State.LOST)
    return Q(Exists(lost.filter(closed_on__gte=mall_day(matter.since), closed_on__lt=mall_day(matter.until))))


def _aged(matter: Matter) -> Q:
    """Open, and said between the two instants."""
    return Q(status__in=OPEN, received_at__gte=matter.since, received_at__lt=matter.until)


def _measure(matter: Matter) -> Q:
    """Behind a corrective action, by its id; at any time."""
    return Q(corrective_actions=int(matter.key)) if _is_id(matter.key) else Q(pk__in=[])


def _opened(matter: Matter) -> Q:
    return Q(opened_at__gte=matter.since, opened_at__lt=matter.until)


def _resolved(matter: Matter) -> Q:
    return Q(resolved_at__gte=matter.since, resolved_at__lt=matter.until)


def _is_id(text: str) -> bool:
    return text.isdecimal() and len(text) < 19


MATTERS: dict[str, Callable[[Matter], Q]] = {
    "opened": _opened,
    "resolved": _resolved,
    "kept": _kept,
    "missed": _missed,
    "had_time": _had_time,
    "has_time": _has_time,
    "came_back": _came_back,
    "surveyed": _surveyed,
    "given": _given,
    "remedy_due": _remedy_due,
    "remedy_kept": _remedy_kept,
    "waits": _waits,
    "lost": _lost,
    "aged": _aged,
    "measure": _measure,
}
