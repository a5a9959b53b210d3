"""What is at stake with a piece of work: risk × max(value, 0), by one table for every reason.

The risks order the work, they forecast nothing. A new table is a new VERSION: open work keeps the parts it was opened
with until the night works it out anew.
"""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from django.db import connection
from django.utils.functional import Promise as Lazy
from django.utils.translation import gettext_lazy as _

from core.lib import sql
from customers.models import Standing, Todo

VERSION = 1
CENT = Decimal("0.01")
_STEPS = sql.steps(__file__, "restake")


class Risk(NamedTuple):
    """`share` of the value that is risked; None: measured for each customer. `of_potential`: of that, not of the value."""

    share: Decimal | None
    source: Lazy | str
    of_potential: bool = False


RISKS: Mapping[str, Risk] = {
    Todo.Reason.PROMISE: Risk(
        Decimal("0.30"), _("Of customers who are let down, 70 % go on buying if they are attended to quickly")
    ),
    Todo.Reason.ALERT: Risk(None, _("The chance that this customer does not buy again within two usual intervals")),
    Todo.Reason.CONTACT: Risk(
        Decimal("0.10"), _("A planned contact: our own assumption until enough plans were kept and missed")
    ),
    Todo.Reason.TIER: Risk(
        Decimal("0.10"), _("A level lost is not a customer lost: our own assumption until it can be measured")
    ),
    Todo.Reason.PROMISING: Risk(
        Decimal("0.20"), _("The best fifth of those like them became big: share of the potential"), of_potential=True
    ),
    Todo.Reason.RISING: Risk(
        Decimal("0.20"), _("The best fifth of those like them became big: share of the potential"), of_potential=True
    ),
}


class Stake(NamedTuple):
    """The money, and what it is the product of."""

    amount: Decimal
    risk: Decimal
    value: Decimal

    @property
    def parts(self) -> dict[str, str | int]:
        """As they are stored with the work: the product of `risk` and `value`, rounded to a cent, is the amount."""
        return {"risk": str(self.risk), "value": str(self.value), "version": VERSION}


def of(reason: str, *, value: Decimal, risk: Decimal | None = None) -> Stake:
    """What is at stake. `risk`: measured for this customer, where the table leaves it open; never where it does not."""
    listed = RISKS[reason].share
    share = listed if listed is not None else risk if risk is not None else Decimal(0)
    worth = max(value, Decimal(0)).quantize(CENT)
    return Stake((share * worth).quantize(CENT, ROUND_HALF_UP), share, worth)


def fill(todos: Iterable[Todo]) -> None:
    """Unsaved tasks that nobody gave a stake have one, of what their customers are worth now."""
    bare = [todo for todo in todos if not todo.stake_parts]
    ids = {todo.customer_id for todo in bare}
    worth = {row[0]: row[1:] for row in Standing.objects.filter(pk__in=ids).values_list("pk", "value", "potential")}
    for todo in bare:
        value, potential = worth.get(todo.customer_id, (Decimal(0), Decimal(0)))
        put(todo, of(todo.reason, value=potential if RISKS[todo.reason].of_potential else value))


def put(todo: Todo, stake: Stake) -> None:
    todo.at_stake, todo.stake_parts = stake.amount, stake.parts


def restake() -> int:
    """Open work is worth what its customers are worth now; what has a measured risk keeps its own. Returns how many rows
    changed.
    """
    changed = 0
    with connection.cursor() as cursor:
        for reason, risk in RISKS.items():
            if risk.share is not None:
                terms: dict[str, str | int] = {
                    "reason": reason,
                    "share": str(risk.share),
                    "version": VERSION,
                    "of_potential": risk.of_potential,
                }
                cursor.execute(_STEPS["restake"], terms)
                changed += cursor.rowcount
    return changed


class Printed(NamedTuple):
    """The parts of one row's stake as a page prints them: amount = `percent` × value."""

    percent: str
    value: Decimal
    amount: Decimal
    version: int
    source: str
    of_potential: bool


def printed(todo: Todo) -> Printed | None:
    """What the amount of this row is made of; None for work that was opened before its parts were stored."""
    parts = todo.stake_parts
    if not parts:
        return None
    risk = RISKS[todo.reason]
    percent = Decimal(parts["risk"]) * 100
    return Printed(
        f"{percent.normalize():f}",
        Decimal(parts["value"]),
        todo.at_stake,
        parts["version"],
        str(risk.source),
        risk.of_potential,
    )
