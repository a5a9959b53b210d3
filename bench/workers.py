"""One night's full rebuild by one Celery worker, by two, and by two that call themselves different hosts.

    python -m bench.workers                          # over whatever bench.nightly left in the database

Real worker processes over a Redis of its own. Prints seconds of the rebuild, of the night, and the digest of
everything the night writes, which must be the same each time.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import django

from crm.demo.embedded import Embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
HOME = tempfile.TemporaryDirectory()
SERVERS = Embedded(Path(HOME.name), durable=False)
os.environ["REDIS_URL"] = SERVERS.start_redis()
django.setup()

from django.db import connection

from core.jobs.models import JobRun
from crm.celery import app
from crm.flows import nightly
from crm.flows.tasks import help_night, work_night
from customers.models import SummaryState
from segmentation.models import Night

# What a night writes, without the ids and moments that differ from run to run.
WRITTEN = {
    "customers_summary": "t",
    "customers_standing": "t",
    "segmentation_alert": "(customer_id, kind, last_on, opened_on, state, severity, evidence)",
    "segmentation_change": '(customer_id, "on", class_before, class_after, type_before, type_after)',
    "customers_todo": "(customer_id, reason, text, due_on, state, dedupe_key)",
}


def digest() -> str:
    with connection.cursor() as cursor:
        sums = []
        for table, row in WRITTEN.items():
            cursor.execute(f"SELECT count(*), sum(hashtextextended({row}::text, 0)::numeric) FROM {table} t")
            sums.append(str(cursor.fetchone()))
    return f"{hash(tuple(sums)) & 0xFFFFFFFF:08x}"


def rebuild(names: list[str], day: date) -> tuple[float, float]:
    """Seconds of the rebuild and of the whole night with workers of these names."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "crm", "worker", "-c", "1", "-n", name, "-l", "error"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for name in names
    ]
    try:
        while len(app.control.ping(timeout=1)) < len(names):
            time.sleep(0.2)
        for _ in range(len(names) * 4):
            help_night.delay("1990-01-01")  # connects each worker to the database
        time.sleep(3)
        JobRun.objects.filter(job=nightly.JOB, business_date=day).delete()
        SummaryState.objects.update(half_life_days=1)  # as after a new fit: every summary has to be recomputed
        began = time.perf_counter()
        work_night.delay(day.isoformat())
        rebuilt = 0.0
        while True:
            run = JobRun.objects.filter(job=nightly.JOB, business_date=day).first()
            if run and not rebuilt and "summaries" in run.cursor.get("done", []):
                rebuilt = time.perf_counter() - began
            if run and run.state == JobRun.State.DONE:
                return rebuilt, time.perf_counter() - began
            if run and run.state == JobRun.State.FAILED:
                raise SystemExit(run.error)
            time.sleep(0.02)
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait()


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    latest = Night.objects.order_by("-as_of").first()
    if latest is None:
        raise SystemExit("There is no mall with a night in this database. Run bench.nightly first.")
    digests = set()
    alone = 0.0
    for label, names in (
        ("one worker", ["one@a"]),
        ("two workers", ["one@a", "two@a"]),
        ("two workers on two hosts", ["one@a", "one@b"]),
    ):
        seconds, night = min(rebuild(names, latest.as_of) for _ in range(2))
        alone = alone or seconds
        digests.add(digest())
        print(f"  {label:26} rebuild {seconds:6.2f} s ({alone / seconds:.2f} x)   night {night:6.2f} s", flush=True)
    print(f"  digests: {', '.join(sorted(digests))} ({'equal' if len(digests) == 1 else 'DIFFERENT'})")


if __name__ == "__main__":
    try:
        main()
    finally:
        SERVERS.stop()
