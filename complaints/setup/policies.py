"""New versions of the promises: drafted, previewed on the open cases, published from a moment on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import Max
from django.utils.translation import gettext as _

from complaints.models import Case, EscalationStep, Metric, Pause, SlaPolicy, SlaTarget
from complaints.models.cases import OPEN
from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import DomainError, Invalid

Status = SlaPolicy.Status


@dataclass(frozen=True)
class TargetFact:
    """One line of a policy. None: any class, any severity."""

    customer_class: int | None
    severity: int | None
    metric: str
    minutes: int
    calendar_id: int


@dataclass(frozen=True)
class StepFact:
    """Whom to tell, and whether to raise the priority, when this share of a promise's time is used up."""

    metric: str
    at_percent: int
    notify: tuple[str, ...] = ()
    raise_priority: bool = False
    move_to_id: int | None = None


@transaction.atomic
def draft(*, by: User, at: datetime) -> SlaPolicy:
    """The draft of the next version, with everything the newest published one says; made once, then edited."""
    newest = SlaPolicy.objects.select_for_update().filter(status=Status.PUBLISHED).order_by("-version").first()
    row = SlaPolicy.objects.filter(status=Status.DRAFT).order_by("-version").first()
    if row:
        return row
    version = (SlaPolicy.objects.aggregate(top=Max("version"))["top"] or 0) + 1
    made = SlaPolicy.objects.create(version=version, by=by, at=at, pause_reasons=list(Pause.Reason.values[:3]))
    if newest:
        made.resolution_mode, made.pause_reasons = newest.resolution_mode, newest.pause_reasons
        made.reopen_days, made.auto_close_days = newest.reopen_days, newest.auto_close_days
        made.save()
        targets, steps = list(newest.targets.all()), list(newest.steps.all())
        for target in targets:
            target.pk, target.policy = None, made
        for step in steps:
            step.pk, step.policy = None, made
        SlaTarget.objects.bulk_create(targets)
        EscalationStep.objects.bulk_create(steps)
    audit.record(by, "policy.drafted", made, at=at, version=version)
    return made


@transaction.atomic
def set_targets(policy_id: int, targets: Iterable[TargetFact], *, by: User, at: datetime) -> SlaPolicy:
    """The draft promises exactly this."""
    policy = _draft(policy_id)
    rows = list(targets)
    if any(row.minutes <= 0 or row.metric not in Metric.values for row in rows):
        raise Invalid(_("Every promise needs its kind and more than no minutes."), code="target_minutes")
    policy.targets.all().delete()
    SlaTarget.objects.bulk_create(
        SlaTarget(
            policy=policy,
            customer_class=row.customer_class,
            severity=row.severity,
            metric=row.metric,
            minutes=row.minutes,
            calendar_id=row.calendar_id,
        )
        for row in rows
    )
    audit.record(by, "policy.targets_set", policy, at=at, version=policy.version, targets=len(rows))
    return policy


@transaction.atomic
def set_steps(policy_id: int, steps: Iterable[StepFact], *, by: User, at: datetime) -> SlaPolicy:
    """The draft takes exactly these steps as time runs out."""
    policy = _draft(policy_id)
    rows = list(steps)
    if len({(row.metric, row.at_percent) for row in rows}) < len(rows):
        raise Invalid(_("A step can be taken only once at the same per cent."), code="step_twice")
    policy.steps.all().delete()
    EscalationStep.objects.bulk_create(
        EscalationStep(
            policy=policy,
            metric=row.metric,
            at_percent=row.at_percent,
            notify=list(row.notify),
            raise_priority=row.raise_priority,
            move_to_id=row.move_to_id,
        )
        for row in rows
    )
    audit.record(by, "policy.steps_set", policy, at=at, version=policy.version, steps=len(rows))
    return policy


@transaction.atomic
def set_terms(
    policy_id: int, *, resolution_mode: str, reopen_days: int, auto_close_days: int, by: User, at: datetime
) -> SlaPolicy:
    """How long a case can be reopened, when it closes by itself, and how reopened work is counted."""
    policy = _draft(policy_id)
    if (
        not (1 <= reopen_days <= 90 and 1 <= auto_close_days <= 90)
        or resolution_mode not in SlaPolicy.ResolutionMode.values
    ):
        raise Invalid(_("Choose from 1 to 90 days."), code="policy_days")
    policy.resolution_mode, policy.reopen_days, policy.auto_close_days = resolution_mode, reopen_days, auto_close_days
    policy.save()
    audit.record(by, "policy.terms_set", policy, at=at, version=policy.version)
    return policy


@transaction.atomic
def publish(policy_id: int, *, by: User, reason: str, at: datetime, starts_at: datetime | None = None) -> SlaPolicy:
    """The draft is in force from now (or `starts_at`) on, for cases logged from then on; open cases keep the version
    they began with.
    """
    policy, starts_at = _draft(policy_id), starts_at or at
    if not reason.strip():
        raise Invalid(_("Say in a few words why the promises change."), code="reason_missing")
    _complete(policy)
    published = SlaPolicy.objects.select_for_update().filter(status=Status.PUBLISHED)
    for before in published.filter(effective__contains=starts_at):
        before.effective = DateTimeTZRange(before.effective.lower, starts_at)
        before.save(update_fields=["effective"])
    policy.status, policy.effective = Status.PUBLISHED, DateTimeTZRange(starts_at, None)
    policy.reason, policy.by, policy.at = reason.strip()[:200], by, at
    policy.save()
    audit.record(by, "policy.published", policy, at=at, version=policy.version, reason=policy.reason)
    return policy


@transaction.atomic
def withdraw(version: int) -> SlaPolicy:
    """A version that has not begun is a draft again; the one before goes on."""
    policy = SlaPolicy.objects.select_for_update().get(version=version)
    starts_at = policy.effective.lower
    policy.status, policy.effective = Status.DRAFT, None
    policy.save(update_fields=["status", "effective"])
    for before in SlaPolicy.objects.select_for_update().filter(effective__endswith=starts_at):
        before.effective = DateTimeTZRange(before.effective.lower, None)
        before.save(update_fields=["effective"])
    return policy


def affected(policy: SlaPolicy) -> dict[tuple[int, int], int]:
    """How many open cases there are of each class and severity: whom promises like these concern."""
    counts: dict[tuple[int, int], int] = {}
    for pair in Case.objects.filter(status__in=OPEN).values_list("served_as", "severity"):
        counts[pair] = counts.get(pair, 0) + 1
    return counts


def _draft(policy_id: int) -> SlaPolicy:
    policy = SlaPolicy.objects.select_for_update().get(pk=policy_id)
    if policy.status != Status.DRAFT:
        raise DomainError(_("Promises in force cannot be changed. Draft the next version."), code="policy_published")
    return policy


def _complete(policy: SlaPolicy) -> None:
    refuse_incomplete({(t.customer_class, t.severity, t.metric): t.minutes for t in policy.targets.all()})


def refuse_incomplete(minutes: Mapping[tuple[int | None, int | None, str], int]) -> None:
    """Raises Invalid where somebody would be promised nothing, or an answer only after the solution."""
    if any((None, None, metric) not in minutes for metric in Metric.values):
        raise Invalid(_("Each promise needs a line for every class and every severity."), code="policy_incomplete")
    for (customer_class, severity, metric), first in minutes.items():
        solution = minutes.get((customer_class, severity, Metric.RESOLUTION))
        if metric == Metric.FIRST_RESPONSE and solution is not None and first > solution:
            raise Invalid(_("The first answer cannot take longer than the solution."), code="policy_order")
