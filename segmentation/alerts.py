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
from customers.models import ContactStop, Customer, Standing, Todo
from customers.work import stakes
from segmentation.models import Alert

_STEPS = sql.steps(__file__, "alerts")
# Who was not reached when they were given up is asked once more.
ASKED_AGAIN = timedelta(days=30)
INTERVIEW = ("why", "recoverable", "rival", "compared")


class AlertClosed(DomainError):
    code = "alert_closed"


class Evidence(TypedDict):
    """What an alert was made from, as it was on the night that raised it. Money in minor units.

    `known`: intervals of the customer's own; `returning`: the share of such silences that end.
    How long the silence is on another day follows from its last purchase day.
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
    returning: NotRequired[float]
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
    served_as: int = Standing.Class.PROSPECT

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

    A customer whose open alert, of a long absence or of what a colleague heard, is overtaken by their own limit keeps one
    alert, of the stronger kind.
    The silence of somebody who must not be reached is no alert. Each opened alert becomes work for the customer's
    manager; `silent` alerts are listed but notify nobody.
    """
    ids = [item.customer_id for item in due]
    open_ones = Alert.objects.filter(customer_id__in=ids, state=Alert.State.OPEN)
    already_open, known = {alert.customer_id: alert for alert in open_ones}, raised_before(ids)
    stopped = set(ContactStop.objects.values_list("customer_id", flat=True))
    fresh: list[Alert] = []
    at_stake: dict[int, stakes.Stake] = {}
    table = stakes.in_force(at=at)
    for item in due:
        if item.customer_id in stopped or (item.customer_id, item.kind, item.last_on) in known:
            continue
        existing = already_open.get(item.customer_id)
        if existing is not None:
            if existing.kind != Alert.Kind.QUIET and item.kind == Alert.Kind.QUIET:
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
                served_as=item.served_as,
            )
        )
    created = Alert.objects.bulk_create(fresh, batch_size=2000)
    _open_work(created, at_stake, as_of, at)
    return len(created)


def _open_work(created: list[Alert], at_stake: dict[int, stakes.Stake], as_of: date, at: datetime) -> None:
    managers = _managers([a.customer_id for a in created])
    Todo.objects.bulk_create(
        [
            Todo(
                customer_id=alert.customer_id,
                owner_id=managers.get(alert.customer_id),
                reason=Todo.Reason.ALERT,
                text=on_the_task(alert),
                due_on=as_of,
                at_stake=at_stake[alert.customer_id].amount,
                stake_parts=at_stake[alert.customer_id].parts,
                dedupe_key=work_key(alert),
                alert_id=alert.pk,
                opened_at=at,
            )
            for alert in created
        ],
        batch_size=2000,
        ignore_conflicts=True,
    )


def work_key(alert: Alert) -> str:
    """What makes opening the work of this alert twice harmless."""
    if alert.kind == Alert.Kind.SUSPECTED:
        # Of one silence there may be several.
        return f"alert:{alert.customer_id}:{alert.kind}:{alert.pk}"
    return f"alert:{alert.customer_id}:{alert.kind}:{alert.last_on.isoformat()}"


def on_the_task(alert: Alert) -> dict[str, Any]:
    """What the one-line reason of the alert's work is made of."""
    decided = {"decision": alert.decision} if alert.decision else {}
    return {"kind": alert.kind, "last_on": alert.last_on.isoformat(), **alert.evidence, **decided}


def _make_quiet(alert: Alert, due: Due) -> None:
    """What was open has passed the customer's own limit: its work says so too."""
    alert.kind, alert.evidence, alert.severity = Alert.Kind.QUIET, due.evidence, from_minor(due.severity)
    alert.last_on, alert.window_ends_on = due.last_on, max(alert.window_ends_on, due.window_ends_on)
    alert.save(update_fields=["kind", "evidence", "severity", "last_on", "window_ends_on"])
    work_of(alert).filter(state=Todo.State.OPEN).update(text=on_the_task(alert))


def work_of(alert: Alert) -> QuerySet[Todo]:
    """The work that the alert is itself, beside what was agreed in its discussion."""
    return Todo.objects.filter(alert_id=alert.pk).exclude(text__has_key="task")


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


def follow_returns(customer_ids: list[int] | None) -> int:
    """Lost customers who bought again after all have the day of it, and those who sent it back have none any more.

    They stay lost. Returns how many changed.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STEPS["follow_returns"], {"ids": customer_ids})
        return int(cursor.rowcount)


def fill_losses(*, alert_id: int = 0) -> int:
    """What was lost with a customer is written beside the cause: the line and the profit of before; returns for how many.

    For one alert, or for all that lack it: of an old record, or whose line was merged into another.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STEPS["fill_losses"], {"id": alert_id})
        return int(cursor.rowcount)


def to_follow(customer_ids: Collection[int], *, as_of: date) -> QuerySet[Alert]:
    """The alerts of these customers that a purchase ends or dates, or one that was undone opens again."""
    ended = Q(state=Alert.State.RECOVERED, window_ends_on__gte=as_of)
    followed = Q(state__in=(Alert.State.OPEN, Alert.State.LOST)) | ended
    return Alert.objects.filter(followed, customer__in=customer_ids)


@joining()
def follow_purchases(customer_ids: list[int] | None, *, as_of: date, at: datetime) -> None:
    """Alerts of these customers (None: of all) say what their summaries say, by day rather than by night."""
    close_by_purchase(as_of=as_of, at=at, customer_ids=customer_ids)
    reopen_undone(as_of=as_of, customer_ids=customer_ids)
    follow_returns(customer_ids)


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


def end_stopped(*, on: date, at: datetime, by: User | None = None, customer_ids: Collection[int] | None = None) -> int:
    """No alert of somebody who must not be reached is open, and none of its work; returns how many were ended.

    Of these customers, or of all.
    """
    of_stopped = Alert.objects.filter(state=Alert.State.OPEN, customer__in=ContactStop.objects.values("customer"))
    if customer_ids is not None:
        of_stopped = of_stopped.filter(customer__in=customer_ids)
    ids = list(of_stopped.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True))
    Todo.objects.filter(alert_id__in=ids, state=Todo.State.OPEN).update(state=Todo.State.DROPPED, closed_at=at)
    return Alert.objects.filter(pk__in=ids).update(state=Alert.State.STOPPED, closed_on=on, closed_by=by)


def reopen_stopped(customer_id: int, *, as_of: date, at: datetime) -> None:
    """What ended because nobody was to reach the customer goes on, within its window; of one that does not no work is open.

    Call once the stop has been taken back. A purchase meanwhile ends the alert that was opened.
    """
    stopped = Alert.objects.select_for_update(of=("self",)).filter(customer=customer_id, state=Alert.State.STOPPED)
    for alert in stopped.order_by("-pk"):
        over = alert.window_ends_on < as_of
        if over or Alert.objects.filter(customer=customer_id, state=Alert.State.OPEN).exists():
            Todo.objects.filter(alert_id=alert.pk, state=Todo.State.OPEN).update(state=Todo.State.DROPPED, closed_at=at)
            continue
        alert.state, alert.closed_on, alert.closed_by = Alert.State.OPEN, None, None
        alert.save(update_fields=["state", "closed_on", "closed_by"])
    follow_purchases([customer_id], as_of=as_of, at=at)


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
    alert = held_open(alert_id)
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


def decided_before(alert_id: int) -> dict[str, Any]:
    """What deciding will change, as JSON: `take_back` makes it so again. The caller decides in the same transaction."""
    alert = held_open(alert_id)
    work = work_of(alert).order_by("pk").last()
    return {
        "decision": alert.decision,
        "decided_at": alert.decided_at.isoformat() if alert.decided_at else None,
        "work": {name: getattr(work, name) for name in ("pk", "state", "owner_id", "snooze_reason", "closed_by_id")}
        | {name: _written(getattr(work, name)) for name in ("due_on", "snoozed_until", "closed_at")}
        if work
        else None,
    }


def _written(value: date | None) -> str | None:
    return value.isoformat() if value else None


@transaction.atomic
def take_back(alert_id: int, had: dict[str, Any], *, decided_at: datetime, by: User, at: datetime) -> bool:
    """The decision of that moment is taken back, its work as it was before; False for one decided, or done, since."""
    alert = held_open(alert_id)
    work = work_of(alert).select_for_update(of=("self",)).order_by("pk").last()
    if alert.decided_at != decided_at or work is None or work.state != Todo.State.OPEN:
        return False
    alert.decision = had["decision"]
    alert.decided_at = datetime.fromisoformat(had["decided_at"]) if had["decided_at"] else None
    alert.save(update_fields=["decision", "decided_at"])
    if had["work"] is None:
        todo.withdraw_many([work.pk], by=by, at=at)
    else:
        before = {name: value for name, value in had["work"].items() if name != "pk"}
        text = {name: value for name, value in work.text.items() if name != "decision"} | on_the_task(alert)
        Todo.objects.filter(pk=work.pk).update(**before, text=text)
    audit.record(by, "alert.decision_undone", alert, at=at, decision=alert.decision)
    return True


@transaction.atomic
def talked(alert_id: int, *, by: User, at: datetime) -> Alert:
    """Somebody has talked with the customer: the alert is decided, and its open work is done."""
    alert = held_open(alert_id)
    if not alert.decision:
        alert.decision, alert.decided_at = Alert.Decision.CONTACT, at
        alert.save(update_fields=["decision", "decided_at"])
        audit.record(by, "alert.decided", alert, at=at, decision=alert.decision)
    _done(alert, by=by, at=at)
    return alert


def _work_on(alert: Alert, due_on: date, owner: User | None, *, by: User, at: datetime) -> None:
    """The work of the alert is what was decided: open, due on that day, and somebody's."""
    owner = owner or alert.customer.manager or by
    work = work_of(alert).select_for_update(of=("self",)).order_by("pk").last()
    text = on_the_task(alert)
    if work is None:
        todo.open_task(
            alert.customer,
            reason=Todo.Reason.ALERT,
            text=text,
            due_on=due_on,
            at=at,
            dedupe_key=work_key(alert),
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
    work_of(alert).filter(state=Todo.State.OPEN).update(state=Todo.State.DONE, closed_at=at, closed_by=by)


class Interview(TypedDict, total=False):
    """What a lost customer answered, question by question; what is not there was not asked.

    `chance`: whether they could come back; `rival_service`: how the rival's service is, from -2 (much worse than ours)
    to 2; the others are words.
    """

    why: str
    recoverable: str
    rival: str
    compared: str
    chance: str
    rival_service: int | None


@transaction.atomic
def close_lost(
    alert_id: int, *, by: User, cause: str, interview: Interview, on: date, at: datetime, not_reached: bool = False
) -> Alert:
    """The alert is closed as lost, with one of the six causes and what the customer said, and with what was lost.

    What was agreed in its discussion and not done is no longer needed. Who was `not_reached` is asked once more in
    thirty days: a task of their manager. Raises Invalid without a cause, and for *other*
    without words.
    """
    alert = held_open(alert_id)
    if cause not in Alert.Cause.values:
        raise Invalid(_("Choose one of the six causes: a customer is never lost without one."))
    if cause == Alert.Cause.OTHER and not interview.get("why", "").strip():
        raise Invalid(_("“Other” needs words: write why they left."), code="other_needs_words")
    alert.state, alert.cause, alert.closed_by, alert.closed_on = Alert.State.LOST, cause, by, on
    alert.manager_at_close = alert.customer.manager
    _answer(alert, interview)
    alert.save(update_fields=["state", "cause", "closed_by", "closed_on", "manager_at_close", *_ANSWERS])
    fill_losses(alert_id=alert.pk)
    _done(alert, by=by, at=at)
    Todo.objects.filter(alert_id=alert.pk, state=Todo.State.OPEN).update(state=Todo.State.DROPPED, closed_at=at)
    if not_reached:
        todo.open_task(
            alert.customer,
            reason=Todo.Reason.CONTACT,
            text={"ask": cause},
            due_on=on + ASKED_AGAIN,
            at=at,
            dedupe_key=f"ask:{alert.pk}",
            alert_id=alert.pk,
        )
    audit.record(by, "alert.lost", alert, at=at, cause=cause)
    return alert


@transaction.atomic
def answer(alert_id: int, *, by: User, interview: Interview, at: datetime) -> Alert:
    """What a lost customer said, asked or corrected after the alert was closed, is on record in place of what was there.

    The task of asking them is done with it. Raises Invalid for an alert that is not lost, and when the cause *other* would
    lose its words.
    """
    alert = Alert.objects.select_for_update(of=("self",)).get(pk=alert_id)
    if alert.state != Alert.State.LOST:
        raise Invalid(_("Only a lost customer is asked why they left."), code="not_lost")
    if alert.cause == Alert.Cause.OTHER and not interview.get("why", "").strip():
        raise Invalid(_("“Other” needs words: write why they left."), code="other_needs_words")
    _answer(alert, interview)
    alert.save(update_fields=_ANSWERS)
    if any(value not in ("", None) for value in interview.values()):
        _done(alert, by=by, at=at)
    audit.record(by, "alert.asked", alert, at=at)
    return alert


_ANSWERS = ["interview", "chance", "rival_service"]


def _answer(alert: Alert, interview: Interview) -> None:
    words: dict[str, Any] = dict(interview)
    alert.interview = {question: str(words.get(question, "")).strip() for question in INTERVIEW}
    alert.chance, alert.rival_service = interview.get("chance", ""), interview.get("rival_service")


def held_open(alert_id: int) -> Alert:
    """The open alert, held until the transaction ends; raises AlertClosed."""
    alert = Alert.objects.select_for_update(of=("self",)).get(pk=alert_id)
    if alert.state != Alert.State.OPEN:
        raise AlertClosed(_("This alert is already closed: %(how)s.") % {"how": alert.get_state_display()})
    return alert


def _managers(customer_ids: list[int]) -> dict[int, int | None]:
    return dict(Customer.objects.filter(pk__in=customer_ids).values_list("pk", "manager_id"))
