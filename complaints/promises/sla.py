"""Promises that run: started, paused, stopped and worked out afresh, always under the lock of their case."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import Q
from django.utils.translation import gettext as _

from complaints.models import Case, Clock, EscalationStep, Metric, Pause, SlaPolicy, SlaTarget
from complaints.models.clocks import LIVE
from complaints.promises import clock
from complaints.promises.calendars import working_time
from core.accounts.models import User
from core.lib.errors import DomainError

State = Clock.State


def policy_at(at: datetime) -> SlaPolicy:
    """The policy in force. Raises DomainError when the desk has none yet."""
    policy = SlaPolicy.objects.filter(status=SlaPolicy.Status.PUBLISHED, effective__contains=at).first()
    if policy is None:
        raise DomainError(
            _("No service promises are in force. An administrator must publish them first."), code="no_policy"
        )
    return policy


def target_for(policy: SlaPolicy, customer_class: int, severity: int, metric: str) -> SlaTarget:
    """The closest match: class and severity, then class, then severity, then any."""
    fitting = policy.targets.filter(
        Q(customer_class=customer_class) | Q(customer_class__isnull=True),
        Q(severity=severity) | Q(severity__isnull=True),
        metric=metric,
    ).select_related("calendar")
    target = max(fitting, key=lambda t: (t.customer_class is not None, t.severity is not None), default=None)
    if target is None:
        raise DomainError(_("The service promises lack a time for everybody."), code="policy_incomplete")
    return target


def start(
    case: Case,
    metric: str,
    *,
    at: datetime,
    pauses: Iterable[Pause] = (),
    breached_at: datetime | None = None,
    paused: bool = False,
) -> Clock:
    """A new generation of this clock runs from `at`, with the target of today's class and severity."""
    target = target_for(case.policy, case.served_as, case.severity, metric)
    same = Clock.objects.filter(case=case, metric=metric, cycle=case.cycle)
    clock_ = Clock.objects.create(
        case=case,
        metric=metric,
        cycle=case.cycle,
        generation=same.count() + 1,
        target=target,
        budget_minutes=target.minutes,
        calendar_version=target.calendar.version,
        started_at=at,
        state=State.PAUSED if paused else State.RUNNING,
        due_at=None if paused else at,
        breached_at=breached_at,
    )
    Pause.objects.bulk_create([Pause(clock=clock_, reason=p.reason, period=p.period, by=p.by) for p in pauses])
    work_out(clock_)
    return clock_


def work_out(clock_: Clock) -> None:
    """Due and look-at moments follow from start, budget, calendar and pauses."""
    # A clock that was overdue when it was paused has a due moment behind it; it stands still all the same.
    paused = clock_.pauses.filter(period__upper_inf=True).exists()
    clock_.due_at = None if paused else due_after(clock_, clock_.budget_minutes)
    clock_.state = State.PAUSED if paused else State.RUNNING
    clock_.calendar_version = clock_.target.calendar.version
    schedule(clock_)
    clock_.save()


def schedule(clock_: Clock) -> None:
    """When to look at this clock next: the first step not yet taken, or the breach not yet written down."""
    if clock_.due_at is None:
        clock_.look_at = None
        return
    moments = [moment for _step, moment in steps_ahead(clock_)]
    if clock_.breached_at is None:
        moments.append(clock_.due_at)
    clock_.look_at = min(moments, default=None)


def steps_ahead(clock_: Clock) -> list[tuple[EscalationStep, datetime]]:
    """The steps not taken yet, each with its moment, earliest first."""
    taken = clock_.alerts.values("step")
    steps = EscalationStep.objects.filter(policy=clock_.case.policy_id, metric=clock_.metric).exclude(pk__in=taken)
    calendar, pauses = working_time(clock_.target.calendar), _pauses(clock_)
    budget = timedelta(minutes=clock_.budget_minutes)
    ahead = [
        (step, moment)
        for step in steps
        if (moment := clock.due_at(calendar, clock_.started_at, budget * step.at_percent / 100, pauses)) is not None
    ]
    return sorted(ahead, key=lambda pair: (pair[1], pair[0].at_percent))


def due_after(clock_: Clock, minutes: int, *, hours: clock.Calendar | None = None) -> datetime | None:
    """When so many open minutes will have passed, by the calendar of the promise or by these hours."""
    calendar = hours or working_time(clock_.target.calendar)
    return clock.due_at(calendar, clock_.started_at, timedelta(minutes=minutes), _pauses(clock_))


def stop(case: Case, *, at: datetime, metrics: Iterable[str] = Metric.values, note: str = "") -> None:
    """These clocks have an end: kept when `at` is not after the due moment. A breach is written with its true time."""
    for clock_ in live(case, metrics):
        _note_breach(clock_, at)
        _end(clock_, at, State.MISSED if clock_.breached_at else State.MET, note)


def cancel(case: Case, *, at: datetime, metrics: Iterable[str] = Metric.values, note: str = "") -> None:
    for clock_ in live(case, metrics):
        _note_breach(clock_, at)
        _end(clock_, at, State.CANCELLED, note)


def pause(case: Case, *, reason: str, by: User | None, at: datetime) -> None:
    """Every running clock stands still except the first answer, which nothing may delay."""
    for clock_ in live(case):
        if clock_.metric == Metric.FIRST_RESPONSE or clock_.state == State.PAUSED:
            continue
        _note_breach(clock_, at)
        since = max(at, clock_.started_at)
        Pause.objects.create(clock=clock_, reason=reason, by=by, period=DateTimeTZRange(since, None))
        work_out(clock_)


def resume(case: Case, *, at: datetime) -> None:
    for clock_ in live(case):
        if clock_.state != State.PAUSED:
            continue
        _close_pause(clock_, at)
        work_out(clock_)


def retarget(case: Case, *, at: datetime, note: str) -> None:
    """New promises for the same facts: each live clock goes on as a new generation with its start and its pauses."""
    for clock_ in live(case):
        _note_breach(clock_, at)
        old, pauses = clock_, list(clock_.pauses.all())
        paused = clock_.state == State.PAUSED
        _end(old, at, State.CANCELLED, note)
        again = start(case, old.metric, at=old.started_at, pauses=pauses, breached_at=old.breached_at, paused=paused)
        _note_breach(again, at)
        again.save()


def start_cycle(case: Case, *, at: datetime) -> None:
    """After a reopening: the customer waits for an answer, and the solution is owed once more.

    Where all work counts together, the solution's time goes on from where it stood when the case was solved.
    """
    start(case, Metric.NEXT_RESPONSE, at=at)
    before = _last(case, Metric.RESOLUTION, case.cycle - 1)
    if case.policy.resolution_mode == SlaPolicy.ResolutionMode.TOTAL and before and before.stopped_at:
        solved = Pause(
            reason=Pause.Reason.SOLVED, period=DateTimeTZRange(before.stopped_at, max(at, before.stopped_at))
        )
        start(case, Metric.RESOLUTION, at=before.started_at, pauses=[*before.pauses.all(), solved])
    else:
        start(case, Metric.RESOLUTION, at=at)


def continue_cycle(case: Case, *, at: datetime) -> None:
    """Solved too early by ourselves: the same clock goes on as if it had never been stopped."""
    before = _last(case, Metric.RESOLUTION, case.cycle)
    if before is None:
        return
    pauses = list(before.pauses.all())
    if before.state != State.CANCELLED:
        before.state, before.note = State.CANCELLED, "solved too early"
        before.save(update_fields=["state", "note"])
    again = start(case, Metric.RESOLUTION, at=before.started_at, pauses=pauses, breached_at=before.breached_at)
    _note_breach(again, at)
    again.save()


def live(case: Case, metrics: Iterable[str] = Metric.values) -> list[Clock]:
    rows = Clock.objects.filter(case=case, state__in=LIVE, metric__in=list(metrics)).order_by("id")
    clocks = list(rows.select_related("target__calendar"))
    for clock_ in clocks:
        clock_.case = case
    return clocks


def refresh(case: Case) -> dict[str, str | None]:
    """Carry the earliest due moment to the case; returns the due moment of every live clock, None while paused."""
    clocks = live(case)
    running = [c for c in clocks if c.due_at is not None]
    first = min(running, key=lambda c: (c.due_at, c.pk), default=None)
    case.next_due_at = first.due_at if first else None
    case.next_due_metric = first.metric if first else ""
    case.breached = Clock.objects.filter(case=case, cycle=case.cycle, breached_at__isnull=False).exists()
    return {c.metric: c.due_at.isoformat() if c.due_at else None for c in clocks}


def _note_breach(clock_: Clock, at: datetime) -> None:
    if clock_.breached_at is None and clock_.due_at is not None and clock_.due_at < at:
        clock_.breached_at = clock_.due_at


def _end(clock_: Clock, at: datetime, state: Clock.State, note: str) -> None:
    at = max(at, clock_.started_at)
    if clock_.state == State.PAUSED:
        _close_pause(clock_, at)
    spent = clock.elapsed(working_time(clock_.target.calendar), clock_.started_at, at, _pauses(clock_))
    clock_.elapsed_seconds = int(spent.total_seconds())
    clock_.state, clock_.stopped_at, clock_.look_at, clock_.note = state, at, None, note
    clock_.save()


def _close_pause(clock_: Clock, at: datetime) -> None:
    for open_ in clock_.pauses.filter(period__upper_inf=True):
        open_.period = DateTimeTZRange(open_.period.lower, max(at, open_.period.lower))
        if open_.period.lower == open_.period.upper:
            open_.delete()  # an empty range has no bounds to read back
        else:
            open_.save(update_fields=["period"])


def _pauses(clock_: Clock) -> list[clock.Pause]:
    return [(pause_.period.lower, pause_.period.upper) for pause_ in clock_.pauses.all()]


def _last(case: Case, metric: str, cycle: int) -> Clock | None:
    clocks = Clock.objects.filter(case=case, metric=metric, cycle=cycle).order_by("-generation")
    last = clocks.select_related("target__calendar").first()
    if last:
        last.case = case
    return last
