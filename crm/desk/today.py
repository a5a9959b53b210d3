"""The day a page speaks of, taken once at the door."""

from datetime import date, datetime

from django.conf import settings
from django.utils import timezone

from crm.lib.periods import business_date


def now() -> datetime:
    return timezone.now()


def today() -> date:
    return business_date(now(), settings.MALL_TIME_ZONE)
