"""How many customers one person gets to see on a day of the mall: more than work asks for, and far fewer than there are.

Whoever counts numbers up, or leafs through a whole list, comes to an end; whoever works does not.
"""

from datetime import date, datetime

from django.core.cache import cache
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import DomainError
from customers.models import Lookup

MOST_OPENED = 600
# By whole numbers, of those who find anybody by one.
MOST_LOOKED_UP = 200
# Numbers that nobody has, within an hour.
MOST_MISSES = 20
HOUR, DAY = 3600, 24 * 3600


class TooMany(DomainError):
    """Nothing more is shown for a while."""

    code = "too_many_customers"
    status = 429


def too_many_opened() -> TooMany:
    return TooMany(
        _("You have opened %(most)d customers today, and no more are shown before midnight. Ask your team lead.")
        % {"most": MOST_OPENED}
    )


def hold_look_ups(user: User, customer_ids: set[int], on: date) -> None:
    """Raises TooMany when these, with those looked up before, are more than one person may look up on a day."""
    before = set(Lookup.objects.filter(user=user, on=on).values_list("customer", flat=True))
    if len(before | customer_ids) > max(MOST_LOOKED_UP, len(before)):
        raise TooMany(
            _("You have looked up %(most)d customers today, and no more are found before midnight. Ask your lead.")
            % {"most": MOST_LOOKED_UP}
        )


def count_miss(user: User) -> None:
    """One number more that nobody has. Raises TooMany after too many of them within an hour."""
    key = f"misses:{user.pk}"
    cache.add(key, 0, HOUR)
    if cache.incr(key) > MOST_MISSES:
        raise TooMany(
            _("You have looked for %(most)d numbers within an hour that nobody has. Wait an hour, or ask your lead.")
            % {"most": MOST_MISSES}
        )


def tell(user: User, *, at: datetime) -> None:
    """It is on record, once a day, that this person has come to an end of what they may see."""
    if cache.add(f"too_many:{user.pk}", 1, DAY):
        audit.record(user, "customers.too_many", user, at=at)
