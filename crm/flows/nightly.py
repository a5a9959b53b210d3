"""Everything that happens once a night, in the order it must happen."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from care import appointments, plans
from complaints.afterwards import daily
from core.accounts.models import Role
from core.accounts.roles import holders
from core.jobs import lawbook, leases, parts, runs
from core.jobs.models import JobRun
from core.lib import rows
from core.lib.errors import DomainError
from core.lib.periods import mall_day
from core.outbox import bell, delivery
from crm.flows import issuing, notices
from crm.flows.catalogue import CUSTOMERS
from crm.flows.planning.days_off import working_days
from customers import summary
from customers.books import leaves
from customers.lists import laws as list_laws
from customers.record import duplicates, life_dates, stops
from customers.work import stakes
from loyalty.campaigns import credit
from loyalty.campaigns import laws as campaign_laws
from loyalty.campaigns import night as campaign_night
from loyalty.models import Referral
from loyalty.points import accounts as points
from loyalty.points import laws as point_laws
from loyalty.points import orders as point_orders
from loyalty.points import referrals, rewards, visit_ladder
from loyalty.tiers import explain as tier_explain
from loyalty.tiers import membership
from segmentation import fitting, night, rules
from segmentation.growing import rising
from segmentation.leaving import suspecting
from segmentation.models import Alert
from segmentation.segments import membership as segments

JOB = issuing.NIGHT
# What a piece of a step does at a moment; returns what it counted.
Piece = Callable[[datetime], dict[str, int]]
# What time it is.
Now = Callable[[], datetime]
# Each book with the words of its laws.
LAWS = (
    (point_laws.BOOK, point_laws.LAWS),
    (campaign_laws.BOOK, campaign_laws.LAWS),
    (list_laws.BOOK, list_laws.LAWS),
)
# So many gifts of points in one transaction.
GRANTS = 100
# The scores of a large mall take numpy a while, in which the database hears nothing of the step.
LONGEST_THOUGHT = timedelta(seconds=settings.JOB_IDLE_SECONDS)
log = logging.getLogger(__name__)


def run(
    as_of: date,
    *,
    again: bool = False,
    rebuild: bool = False,
    invite: Callable[[date], None] | None = None,
    now: Now = timezone.now,
) -> JobRun | None:
    """Work the night of `as_of`; None if somebody else holds it or it is done already.

    Each step and its mark commit together: a killed night goes on with the step that was not finished.
    Running a night twice changes nothing. `rebuild` recomputes every summary instead of the changed ones;
    `invite` is called when there are parts of it that other workers could take by `help_out`. What it writes is dated
    by `now`.
    """
    planned = runs.plan(JOB, as_of, at=now())
    claimed = runs.claim(planned.pk, at=now(), holder=runs.holder_name(), again=again)
    if claimed is None:
        return None
    try:
        if "summaries" not in claimed.cursor.get("done", []):
            _rebuild_together(claimed, rebuild, invite, now)
        for step, work in STEPS:
            if step in claimed.cursor.get("done", []):
                continue
            for piece in AHEAD.get(step, _no_pieces)(claimed, now):
                with _held(claimed, now):
                    runs.count(claimed, at=now(), **piece(now()))
            with _held(claimed, now):
                counts = work(claimed, now())
                runs.advance(claimed, step=step, at=now(), **counts)
            log.info("night %s: %s %s", as_of, step, counts)
    except runs.Superseded:
        raise
    except Exception as error:
        runs.fail(claimed, error=f"{type(error).__name__}: {error}", at=now())
        raise
    runs.finish(claimed, at=now())
    return claimed


def refuse_ahead(as_of: date, *, today: date) -> None:
    """Raises DomainError for a day that has not come, before anything is planned: what its night expired, closed and
    dated would stay so, and its figures would be the newest for ever. Every door asks this.
    """
    if as_of > today:
        raise DomainError(
            _("The night of %(day)s has not come: today is %(today)s. Choose today or a day before.")
            % {"day": as_of, "today": today},
            code="night_ahead",
        )


@contextmanager
def _held(run: JobRun, now: Now) -> Iterator[None]:
    """A transaction of whoever holds the run: of nobody else, and not beyond the longest silence of its process."""
    with transaction.atomic():
        leases.let_go_after(LONGEST_THOUGHT)
        runs.hold(run, at=now())
        yield


def help_out(as_of: date) -> int:
    """Work parts of a night that another worker holds, as long as there are any; returns how many were worked."""
    held = JobRun.objects.filter(job=JOB, business_date=as_of, state=JobRun.State.RUNNING).first()
    if held is None or "half_life_days" not in held.cursor:
        return 0
    return parts.work(held.pk, partial(_rebuild_part, held), now=timezone.now)


def _rebuild_together(run: JobRun, rebuild: bool, invite: Callable[[date], None] | None, now: Now) -> None:
    """Where changed summaries are not enough, recompute all of them in parts that workers share."""
    half_life = fitting.half_life_for(run.business_date)
    if not run.parts.exists():
        if not rebuild and not summary.needs_rebuild(as_of=run.business_date, half_life_days=half_life):
            return
        with transaction.atomic():
            runs.note(run, at=now(), half_life_days=half_life, goods=rebuild)
            parts.split(run, summary.ranges())
    if invite:
        invite(run.business_date)
    parts.finish(run, partial(_rebuild_held_part, run, now), now=now)


def _rebuild_held_part(run: JobRun, now: Now, first_id: int, last_id: int) -> None:
    runs.hold(run, at=now())
    _rebuild_part(run, first_id, last_id)


def _rebuild_part(run: JobRun, first_id: int, last_id: int) -> None:
    summary.rebuild_range(first_id, last_id, as_of=run.business_date, half_life_days=run.cursor["half_life_days"])
    if run.cursor.get("goods"):
        summary.rebuild_bought(first_id, last_id)


def _summaries(run: JobRun, at: datetime) -> dict[str, int]:
    as_of = run.business_date
    if "half_life_days" in run.cursor:
        run.parts.all().delete()
        summary.rebuilt(as_of=as_of, half_life_days=run.cursor["half_life_days"])
        return {"summaries": -1}
    return {"summaries": summary.update(as_of=as_of, half_life_days=fitting.half_life_for(as_of))}


def _fit(run: JobRun, at: datetime) -> dict[str, int]:
    constants = rules.constants(run.business_date)
    return {"fitted_on": int(fitting.for_night(run.business_date, constants).as_of.strftime("%Y%m%d"))}


def _scores(run: JobRun, at: datetime) -> dict[str, int]:
    as_of = run.business_date
    rule_set, constants = rules.current(as_of), rules.constants(as_of)
    fit = fitting.for_night(as_of, constants)
    outcome = night.work_out(
        as_of, fit, constants, over=as_of < mall_day(at), restores=night.restored_by(rule_set, as_of)
    )
    counts = night.write(outcome, fit, rule_set, at=at)
    return counts | {"restaked": stakes.restake(at=at), "rising": rising.find(as_of=as_of, at=at)}


def _tiers(run: JobRun, at: datetime) -> dict[str, int]:
    """Reviews, refunds and new rules of the levels; then the managers' work follows what is at risk."""
    as_of = run.business_date
    counts = membership.review_due(as_of, at=at)
    tier_explain.drop_settled_todos(on=as_of, at=at)
    tier_explain.tell_at_risk(on=as_of, at=at)
    return {**counts, "tier_todos": tier_explain.open_todos(on=as_of, at=at)}


def _points(run: JobRun, at: datetime) -> dict[str, int]:
    """What is about to expire is told, once what imports earned and what time did has been done ahead in pieces."""
    points.tell_expiring(_since_last(run), run.business_date, at=at)
    return {"referrals_rewarded": 0, "visits_rewarded": 0}


def _point_pieces(run: JobRun, now: Now) -> Iterator[Piece]:
    """What imports earned, what became usable or expired, what is owed to those who came often or brought friends."""
    begun, as_of = now(), run.business_date
    for ids in point_orders.chunks(point_orders.arrived(at=begun)):
        yield partial(_reconciled, ids)
    for ids in point_orders.chunks(point_orders.due(at=begun)):
        yield partial(_settled, ids)
    yield partial(_swept, begun)
    for some in rows.batches(referrals.due(at=begun), GRANTS):
        yield partial(_referrals_rewarded, some)
    for steps in rows.batches(visit_ladder.due(as_of=as_of, at=begun), GRANTS):
        yield partial(_visits_rewarded, steps, as_of)


def _reconciled(order_ids: Sequence[int], at: datetime) -> dict[str, int]:
    return {"point_orders": point_orders.reconcile(order_ids, at=at)}


def _settled(account_ids: Sequence[int], at: datetime) -> dict[str, int]:
    return {"point_accounts": point_orders.settle(account_ids, at=at)}


def _swept(begun: datetime, at: datetime) -> dict[str, int]:
    point_orders.looked_until(begun)
    return {"point_orders": 0, "point_accounts": 0, "rewards_freed": rewards.free_lapsed()}


def _referrals_rewarded(some: Sequence[Referral], at: datetime) -> dict[str, int]:
    return {"referrals_rewarded": sum(referrals.reward(referral, at=at) for referral in some)}


def _visits_rewarded(steps: Sequence[visit_ladder.Reached], as_of: date, at: datetime) -> dict[str, int]:
    return {"visits_rewarded": sum(visit_ladder.reward(step, as_of=as_of, at=at) for step in steps)}


def _since_last(run: JobRun) -> date:
    """The first day that no night has spoken for, within a week."""
    done = JobRun.objects.filter(job=JOB, state=JobRun.State.DONE, business_date__lt=run.business_date)
    last = done.order_by("-business_date").values_list("business_date", flat=True).first()
    days = (run.business_date - last).days - 1 if last else 0
    return run.business_date - timedelta(days=min(days, 6))


def _campaign_pieces(run: JobRun, now: Now) -> Iterator[Piece]:
    return iter(campaign_night.PIECES)


def _credit(run: JobRun, at: datetime) -> dict[str, int]:
    return {"credit_todos": credit.chase(on=run.business_date, at=at)}


def _segment_pieces(run: JobRun, now: Now) -> Iterator[Piece]:
    """Who is in each segment whose history is kept."""
    for segment_id in segments.tracked():
        yield partial(_segment_worked, segment_id, run.business_date)


def _segment_worked(segment_id: int, as_of: date, at: datetime) -> dict[str, int]:
    return segments.work(segment_id, CUSTOMERS, as_of=as_of, at=at)


def _complaint_pieces(run: JobRun, now: Now) -> Iterator[Piece]:
    return iter(daily.pieces(as_of=run.business_date))


def _laws(run: JobRun, at: datetime) -> dict[str, int]:
    """What must always be true of the books is asked of the real tables, after everything else has been committed."""
    counts: dict[str, int] = {}
    for book, words in LAWS:
        outcome = lawbook.check(book, on=run.business_date, at=at)
        _alarm({words[step]: rows for step, rows in outcome.broken.items()}, run.business_date, at)
        for step in outcome.mended:
            bell.settle(_law_thread(words[step]), at=at)
        # -1: all of them.
        counts[f"laws_of_{book.name}"] = -1 if outcome.looked_at is None else outcome.looked_at
    return counts


def _alarm(broken: Mapping[str, object], on: date, at: datetime) -> None:
    """What must always be true and is not: in the log, with the rows, and told to every administrator."""
    admins = holders(Role.ADMINISTRATOR).values_list("pk", flat=True)
    for law, where in broken.items():
        log.error("not true of the books: %s: %s", law, where)
        thread = _law_thread(law)
        delivery.tell(admins, notices.BOOKS, {"law": law}, key=f"{thread}:{on}", thread=thread, at=at, link="/health/")


def _law_thread(law: str) -> str:
    return f"law:{law}"[:80]


def _plans(run: JobRun, at: datetime) -> dict[str, int]:
    """What contact plans ask by the rules and standings of this night; appointments whose day has passed are missed."""
    today = run.business_date
    passed = appointments.pass_days(today=today, at=at)
    return {**passed, **plans.refresh(None, today=today, at=at, days=working_days(today))}


def _notify(run: JobRun, at: datetime) -> dict[str, int]:
    """One message a night per manager who has new alerts, not one per alert."""
    as_of = run.business_date
    lent = leaves.align(at=at)
    suspecting.tell_reporters(on=as_of, at=at)
    fresh = Alert.objects.filter(opened_on=as_of, state=Alert.State.OPEN, silent=False)
    # Of what a colleague has heard they were told at once.
    fresh = fresh.exclude(kind=Alert.Kind.SUSPECTED)
    per_manager: dict[int, int] = {}
    for manager_id in fresh.filter(customer__manager__isnull=False).values_list("customer__manager_id", flat=True):
        per_manager[manager_id] = per_manager.get(manager_id, 0) + 1
    for manager_id, count in sorted(per_manager.items()):
        delivery.tell(
            [manager_id],
            notices.NEW_ALERTS,
            {"count": count},
            key=f"alerts:{as_of.isoformat()}",
            thread="alerts",
            at=at,
            link="/alerts/",
        )
    return {"notified": len(per_manager), "promises_lent": lent}


def _nothing_more(run: JobRun, at: datetime) -> dict[str, int]:
    return {}


def _duplicates(run: JobRun, at: datetime) -> dict[str, int]:
    return {
        "possible_duplicates": duplicates.find(on=run.business_date),
        "days_doubted": life_dates.doubt(),
        "orders_to_check": stops.ask_to_check(list(stops.orders_to_check()), at=at),
    }


def _no_pieces(run: JobRun, now: Now) -> Iterator[Piece]:
    return iter(())


# Each step is one transaction, after the pieces of work that can be committed one by one, because doing them again
# changes nothing: nobody waits for a lock longer than a piece takes.
AHEAD: dict[str, Callable[[JobRun, Now], Iterator[Piece]]] = {
    "points": _point_pieces,
    "campaigns": _campaign_pieces,
    "segments": _segment_pieces,
    "complaints": _complaint_pieces,
}
STEPS = (
    ("summaries", _summaries),
    ("fit", _fit),
    ("scores", _scores),
    ("tiers", _tiers),
    ("points", _points),
    ("campaigns", _credit),
    ("segments", _nothing_more),
    ("plans", _plans),
    ("notify", _notify),
    ("complaints", _nothing_more),
    ("duplicates", _duplicates),
    ("laws", _laws),
)
