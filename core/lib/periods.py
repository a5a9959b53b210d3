"""Days and times of the mall's own time zone, whatever the server's zone. Nothing else asks for the mall's midnight."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.lib import mall


def mall_zone() -> ZoneInfo:
    return ZoneInfo(mall.facts().time_zone)


def mall_time(at: datetime) -> datetime:
    """The instant as the mall's clocks show it. Raises ValueError for a time without offset."""
    if at.tzinfo is None:
        raise ValueError("a time needs its offset")
    return at.astimezone(mall_zone())


def mall_day(at: datetime) -> date:
    """The business date: the mall's calendar day of an instant."""
    return mall_time(at).date()


def mall_moment(day: date, hour: int, minute: int = 0) -> datetime:
    """When the mall's clocks show hour:minute on that day."""
    return datetime.combine(day, time(hour, minute), mall_zone())


def mall_midnight(day: date) -> datetime:
    """The first moment of that day in the mall."""
    return mall_moment(day, 0)


def next_mall_time(after: datetime, hour: int, minute: int = 0) -> datetime:
    """The first instant later than `after` at which the mall's clocks show hour:minute."""
    today = mall_day(after)
    moment = mall_moment(today, hour, minute)
    return moment if moment > after else mall_moment(today + timedelta(days=1), hour, minute)
