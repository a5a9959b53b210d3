"""The digest as a page, and the first lines of the day as the e-mail has them."""

from datetime import date, datetime
from typing import Any

from core.accounts.models import User
from crm.desk.work import day as my_day
from crm.flows import digest


def context(user: User, day: date, at: datetime) -> dict[str, Any]:
    """What the digest of this day says to this person."""
    told = digest.of(user, day, at=at)
    return {"digest": told, "day": day, "first": my_day.rows(told.first, user, day)}
