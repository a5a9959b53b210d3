"""The day a page speaks of, taken once at the door."""

from datetime import date, datetime

from django.utils import timezone

from core.lib.periods import mall_day


def now() -> datetime:
    return timezone.now()


def today() -> date:
    return mall_day(now())
