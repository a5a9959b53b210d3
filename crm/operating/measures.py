"""What Prometheus is told: requests as the web processes counted them, and the record's queues, one query each."""

import os
from collections.abc import Iterator
from datetime import datetime

from django.db import connection
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from core.lib.periods import mall_day
from crm.operating import health
from crm.operating.watch import places

# Events for an endpoint that answers: what waits for a silent one has a condition of its own. An import waits from when
# it came, or whoever had it last spoke.
OLDEST = """
    SELECT queue, greatest(0, coalesce(extract(epoch FROM %(at)s - since), 0))
    FROM (
        SELECT 'message' AS queue, min(queued_at) AS since FROM outbox_message WHERE state = 'waiting'
        UNION ALL SELECT 'answer', min(m.sent_at) FROM complaints_casemail c
            JOIN complaints_casemessage m ON m.id = c.message_id WHERE c.state = 'waiting'
        UNION ALL SELECT 'event', min(w.happened_at) FROM outbox_webhookevent w
            JOIN outbox_webhookendpoint e ON e.id = w.endpoint_id
            WHERE w.state = 'waiting' AND e.active AND e.failing_since IS NULL
        UNION ALL SELECT 'import', min(greatest(at, finished_at, heartbeat_at)) FROM customers_import
            WHERE state IN ('waiting', 'running')
        UNION ALL SELECT 'night', min(planned_at) FROM jobs_jobrun
            WHERE job = 'nightly' AND state IN ('waiting', 'running')
    ) AS queues
"""
# A name, what it says, and a query of rows (label, number); the label is left out where there is only one row.
# Rows that wait and rows that failed have indexes of their own, so that none of these reads what has been sent.
QUERIES = (
    (
        "laoke_waiting",
        "What waits to be done, by queue",
        "queue",
        """
        SELECT 'message', count(*) FROM outbox_message WHERE state = 'waiting'
        UNION ALL SELECT 'answer', count(*) FROM complaints_casemail WHERE state = 'waiting'
        UNION ALL SELECT 'event', count(*) FROM outbox_webhookevent WHERE state = 'waiting'
        UNION ALL SELECT 'import', count(*) FROM customers_import WHERE state IN ('waiting', 'running')
        UNION ALL SELECT 'night', count(*) FROM jobs_jobrun WHERE job = 'nightly' AND state IN ('waiting', 'running')
        """,
    ),
    ("laoke_oldest_waiting_seconds", "Age of what has waited longest, by queue; 0 when nothing waits", "queue", OLDEST),
    (
        "laoke_failed",
        "What was given up, by queue: somebody has to look",
        "queue",
        """
        SELECT 'message', count(*) FROM outbox_message WHERE state = 'failed'
        UNION ALL SELECT 'event', count(*) FROM outbox_webhookevent WHERE state = 'failed'
        UNION ALL SELECT 'night', count(*) FROM jobs_jobrun WHERE job = 'nightly' AND state = 'failed'
        """,
    ),
    (
        "laoke_trouble_timestamp_seconds",
        "What the watch has told and is not over, and since when",
        "what",
        """
        SELECT what, extract(epoch FROM min(began_at)) FROM operating_trouble
        WHERE ended_at IS NULL AND told_at IS NOT NULL GROUP BY what
        """,
    ),
    (
        "laoke_heard_timestamp_seconds",
        "When somebody last took something from a queue, and the relay and the watch last looked",
        "name",
        "SELECT name, extract(epoch FROM at) FROM operating_heartbeat",
    ),
    (
        "laoke_imports",
        "Imports by state",
        "state",
        "SELECT state, count(*) FROM customers_import GROUP BY state",
    ),
    (
        "laoke_night_seconds",
        "How long the last finished night took",
        "",
        """
        SELECT '', extract(epoch FROM finished_at - started_at) FROM jobs_jobrun
        WHERE job = 'nightly' AND state = 'done' ORDER BY business_date DESC LIMIT 1
        """,
    ),
    (
        "laoke_night_finished_timestamp_seconds",
        "When the last finished night ended",
        "",
        """
        SELECT '', extract(epoch FROM finished_at) FROM jobs_jobrun
        WHERE job = 'nightly' AND state = 'done' ORDER BY business_date DESC LIMIT 1
        """,
    ),
)


def oldest_waiting(at: datetime) -> dict[str, float]:
    """Queue -> for how many seconds its oldest has waited; 0 when nothing waits."""
    with connection.cursor() as cursor:
        cursor.execute(OLDEST, {"at": at})
        return {queue: float(seconds) for queue, seconds in cursor.fetchall()}


class Record(Collector):
    """The figures of the tables at a moment."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for name, says, label, query in QUERIES:
            family = GaugeMetricFamily(name, says, labels=[label] if label else [])
            with connection.cursor() as cursor:
                cursor.execute(query, {"at": self.at})
                for value, number in cursor.fetchall():
                    family.add_metric([value] if label else [], float(number))
            yield family
        yield self._night_age()
        yield self._backup_age()
        yield self._disks()

    def _disks(self) -> GaugeMetricFamily:
        family = GaugeMetricFamily("laoke_disk_free_percent", "Free of each disk, bytes or files", labels=["path"])
        for disk in places.disks():
            family.add_metric([disk.path], disk.percent)
        return family

    def _night_age(self) -> GaugeMetricFamily:
        """Counted in days of the mall: the figures of today are 0 days old."""
        family = GaugeMetricFamily("laoke_night_age_days", "Days since the date of the last finished night")
        with connection.cursor() as cursor:
            cursor.execute("SELECT max(business_date) FROM jobs_jobrun WHERE job = 'nightly' AND state = 'done'")
            (last,) = cursor.fetchone()
        if last is not None:
            family.add_metric([], (mall_day(self.at) - last).days)
        return family

    def _backup_age(self) -> GaugeMetricFamily:
        family = GaugeMetricFamily("laoke_backup_timestamp_seconds", "When the last good backup began")
        last = health.last_backup()
        if last is not None:
            family.add_metric([], last.timestamp())
        return family


def exposition(*, at: datetime) -> bytes:
    """Everything, in the format of Prometheus. With several web processes, their counts are put together from the
    folder PROMETHEUS_MULTIPROC_DIR, which `deploy/gunicorn.conf.py` makes.
    """
    requests = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        requests = CollectorRegistry()
        multiprocess.MultiProcessCollector(requests)  # type: ignore[no-untyped-call]
    record = CollectorRegistry()
    record.register(Record(at))
    return bytes(generate_latest(requests) + generate_latest(record))
