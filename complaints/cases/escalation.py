"""Time runs out: each step of each clock is taken once, however often and however late anybody looks."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from complaints.cases import handover, notices, priority, routing, transitions
from complaints.cases.transitions import NotNow
from complaints.models import Case, CaseEvent, Clock, ClockAlert, EscalationStep
from complaints.promises import sla
from complaints.promises.clock import Calendar
from core.accounts import audit
from core.accounts.models import User

State = Clock.State
Notify = EscalationStep.Notify


def tick(*, now: datetime) -> dict[str, int]:
    """All that the desk does every minute."""
    return {
        "escalated": escalate_due(now=now),
        "handovers": handover.escalate_due(now=now),
        "handed_out": routing.pull_all(at=now),
    }


def escalate_due(*, now: datetime, limit: int = 500) -> int:
    """Take every step that is due and write down every breach with its true time; returns how many cases were touched.

    A case is claimed by its row: what another job, or an agent, holds at this moment is left for the next minute.
    """
    due = Clock.objects.filter(state=State.RUNNING, look_at__lt=now).order_by("look_at", "id")
    case_ids = list(dict.fromkeys(due.values_list("case_id", flat=True)[:limit]))
    return sum(_escalate(case_id, now) for case_id in case_ids)


@transaction.atomic
def _escalate(case_id: int, now: datetime) -> int:
    case = transitions.hold_if_free(case_id)
    if case is None:
        return 0
    steps: list[tuple[Clock, EscalationStep]] = []
    breached: list[str] = []
    for clock in sla.live(case):
        if clock.state != State.RUNNING or clock.look_at is None or clock.look_at >= now:
            continue
        if clock.breached_at is None and clock.due_at is not None and clock.due_at < now:
            clock.breached_at = clock.due_at
            breached.append(clock.metric)
        steps += [(clock, step) for step in take_steps(clock, now)]
        sla.schedule(clock)
        clock.save()
    if not steps and not breached:
        return 0
    raised = _raise_priority(case) if any(step.raise_priority for _clock, step in steps) else None
    moved = next((step.move_to for _clock, step in reversed(steps) if step.move_to_id), None)
    if moved and moved.pk != case.queue_id:
        case.queue = moved
        if not moved.members.filter(user=case.owner_id).exists():
            case.owner = None
    transitions.record(
        case,
        CaseEvent.Kind.ESCALATED,
        by=None,
        at=now,
        touched=["priority"] if raised else [],
        breached=breached,
        steps=[step.pk for _clock, step in steps],
        priority=case.priority,
    )
    for clock, step in steps:
        _tell(case, clock, step, now)
    return 1


def take_steps(clock: Clock, now: datetime) -> list[EscalationStep]:
    """Store each step whose moment has passed, with that moment and with when it was taken; returns the new ones."""
    taken = []
    for step, moment in sla.steps_ahead(clock):
        if moment < now:
            ClockAlert.objects.create(clock=clock, step=step, due_at=moment, fired_at=now)
            taken.append(step)
    return taken


@transaction.atomic
def recalculate(case_id: int, *, by: User, at: datetime, reason: str) -> bool:
    """The open clocks of this case follow today's calendar. Stopped clocks and breaches on record stay as they are."""
    case = transitions.lock(case_id)
    if not case.is_open:
        raise NotNow(_("Only the clocks of an open case can be worked out again."))
    before = {clock.metric: clock.due_at for clock in sla.live(case)}
    for clock in sla.live(case):
        sla.work_out(clock)
    after = {clock.metric: clock.due_at for clock in sla.live(case)}
    if before == after:
        return False
    moved = {m: [_iso(before.get(m)), _iso(after[m])] for m in after if before.get(m) != after[m]}
    transitions.record(
        case, CaseEvent.Kind.RECALCULATED, by=by, at=at, touched=["clocks"], moved=moved, reason=reason.strip()[:200]
    )
    return True


def preview_recalculation(calendar_id: int, *, hours: Calendar | None = None) -> list[tuple[Clock, datetime | None]]:
    """Open clocks of this calendar whose due moment would be another one, with that moment. Stores nothing.

    By the calendar as it is now, or by these hours.
    """
    would_be = [(clock, sla.due_after(clock, clock.budget_minutes, hours=hours)) for clock in running_by(calendar_id)]
    return [(clock, due) for clock, due in would_be if due != clock.due_at]


def running_by(calendar_id: int) -> QuerySet[Clock]:
    """The open clocks of this calendar."""
    rows = Clock.objects.filter(state=State.RUNNING, target__calendar=calendar_id)
    return rows.select_related("target__calendar", "case").order_by("due_at", "id")


def recalculate_calendar(calendar_id: int, *, by: User, at: datetime, reason: str) -> int:
    """Apply the preview: every open case whose deadlines the calendar moves. Returns how many."""
    ids = sorted({clock.case_id for clock, _due in preview_recalculation(calendar_id)})
    moved = sum(recalculate(case_id, by=by, at=at, reason=reason) for case_id in ids)
    audit.record(by, "calendar.recalculated", None, at=at, calendar=calendar_id, cases=moved)
    return moved


def _raise_priority(case: Case) -> int | None:
    if case.priority == priority.HIGHEST:
        return None
    case.priority = priority.raised(case.priority)
    case.priority_source = Case.PrioritySource.ESCALATION
    return case.priority


def _tell(case: Case, clock: Clock, step: EscalationStep, now: datetime) -> None:
    head = case.queue.department.head_id
    people = {
        Notify.OWNER: case.owner_id or head,
        Notify.ACCOUNT_MANAGER: case.customer.manager_id if case.customer else None,
        Notify.DEPARTMENT_HEAD: head,
    }
    notices.tell(
        [people[Notify(role)] for role in step.notify],
        notices.TIME_RUNS_OUT,
        case,
        key=f"sla:{clock.pk}:{step.pk}",
        at=now,
        percent=step.at_percent,
        promise=clock.metric,
    )


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
