"""On which days the mall's desk works, as contact plans ask for it."""

from datetime import date

from care.days import WorkingDays, around
from crm.flows.digest import desk_calendar, works


def working_days(today: date) -> WorkingDays:
    """The working days around this one: those of the desk's calendar, without hours of any kind Monday to Friday."""
    calendar = desk_calendar()
    return around(today, lambda day: works(calendar, day))
