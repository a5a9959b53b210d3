"""Causes that keep coming back: found every week, owned by a department, closed when the rate has stayed low."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NotRequired, TypedDict

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from complaints.cases import notices
from complaints.matters import Matter
from complaints.models import Case, CorrectiveAction, RootCause
from complaints.queries import NOT_COUNTED, cases_for
from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day
from core.outbox import bell, delivery
from customers.models import Order, Standing

Status = CorrectiveAction.Status
Rule = CorrectiveAction.Rule
RUNNING = (Status.OPEN, Status.DONE)
WINDOW = timedelta(days=30)
USUAL = timedelta(weeks=12)
PROOF = timedelta(weeks=4)
MANY = 5
TIMES_USUAL = 2.0
LEAST_FOR_RATE = 3
BIG_CASES = 2
DUE_AFTER = timedelta(days=14)


def behind(action: CorrectiveAction, *, at: datetime) -> Matter:
    """The cases that led to it, as a list can be narrowed to them."""
    return Matter("measure", at, at, at, str(action.pk))


def cases_behind(user: User, actions: QuerySet[CorrectiveAction], *, at: datetime) -> dict[int, int]:
    """How many of the cases that led to each of these the user may open."""
    rows = cases_for(user, at).filter(corrective_actions__in=actions).order_by().values_list("corrective_actions")
    return dict(rows.annotate(n=Count("pk", distinct=True)))


@dataclass(frozen=True)
class Cluster:
    """Cases with one root cause, about one product if one is named, that meet a rule."""

    root_cause_id: int
    product_ref: str
    rule: str
    case_ids: tuple[int, ...]
    rate: float
    usual_rate: float


class Evidence(TypedDict):
    """Why an action was opened; why it was given up, if it was."""

    cases: int
    rate: float
    usual_rate: float
    given_up: NotRequired[str]


def find_clusters(as_of: date) -> list[Cluster]:
    """Five cases in 30 days, or twice the usual rate per 1000 orders (of 12 weeks before), or two big customers."""
    first, usual_first = as_of - WINDOW, as_of - WINDOW - USUAL
    recent: dict[tuple[int, str], list[tuple[int, int]]] = defaultdict(list)
    before: dict[tuple[int, str], int] = defaultdict(int)
    for pk, cause, product, served_as, received_at in _caused(usual_first, as_of):
        # A product is looked at by itself and within its cause.
        for key in {(cause, product), (cause, "")}:
            if mall_day(received_at) > first:
                recent[key].append((pk, served_as))
            else:
                before[key] += 1
    if not recent:
        return []
    orders, usual_orders = _orders(first, as_of), _orders(usual_first, first)
    clusters = []
    for (cause, product), cases in sorted(recent.items()):
        rate, usual = _rate(len(cases), orders), _rate(before[cause, product], usual_orders)
        big = sum(served_as == Standing.Class.BIG for _pk, served_as in cases)
        rule = _rule(len(cases), big, rate, usual)
        if rule:
            clusters.append(Cluster(cause, product, rule, tuple(sorted(pk for pk, _c in cases)), rate, usual))
    return clusters


@transaction.atomic
def open_actions(*, as_of: date, at: datetime) -> int:
    """Every cluster has a running corrective action; one that runs already only gets the new cases. Returns the new ones."""
    opened = 0
    for cluster in find_clusters(as_of):
        cause = RootCause.objects.select_for_update().get(pk=cluster.root_cause_id)
        action, created = CorrectiveAction.objects.get_or_create(
            root_cause=cause,
            product_ref=cluster.product_ref,
            status__in=RUNNING,
            defaults={
                "status": Status.OPEN,
                "rule": cluster.rule,
                "owner": cause.department.head,
                "opened_on": as_of,
                "due_on": as_of + DUE_AFTER,
                "baseline_rate": cluster.rate,
                "target_rate": cluster.usual_rate,
                "evidence": _evidence(cluster),
            },
        )
        action.cases.add(*cluster.case_ids)
        if created:
            opened += 1
            audit.record(None, "action.opened", action, at=at, cause=cause.pk, cases=len(cluster.case_ids))
            delivery.tell(
                [cause.department.head_id],
                notices.ACTION,
                {"cause": str(cause), "count": len(cluster.case_ids)},
                key=f"action:{action.pk}",
                thread=_thread(action),
                at=at,
                link="/complaints/actions/",
            )
    return opened


def remind_of_overdue(*, as_of: date, at: datetime) -> int:
    """Who owns a corrective action past its day, or heads the department, is told so once for each day it was due by."""
    overdue = CorrectiveAction.objects.filter(status=Status.OPEN, due_on__lt=as_of)
    for action in overdue.select_related("root_cause__department").order_by("due_on", "pk"):
        delivery.tell(
            [action.owner_id or action.root_cause.department.head_id],
            notices.ACTION_LATE,
            {"day": action.due_on.isoformat(), "cause": action.title or str(action.root_cause)},
            key=f"action-late:{action.pk}:{action.due_on.isoformat()}",
            thread=_thread(action),
            at=at,
            link="/complaints/actions/",
        )
    return len(overdue)


@transaction.atomic
def plan_action(
    action_id: int, *, title: str, owner: User, due_on: date, target_rate: float, by: User, at: datetime
) -> CorrectiveAction:
    """What is to change, by whom, until when, and the rate that will show that it worked."""
    action = _running(action_id)
    if not title.strip():
        raise Invalid(_("Say what is to change."), code="action_title")
    if not 0 <= target_rate < action.baseline_rate:
        raise Invalid(
            _("The target lies below the present rate of %(rate).2f.") % {"rate": action.baseline_rate}, code="target"
        )
    action.title, action.owner, action.due_on, action.target_rate = title.strip()[:200], owner, due_on, target_rate
    action.save()
    _seen_to(action, at)
    audit.record(by, "action.planned", action, at=at, owner=owner.pk, due_on=due_on.isoformat())
    return action


@transaction.atomic
def mark_done(action_id: int, *, by: User, on: date, at: datetime) -> CorrectiveAction:
    """The measure has been taken; from now on the rate is watched."""
    action = _running(action_id)
    if not action.title:
        raise DomainError(_("Say first what was to change."), code="action_title")
    action.status, action.done_on = Status.DONE, on
    action.save()
    _seen_to(action, at)
    audit.record(by, "action.done", action, at=at)
    return action


@transaction.atomic
def close_action(action_id: int, *, by: User, on: date, at: datetime) -> CorrectiveAction:
    """It worked: four weeks after the measure the rate is at or below the target."""
    action = _running(action_id)
    if action.status != Status.DONE or action.done_on is None or on < action.done_on + PROOF:
        raise DomainError(_("Wait until four weeks after the measure was taken."), code="too_early")
    action.measured_rate = measured_rate(action, on=on)
    if action.measured_rate > action.target_rate:
        raise DomainError(
            _("The rate is %(now).2f per 1000 orders, above the target of %(target).2f.")
            % {"now": action.measured_rate, "target": action.target_rate},
            code="target_missed",
        )
    action.status, action.ended_on = Status.CLOSED, on
    action.save()
    audit.record(by, "action.closed", action, at=at, rate=action.measured_rate)
    return action


@transaction.atomic
def drop_action(action_id: int, *, by: User, on: date, at: datetime, reason: str) -> CorrectiveAction:
    action = _running(action_id)
    if not reason.strip():
        raise Invalid(_("Say why this is given up."), code="reason_missing")
    action.status, action.ended_on = Status.DROPPED, on
    action.evidence = {**action.evidence, "given_up": reason.strip()[:200]}
    action.save()
    _seen_to(action, at)
    audit.record(by, "action.dropped", action, at=at)
    return action


def measured_rate(action: CorrectiveAction, *, on: date) -> float:
    """Cases per 1000 orders over the four weeks up to this day."""
    rows = _caused(on - PROOF, on)
    count = sum(
        cause == action.root_cause_id and (not action.product_ref or product == action.product_ref)
        for _pk, cause, product, _class, _at in rows
    )
    return _rate(count, _orders(on - PROOF, on))


def _thread(action: CorrectiveAction) -> str:
    return f"action:{action.pk}"


def _seen_to(action: CorrectiveAction, at: datetime) -> None:
    bell.settle(_thread(action), at=at)


def _rule(count: int, big: int, rate: float, usual: float) -> str:
    if count >= MANY:
        return Rule.COUNT
    if big >= BIG_CASES:
        return Rule.BIG
    # With next to no history, a few cases are no trend.
    if count >= LEAST_FOR_RATE and usual > 0 and rate > TIMES_USUAL * usual:
        return Rule.RATE
    return ""


def _caused(after: date, until: date) -> list[tuple[int, int, str, int, datetime]]:
    """Cases with a root cause received after the one day, up to and including the other."""
    return list(
        Case.objects.filter(root_cause__isnull=False, received_at__date__gt=after, received_at__date__lte=until)
        .exclude(status__in=NOT_COUNTED)
        .values_list("pk", "root_cause_id", "product_ref", "served_as", "received_at")
    )


def _orders(after: date, until: date) -> int:
    return Order.objects.filter(status=Order.Status.PAID, ordered_on__gt=after, ordered_on__lte=until).count()


def _rate(count: int, orders: int) -> float:
    """Per 1000 orders; without orders, as if there had been a thousand."""
    return count * 1000 / orders if orders else float(count)


def _evidence(cluster: Cluster) -> Evidence:
    return {
        "cases": len(cluster.case_ids),
        "rate": round(cluster.rate, 3),
        "usual_rate": round(cluster.usual_rate, 3),
    }


def _running(action_id: int) -> CorrectiveAction:
    action = CorrectiveAction.objects.select_for_update().get(pk=action_id)
    if action.status not in RUNNING:
        raise DomainError(
            _("This action has ended: %(how)s.") % {"how": action.get_status_display()}, code="action_ended"
        )
    return action
