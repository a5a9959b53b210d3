"""How the pages of the room say a status and a moment."""

from datetime import datetime

from django.utils.translation import gettext as _

from complaints.models import Case
from core.lib.periods import mall_time
from crm.desk.today import today

Status = Case.Status
TONES = {
    Status.NEW: "blue",
    Status.IN_PROGRESS: "blue",
    Status.WAITING_CUSTOMER: "grey",
    Status.WAITING_INTERNAL: "violet",
    Status.RESOLVED: "green",
    Status.CLOSED: "grey",
}


def tone_of(case: Case) -> str:
    return TONES.get(Status(case.status), "grey")


def in_words(at: datetime) -> str:
    """A moment as one says it: today 17:00, tomorrow 09:30, 11-20 10:00."""
    local = mall_time(at)
    days = (local.date() - today()).days
    if days == 0:
        return _("today %(time)s") % {"time": f"{local:%H:%M}"}
    if days == 1:
        return _("tomorrow %(time)s") % {"time": f"{local:%H:%M}"}
    return f"{local:%m-%d %H:%M}"


def day_and_time(at: datetime) -> str:
    return f"{mall_time(at):%m-%d %H:%M}"
