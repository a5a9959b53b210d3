"""Business dates: days of the mall's own time zone, whatever the server's zone."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings


def business_date(at: datetime, zone: str) -> date:
    """The mall-local calendar day of an instant. Raises ValueError for a time without offset."""
    if at.tzinfo is None:
        raise ValueError("a time needs its offset")
    return at.astimezone(ZoneInfo(zone)).date()


def mall_day(at: datetime) -> date:
    """The business date of an instant in the mall's time zone."""
    return business_date(at, settings.MALL_TIME_ZONE)


def midnight(day: date, zone: str) -> datetime:
    """The first moment of that day in that time zone."""
    return datetime.combine(day, time(), ZoneInfo(zone))


def days_between(first: date, last: date) -> int:
    return (last - first).days


def next_local_time(after: datetime, hour: int, minute: int, zone: str) -> datetime:
    """The first instant later than `after` at which the mall's clocks show hour:minute."""
    local = after.astimezone(ZoneInfo(zone))
    candidate = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return candidate if candidate > local else candidate + timedelta(days=1)
