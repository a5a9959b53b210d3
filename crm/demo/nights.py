"""The past of the demo mall: its last nights, worked by the real night, each as of its own day and hour."""

import time
from collections.abc import Callable
from datetime import date, datetime, timedelta

from django.db import transaction

from core.lib.periods import mall_moment
from crm.flows import nightly

NIGHTS = 45
HOUR = 2


@transaction.atomic
def work(today: date, *, nights: int = NIGHTS) -> int:
    """The nights before `today` have been worked, the oldest first, all of them or none; returns how many."""
    for days in range(nights, 0, -1):
        night = today - timedelta(days=days)
        nightly.run(night, now=_clock(night))
    return nights


def _clock(night: date) -> Callable[[], datetime]:
    """A clock that stood at two in the morning of this day when it was asked for."""
    began, at = time.perf_counter(), mall_moment(night, HOUR)
    return lambda: at + timedelta(seconds=time.perf_counter() - began)
