"""Everything that happens once a night, in the order it must happen."""

import logging
from datetime import date, datetime

from django.db import transaction
from django.utils import timezone

from crm.jobs import runs
from crm.jobs.models import JobRun
from crm.outbox import delivery
from customers import summary
from segmentation import fitting, night, rules
from segmentation.models import Alert

JOB = "nightly"
log = logging.getLogger(__name__)


def run(as_of: date, *, again: bool = False, rebuild: bool = False) -> JobRun | None:
    """Work the night of `as_of`; None if somebody else holds it or it is done already.

    Each step and its mark commit together: a killed night goes on with the step that was not finished.
    Running a night twice changes nothing. `rebuild` recomputes every summary instead of the changed ones.
    """
    planned = runs.plan(JOB, as_of, at=timezone.now())
    claimed = runs.claim(planned.pk, at=timezone.now(), holder=runs.holder_name(), again=again)
    if claimed is None:
        return None
    try:
        for step, work in STEPS:
            if step in claimed.cursor.get("done", []):
                continue
            with transaction.atomic():
                runs.hold(claimed, at=timezone.now())
                counts = work(as_of, rebuild, timezone.now())
                runs.advance(claimed, step=step, at=timezone.now(), **counts)
            log.info("night %s: %s %s", as_of, step, counts)
    except runs.Superseded:
        raise
    except Exception as error:
        runs.fail(claimed, error=f"{type(error).__name__}: {error}", at=timezone.now())
        raise
    runs.finish(claimed, at=timezone.now())
    return claimed


def _summaries(as_of: date, rebuild: bool, at: datetime) -> dict[str, int]:
    half_life = fitting.half_life_for(as_of)
    if rebuild:
        summary.rebuild(as_of=as_of, half_life_days=half_life)
        return {"summaries": -1}
    return {"summaries": summary.update(as_of=as_of, half_life_days=half_life)}


def _fit(as_of: date, rebuild: bool, at: datetime) -> dict[str, int]:
    constants = {**rules.DEFAULTS, **rules.current().parameters}
    return {"fitted_on": int(fitting.for_night(as_of, constants).as_of.strftime("%Y%m%d"))}


def _scores(as_of: date, rebuild: bool, at: datetime) -> dict[str, int]:
    rule_set = rules.current()
    constants = {**rules.DEFAULTS, **rule_set.parameters}
    fit = fitting.for_night(as_of, constants)
    return night.write(night.work_out(as_of, fit, constants), fit, rule_set, at=at)


def _notify(as_of: date, rebuild: bool, at: datetime) -> dict[str, int]:
    """One message a night per manager who has new alerts, not one per alert."""
    fresh = Alert.objects.filter(opened_on=as_of, state=Alert.State.OPEN, silent=False)
    per_manager: dict[int, int] = {}
    for manager_id in fresh.filter(customer__manager__isnull=False).values_list("customer__manager_id", flat=True):
        per_manager[manager_id] = per_manager.get(manager_id, 0) + 1
    for manager_id, count in sorted(per_manager.items()):
        delivery.queue_alert_digest(manager_id, count=count, on=as_of, at=at)
    return {"notified": len(per_manager)}


STEPS = (
    ("summaries", _summaries),
    ("fit", _fit),
    ("scores", _scores),
    ("notify", _notify),
)
