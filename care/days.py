"""Working days, as plans need them: on which working day falls what would fall on a day off. Pure."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple

DAY = timedelta(days=1)
# No plan is longer than two years, and what has been due for longer is due anyway.
REACH = timedelta(days=1100)
LONGEST_PAUSE = 60


class WorkingDays(NamedTuple):
    """Each closed day around a date with the open day after it, and all open days; in order."""

    closed: list[date]
    opens: list[date]
    working: list[date]

    def first(self, day: date) -> date:
        """This day if it is a working day, else the next one."""
        found = dict(zip(self.closed, self.opens, strict=True))
        return found.get(day, day)


def around(day: date, works: Callable[[date], bool]) -> WorkingDays:
    """The working days of three years before and after. A pause of more than two months counts as none."""
    closed, opens, working = list[date](), list[date](), list[date]()
    current, following = day + REACH + LONGEST_PAUSE * DAY, day + REACH + LONGEST_PAUSE * DAY
    while current >= day - REACH:
        if works(current):
            following = current
            working.append(current)
        else:
            closed.append(current)
            opens.append(following if (following - current).days <= LONGEST_PAUSE else current)
        current -= DAY
    return WorkingDays(closed[::-1], opens[::-1], working[::-1])
