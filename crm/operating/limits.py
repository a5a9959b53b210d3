"""From when on the watch tells, and for how long what is kept: the usual, and what the environment says instead.

Read by the settings, before Django is there: `WATCH_LIMITS=disk_percent=5,night_hours=6`.
"""

import math
from collections.abc import Mapping

from django.core.exceptions import ImproperlyConfigured

WATCH = {
    "night_hours": 4.0,  # after two in the morning, or since it was planned
    "queue_minutes": 30.0,  # that something waits
    "disk_percent": 10.0,  # free at least, of bytes and of files
    "database_gb": 0.0,  # at most; 0: not asked
    "webhook_minutes": 60.0,  # without an answer
    "worker_minutes": 10.0,  # in which nobody takes anything from a queue
    "long_minutes": 60.0,  # the same of the queue of what takes long
    "clock_seconds": 30.0,  # between this machine and the database
    "certificate_days": 14.0,  # left
    "repeat_hours": 24.0,  # after which it is told once more
}
KEPT = {
    "sessions": 1.0,  # after their end
    "attempts": 1.0,  # after their end
    "invitations": 30.0,
    "forms": 7.0,
    "messages": 365.0,
    "events": 90.0,
    "import_details": 180.0,
    "drafts": 90.0,
    "lookups": 7.0,
    "opened": 1095.0,
    "troubles": 365.0,
    "bulk_items": 30.0,  # after the run cannot be undone any more
    "audit": 1095.0,  # in the database; then in the archive
}


def read(name: str, given: Mapping[str, str], usual: Mapping[str, float]) -> dict[str, float]:
    """The usual figures with those given in their place. Raises ImproperlyConfigured for what is none of them."""
    figures = dict(usual)
    for key, text in given.items():
        try:
            figure = float(text)
        except ValueError:
            figure = math.nan
        if key not in usual:
            raise ImproperlyConfigured(f"{name}: there is no “{key}”, but {', '.join(usual)}.")
        if not 0 <= figure < math.inf:
            raise ImproperlyConfigured(f"{name}: {key}={text} is no figure from 0 on.")
        figures[key] = figure
    return figures
