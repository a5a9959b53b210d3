"""What the desk does once a day, after the night has valued the customers. Twice a day changes nothing more."""

from collections.abc import Callable
from datetime import date, datetime

from complaints.afterwards import root_causes, silent
from complaints.attachments import files
from complaints.cases import lifecycle, notices, prompts, surveys
from complaints.promises import calendars
from core.accounts.models import Role
from core.accounts.roles import holders
from core.outbox import delivery

MONDAY = 0


def pieces(*, as_of: date) -> list[Callable[[datetime], dict[str, int]]]:
    """Everything that follows from the day's facts, each a transaction of its own that returns how much it did."""
    todo: list[Callable[[datetime], dict[str, int]]] = [
        lambda at: {"classes_followed": lifecycle.follow_classes(at=at)},
        lambda at: {"closed": lifecycle.close_due(now=at)},
        lambda at: {"prompts_expired": prompts.expire_due(now=at)},
        lambda at: {"surveys_expired": surveys.expire_due(now=at)},
        lambda at: {"files_forgotten": files.forget(at=at)},
        lambda at: {"silent_signs": silent.find(as_of=as_of, at=at)},
        lambda at: {"years_to_confirm": warn_of_unconfirmed_years(at=at)},
        lambda at: {"actions_overdue": root_causes.remind_of_overdue(as_of=as_of, at=at)},
    ]
    if as_of.weekday() == MONDAY:
        todo.append(lambda at: {"actions_opened": root_causes.open_actions(as_of=as_of, at=at)})
    return todo


def warn_of_unconfirmed_years(*, at: datetime) -> int:
    """Administrators are told, once per calendar and year, that deadlines in it are a guess. Returns how many there are."""
    years = calendars.unconfirmed(at)
    admins = list(holders(Role.ADMINISTRATOR).values_list("pk", flat=True))
    for calendar, year in years:
        delivery.tell(
            admins,
            notices.UNCONFIRMED_YEAR,
            {"year": year, "calendar": str(calendar)},
            key=f"year:{calendar.pk}:{year}",
            thread=f"year:{calendar.pk}:{year}",
            at=at,
            link="/complaints/calendars/",
        )
    return len(years)
