"""The database cannot answer now: it is away, full, or somebody else holds what is wanted. It may in a moment."""

from django.db import DatabaseError, InterfaceError, OperationalError
from django.utils.translation import gettext as _

# Seconds after which whoever was refused may ask again.
RETRY_AFTER = 5
# A wait that was too long, a statement that was ended, a deadlock; and by class: no resources, no connection.
_STATES = ("55P03", "57014", "40P01", "40001", "57P01", "57P02", "57P03", "57P05")
_CLASSES = ("53", "08")


def is_busy(error: BaseException | None) -> bool:
    """Whether the same request can go well later without anybody mending it: an answer 503, not 500."""
    if not isinstance(error, DatabaseError | InterfaceError):
        return False
    state = getattr(error.__cause__, "pgcode", None)
    if state is None:  # the connection broke, or there was none
        return isinstance(error, OperationalError | InterfaceError)
    return state in _STATES or state[:2] in _CLASSES


def sentence() -> str:
    return _("Laoke is busy, or its database is away: nothing was stored. Try again in a few seconds.")
