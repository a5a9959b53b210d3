"""Churn alerts: opened by the night, worked by a person, ended by a purchase, a cause or their window."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NotRequired, TypedDict

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib import sql
from core.lib.deadlock import joining
from core.lib.errors import DomainError, Invalid
from core.lib.money import from_minor
from core.lib.periods import mall_day
from customers import todo
from customers.models import Customer, Todo
from customers.work import stakes
from segmentation.models import Alert, AlertComment

_STEPS = sql.steps(__file__, "alerts")
INTERVIEW = ("why", "recoverable", "rival", "compared")


class AlertClosed(DomainError):
    code = "alert_closed"


class Evidence(TypedDict):
    """What an alert was made from, as it was on the night that raised it. Money in minor units.

    `known`: intervals of the customer's own. How long the silence is on another day follows from its last purchase day.
    """

    usual_days: float
    limit_days: float
    quiet_days: int
    tail_level: float
    no_purchase: float
    horizon_days: int
    monthly_profit: int
    value: int
    known: NotRequired[int]
    flat_days: NotRequired[int]


@dataclass(frozen=True)
class Due:
    """An alert that the night found: one per customer, with its evidence."""

    customer_id: int
    kind: str
    last_on: date
    window_ends_on: date
    severity: int
    value_before: int
    evidence: Evidence

    def stake(self, table: stakes.Table) -> stakes.Stake:
        """The chance of no purchase, of the value before the silence: tonight's is written down for it already."""
        risk = Decimal(str(self.evidence.get("no_purchase", 0)))
        return stakes.of(Todo.Reason.ALERT, value=from_minor(self.value_before), risk=risk, table=table)


def raised_before(customer_ids: list[int]) -> set[tuple[int, str, date]]:
    """(customer, kind, last purchase day) of every alert these customers ever had: such an alert is not raised again."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT customer_id, kind, last_on FROM segmentation_alert WHERE customer_id = ANY(%s)", [customer_ids]
        )
        return set(cursor.fetchall())


def open_due(due: list[Due], *, as_of: date, at: datetime, silent: bool) -> int:
    """Open what is due; an alert that exists, in whatever state, is left alone. Returns how many were opened.

    A customer whose open long-absence alert is overtaken by their own limit keeps one alert, of the stronger kind.
    Each opened alert becomes work for the customer's manager; `silent` alerts are listed but notify nobody.
    """
    already_open = {
        alert.customer_id: alert
        for alert in Alert.objects.filter(customer_id__in=[d.customer_id for d in due], state=Alert.State.OPEN)
    }
    known = raised_before([item.customer_id for item in due])
    fresh: list[Alert] = []
    at_stake: dict[int, stakes.Stake] = {}
    table = stakes.in_force(at=at)
    for item in due:
        if (item.customer_id, item.kind, item.last_on) in known:
            continue
        existing = already_open.get(item.customer_id)
        if existing is not None:
            if existing.kind == Alert.Kind.LONG_ABSENCE and item.kind == Alert.Kind.QUIET:
                _make_quiet(existing, item)
            continue
        at_stake[item.customer_id] = item.stake(table)
        fresh.append(
            Alert(
                customer_id=item.customer_id,
                kind=item.kind,
                last_on=item.last_on,
                opened_on=as_of,
                window_ends_on=item.window_ends_on,
                silent=silent,
                severity=from_minor(item.severity),
                evidence=item.evidence,
            )
        )
    created = Alert.objects.bulk_create(fresh, batch_size=2000)
    managers = _managers([a.customer_id for a in created])
    Todo.objects.bulk_create(
        [
            Todo(
                customer_id=alert.customer_id,
                owner_id=managers.get(alert.customer_id),
                reason=Todo.Reason.ALERT,
                text=_on_the_task(alert),
                due_on=as_of,
                at_stake=at_stake[alert.customer_id].amount,
                stake_parts=at_stake[alert.customer_id].parts,
                dedupe_key=f"alert:{alert.customer_id}:{alert.kind}:{alert.last_on.isoformat()}",
                alert_id=alert.pk,
                opened_at=at,
            )
            for alert in created
        ],
        batch_size=2000,
        ignore_conflicts=True,
    )
    return len(created)


def _on_the_task(alert: Alert) -> dict[str, Any]:
    decided = {"decision": alert.decision} if alert.decision else {}
    return {"kind": alert.kind, "last_on": alert.last_on.isoformat(), **alert.evidence, **decided}


def _make_quiet(alert: Alert, due: Due) -> None:
    """A long absence has passed the customer's own limit: its work says so too."""
    alert.kind, alert.evidence, alert.severity = Alert.Kind.QUIET, due.evidence, from_minor(due.severity)
    alert.save(update_fields=["kind", "evidence", "severity"])
    Todo.objects.filter(alert_id=alert.pk, state=Todo.State.OPEN).update(text=_on_the_task(alert))


def close_by_purchase(*, as_of: date, at: datetime, customer_ids: list[int] | None = None) -> int:
    """End every open alert whose customer has bought since; their to-dos are no longer needed."""
    with connection.cursor() as cursor:
        cursor.execute(_STEPS["close_by_purchase"], {"as_of": as_of, "at": at, "ids": customer_ids})
        return int(cursor.fetchone()[0])


def reopen_undone(*, as_of: date, customer_ids: list[int] | None = None) -> int:
    """Open again every alert within its window whose ending purchase was undone, and its to-do; returns how many.

    Such an alert is never raised anew, so without this a cancelled order would hide the silence for good.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STEPS["reopen_undone"], {"as_of": as_of, "ids": customer_ids})
        return int(cursor.fetchone()[0])


def to_follow(customer_ids: Collection[int], *, as_of: date) -> QuerySet[Alert]:
    """The alerts of these customers that a purchase ends, or one that was undone opens again."""
    ended = Q(state=Alert.State.RECOVERED, window_ends_on__gte=as_of)
    return Alert.objects.filter(Q(state=Alert.State.OPEN) | ended, customer__in=customer_ids)


@joining()
def follow_purchases(customer_ids: list[int] | None, *, as_of: date, at: datetime) -> None:
    """Alerts of these customers (None: of all) say what their summaries say, by day rather than by night."""
    close_by_purchase(as_of=as_of, at=at, customer_ids=customer_ids)
    reopen_undone(as_of=as_of, customer_ids=customer_ids)


def merge(loser_id: int, winner_id: int, *, at: datetime) -> None:
    """Alerts of two records that are one person: at most one stays open, the winner's; of one silence one is kept.

    The open one that goes is dropped with its work; what people decided and wrote stays with the old record.
    """
    double = Alert.objects.filter(customer=winner_id, kind=OuterRef("kind"), last_on=OuterRef("last_on"))
    theirs = Alert.objects.filter(customer=loser_id)
    if Alert.objects.filter(customer=winner_id, state=Alert.State.OPEN).exists():
        second = theirs.filter(state=Alert.State.OPEN)
        Todo.objects.filter(alert_id__in=second.values("pk"), state=Todo.State.OPEN).update(
            state=Todo.State.DROPPED, closed_at=at
        )
        second.update(state=Alert.State.NO_RESPONSE, closed_on=mall_day(at))
    theirs.exclude(Exists(double)).update(customer=winner_id)


def withdraw_unfounded(*, at: datetime, customer_ids: list[int] | None = None) -> int:
    """End open alerts whose last purchase has vanished (refunded, moved, re-dated): the silence was not theirs."""
    with connection.cursor() as cursor:
        cursor.execute(_STEPS["withdraw_unfounded"], {"at": at, "ids": customer_ids})
        return int(cursor.fetchone()[0])


def end_windows(*, as_of: date, at: datetime) -> int:
    """End open alerts whose window is over without a purchase."""
    ending = Alert.objects.filter(state=Alert.State.OPEN, window_ends_on__lt=as_of)
    ids = list(ending.values_list("pk", flat=True))
    Todo.objects.filter(alert_id__in=ids, state=Todo.State.OPEN).update(state=Todo.State.DROPPED, closed_at=at)
    return ending.update(state=Alert.State.NO_RESPONSE, closed_on=as_of)


@transaction.atomic
def comment(alert_id: int, *, by: User, text: str, at: datetime) -> AlertComment:
    """Add a comment of service or sales; allowed on closed alerts too."""
    if not text.strip():
        raise Invalid(_("Write a comment first."))
    return AlertComment.objects.create(alert_id=alert_id, by=by, text=text.strip(), at=at)


# In how many days it is done, if nobody says.
USUALLY_WITHIN = {
    Alert.Decision.CONTACT: 1,
    Alert.Decision.OFFER: 1,
    Alert.Decision.VISIT: 3,
    Alert.Decision.WATCH: 7,
}


@transaction.atomic
def decide(
    alert_id: int, *, by: User, decision: str, at: datetime, due_on: date | None = None, owner: User | None = None
) -> Alert:
    """What will be done about an open alert is work with an owner and a day.

    Without an owner it is the customer's manager's, else that of who decides. Deciding again changes the work.
    """
    alert = _open_alert(alert_id)
    if decision not in Alert.Decision.values or not decision:
        raise Invalid(_("Choose one of contact, offer, visit or watch."))
    today = mall_day(at)
    last = max(today, alert.window_ends_on)
    due_on = due_on or min(today + timedelta(days=USUALLY_WITHIN[Alert.Decision(decision)]), last)
    if not today <= due_on <= last:
        raise Invalid(
            _("Choose a day from today on, up to the end of the window on %(day)s.") % {"day": alert.window_ends_on},
            code="decision_day",
        )
    alert.decision, alert.decided_at = decision, at
    alert.save(update_fields=["decision", "decided_at"])
    _work_on(alert, due_on, owner, by=by, at=at)
    audit.record(by, "alert.decided", alert, at=at, decision=decision, due_on=due_on.isoformat())
    return alert


@transaction.atomic
def talked(alert_id: int, *, by: User, at: datetime) -> Alert:
    """Somebody has talked with the customer: the alert is decided, and its open work is done."""
    alert = _open_alert(alert_id)
    if not alert.decision:
        alert.decision, alert.decided_at = Alert.Decision.CONTACT, at
        alert.save(update_fields=["decision", "decided_at"])
        audit.record(by, "alert.decided", alert, at=at, decision=alert.decision)
    _done(alert, by=by, at=at)
    return alert


def _work_on(alert: Alert, due_on: date, owner: User | None, *, by: User, at: datetime) -> None:
    """The work of the alert is what was decided: open, due on that day, and somebody's."""
    owner = owner or alert.customer.manager or by
    work = Todo.objects.select_for_update(of=("self",)).filter(alert_id=alert.pk).order_by("pk").last()
    text = _on_the_task(alert)
    if work is None:
        todo.open_task(
            alert.customer,
            reason=Todo.Reason.ALERT,
            text=text,
            due_on=due_on,
            at=at,
            dedupe_key=f"alert:{alert.customer_id}:{alert.kind}:{alert.last_on.isoformat()}",
            alert_id=alert.pk,
            owner=owner,
        )
        return
    Todo.objects.filter(pk=work.pk).update(
        state=Todo.State.OPEN,
        text=work.text | text,
        due_on=due_on,
        owner=owner,
        closed_at=None,
        closed_by=None,
        snoozed_until=None,
        snooze_reason="",
    )


def _done(alert: Alert, *, by: User, at: datetime) -> None:
    open_work = Todo.objects.filter(alert_id=alert.pk, state=Todo.State.OPEN)
    open_work.update(state=Todo.State.DONE, closed_at=at, closed_by=by)


@transaction.atomic
def close_lost(alert_id: int, *, by: User, cause: str, interview: dict[str, str], on: date, at: datetime) -> Alert:
    """Close as lost, with one of the six causes and what the customer said."""
    alert = _open_alert(alert_id)
    if cause not in Alert.Cause.values:
        raise Invalid(_("Choose one of the six causes: a customer is never lost without one."))
    alert.state, alert.cause, alert.closed_by, alert.closed_on = Alert.State.LOST, cause, by, on
    alert.interview = {question: interview.get(question, "").strip() for question in INTERVIEW}
    alert.save(update_fields=["state", "cause", "closed_by", "closed_on", "interview"])
    _done(alert, by=by, at=at)
    audit.record(by, "alert.lost", alert, at=at, cause=cause)
    return alert


def _open_alert(alert_id: int) -> Alert:
    alert = Alert.objects.select_for_update().get(pk=alert_id)
    if alert.state != Alert.State.OPEN:
        raise AlertClosed(_("This alert is already closed: %(how)s.") % {"how": alert.get_state_display()})
    return alert


def _managers(customer_ids: list[int]) -> dict[int, int | None]:
    return dict(Customer.objects.filter(pk__in=customer_ids).values_list("pk", "manager_id"))
