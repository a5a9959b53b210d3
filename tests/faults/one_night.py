"""Work one night in a process of its own: python -m tests.faults.one_night DATE [--unguarded] [--whole-steps].

Prints each step it worked. `--unguarded` takes claim and fence away, `--whole-steps` the pieces that are committed one by
one, to show what they are good for. `--orders-at-once N` makes the pieces smaller.
"""

import os
import sys
from datetime import date, datetime
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
django.setup()

from django.utils import timezone  # noqa: E402

from core.jobs import runs  # noqa: E402
from core.jobs.models import JobRun  # noqa: E402
from crm.flows import nightly  # noqa: E402
from loyalty.points import orders as point_orders  # noqa: E402


def take_anyway(run_id: int, *, at: datetime, holder: str, again: bool = False) -> JobRun:
    JobRun.objects.filter(pk=run_id).update(state=JobRun.State.RUNNING, started_at=at, heartbeat_at=at)
    return JobRun.objects.get(pk=run_id)


def telling(step: str, work: Any) -> Any:
    def tell(run: JobRun, at: datetime) -> Any:
        counts = work(run, at)
        print(f"worked {step}", flush=True)
        return counts

    return tell


def whole(step: str, work: Any) -> Any:
    pieces = nightly.AHEAD.get(step, nightly._no_pieces)

    def in_one(run: JobRun, at: datetime) -> Any:
        for piece in pieces(run, timezone.now):
            piece(at)
        return work(run, at)

    return in_one


def main() -> None:
    if "--unguarded" in sys.argv:
        runs.claim = take_anyway
        runs.hold = lambda run, *, at: None
    if "--orders-at-once" in sys.argv:
        point_orders.CHUNK = int(sys.argv[sys.argv.index("--orders-at-once") + 1])
    if "--whole-steps" in sys.argv:
        nightly.STEPS = tuple((step, whole(step, work)) for step, work in nightly.STEPS)
        nightly.AHEAD = {}
    nightly.STEPS = tuple((step, telling(step, work)) for step, work in nightly.STEPS)
    try:
        found = nightly.run(date.fromisoformat(sys.argv[1]))
    except Exception as error:
        print(f"ended with {type(error).__name__}", flush=True)
    else:
        print("nothing to do" if found is None else "done", flush=True)


if __name__ == "__main__":
    main()
