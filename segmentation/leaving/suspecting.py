"""A colleague hears that somebody is leaving and says so: an alert by hand, which the next purchase ends like any other."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts import audit
from core.accounts.models import Role, User
from core.accounts.roles import holders
from core.lib.errors import DomainError, Invalid
from core.lib.money import from_minor
from core.lib.periods import mall_day
from core.outbox import delivery
from core.outbox.kinds import Kind, Topic
from customers import locks, todo
from customers.access import in_reach
from customers.models import ContactStop, Customer, Standing, Todo
from customers.work import stakes
from segmentation import frames, rules, scoring
from segmentation.alerts import Evidence, on_the_task, work_key
from segmentation.fitting import Parameters
from segmentation.models import Alert, AlertComment, Night
from segmentation.shop import feeds

SUSPECTED = Kind(
    "loss_suspected",
    Topic.UNHAPPY,
    gettext_lazy("Customer %(number)s may be leaving: %(sign)s"),
    {"sign": AlertComment.Sign},
)
ENDED = Kind(
    "suspicion_ended",
    Topic.UNHAPPY,
    gettext_lazy("Customer %(number)s, who you said may be leaving: %(end)s"),
    {"end": Alert.State},
)
KINDS = (SUSPECTED, ENDED)
MOST_WORDS = 2000
# Who ended a suspicion is told of for so long: a night may be missed.
TOLD_WITHIN = timedelta(days=14)


class Suspected(NamedTuple):
    """The alert that is open now, whether it was opened by this, and what was said."""

    alert: Alert
    opened: bool
    comment: AlertComment


@transaction.atomic
def suspect(customer: Customer, *, by: User, words: str, sign: str, at: datetime) -> Suspected:
    """The customer has an open alert in which this is said: the one there is already, else a new one, with its work.

    Whoever looks after the customer is told, where nobody does the team leads who see them. What is at stake is at least
    what a broken promise puts there: somebody has heard it. Raises Invalid without words or a sign, DomainError for
    somebody who was erased, merged into another record, or must not be reached.
    """
    words = words.strip()[:MOST_WORDS]
    if sign not in AlertComment.Sign.values:
        raise Invalid(_("Choose what you have noticed."), code="sign_missing")
    if not words:
        raise Invalid(_("Write what you have heard: the manager begins with it."), code="words_missing")
    locks.hold_customers([customer.pk])
    locked = Customer.objects.select_related("manager", "standing").get(pk=customer.pk)
    if locked.erased_at or locked.merged_into_id:
        raise DomainError(_("This record is closed: nothing can be planned for it."), code="record_closed")
    if ContactStop.objects.filter(customer=locked).exists():
        raise DomainError(
            _("This customer is not to be reached, so nobody can win them back: see their page."),
            code="contact_stopped",
        )
    alert = Alert.objects.filter(customer=locked, state=Alert.State.OPEN).first()
    opened = alert is None
    alert = alert or _open(locked, by=by, at=at)
    said = AlertComment.objects.create(alert=alert, by=by, text=words, sign=sign, at=at)
    audit.record(by, "alert.suspected", alert, at=at, customer=locked.pk, sign=sign, opened=opened)
    delivery.tell(
        _looking_after(locked, by, at),
        SUSPECTED,
        {"number": locked.number, "sign": sign},
        key=f"suspected:{said.pk}",
        thread=f"alert:{alert.pk}",
        at=at,
        link=f"/alerts/{alert.pk}/",
    )
    return Suspected(alert, opened, said)


def tell_reporters(*, on: date, at: datetime) -> int:
    """Whoever said that a customer was leaving hears how it ended, once; returns how many messages are new."""
    ended = Alert.objects.exclude(state=Alert.State.OPEN).filter(
        closed_on__gt=on - TOLD_WITHIN, comments__in=AlertComment.objects.exclude(sign="")
    )
    told = 0
    for alert in ended.distinct().select_related("customer").prefetch_related("comments"):
        reporters = {said.by_id for said in alert.comments.all() if said.sign} - {alert.closed_by_id}
        told += delivery.tell(
            reporters,
            ENDED,
            {"number": alert.customer.number, "end": alert.state},
            key=f"suspicion:{alert.pk}:{alert.closed_on}",
            thread=f"alert:{alert.pk}",
            at=at,
            # Service finds them by their number again; the bell says so.
            link=f"/customers/{alert.customer_id}/",
        )
    return told


def _looking_after(customer: Customer, by: User, at: datetime) -> Iterable[int]:
    if customer.manager and customer.manager.is_active:
        return {customer.manager.pk} - {by.pk}
    leads = in_reach(holders(Role.TEAM_LEAD), [customer.pk], mall_day(at))
    return {pk for pk, seen in leads.items() if seen} - {by.pk}


def _open(customer: Customer, *, by: User, at: datetime) -> Alert:
    today, found = mall_day(at), _found(customer, on=mall_day(at))
    standing = customer.standing
    alert = Alert.objects.create(
        customer=customer,
        kind=Alert.Kind.SUSPECTED,
        last_on=found.last_on,
        opened_on=today,
        window_ends_on=today + timedelta(days=int(rules.constants(today)["alert_window_days"])),
        severity=from_minor(round(float(found.risk) * max(0, found.monthly))),
        evidence=found.evidence or {},
        served_as=standing.customer_class,
    )
    stake = stakes.of(Todo.Reason.ALERT, value=found.value_before, risk=found.risk, table=stakes.in_force(at=at))
    todo.open_task(
        customer,
        reason=Todo.Reason.ALERT,
        text=on_the_task(alert),
        due_on=today,
        at=at,
        dedupe_key=work_key(alert),
        stake=stake,
        alert_id=alert.pk,
        owner=customer.manager,
    )
    return alert


class _Found(NamedTuple):
    """How quiet somebody is on a day; `evidence` None for who never bought. `monthly` in minor units."""

    last_on: date
    risk: Decimal
    monthly: int
    value_before: Decimal
    evidence: Evidence | None


def _found(customer: Customer, *, on: date) -> _Found:
    """By the parameters of the last night, as it would find them on this day."""
    standing: Standing = customer.standing
    least = stakes.FIRST.shares[Todo.Reason.PROMISE]
    night = Night.objects.select_related("rules", "fit").order_by("-as_of").first()
    state = frames.state(customer.pk)
    if night is None or not len(state):
        last_on = frames.from_day_number(int(state.last_day[0])) if len(state) else customer.registered_on
        return _Found(last_on, least, 0, standing.value, None)
    parameters, constants = Parameters.from_json(night.fit.parameters), {**rules.DEFAULTS, **night.rules.parameters}
    seen = frames.seen_through(state, feeds.of_night(night.figures), as_of=on, one=customer.pk)
    own = scoring.own_scores(seen, parameters, constants, on)
    no_purchase, monthly = round(float(own.no_purchase[0]), 4), round(float(own.daily_profit[0]) * 30.44)
    evidence: Evidence = {
        "usual_days": float(own.usual_days[0]),
        "limit_days": float(own.limit_days[0]),
        "known": int(state.gap_count[0]),
        "quiet_days": int(own.quiet_days[0]),
        "tail_level": round(float(own.tail_level[0]), 4),
        "returning": round(float(parameters.returns(state.gap_count)[0]), 4),
        "no_purchase": no_purchase,
        "horizon_days": round(float(own.horizon_days[0])),
        "monthly_profit": monthly,
        "value": int(own.value[0]),
    }
    before = int(scoring.value_before_silence(seen, parameters, constants)[0])
    risk = max(least, Decimal(str(no_purchase)))
    return _Found(frames.from_day_number(int(state.last_day[0])), risk, monthly, from_minor(before), evidence)
