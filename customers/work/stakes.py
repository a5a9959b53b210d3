"""What is at stake with a piece of work: risk × max(value, 0), by one table for every reason.

The risks order the work, they forecast nothing. The first version of the table is here, later ones are rows that an
administrator makes (`customers/rulebook/stakes.py`); open work keeps the parts it was opened with until the night works
it out anew.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from django.db import connection
from django.utils.functional import Promise as Lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.lib import sql
from customers.models import RiskRules, Standing, Todo

CENT = Decimal("0.01")
_STEPS = sql.steps(__file__, "restake")


class Risk(NamedTuple):
    """`share` of the value that is risked, as the first version has it; None: measured for each customer."""

    share: Decimal | None
    source: Lazy | str


RISKS: Mapping[str, Risk] = {
    Todo.Reason.PROMISE: Risk(
        Decimal("0.30"), _("Of customers who are let down, 70 % go on buying if they are attended to quickly")
    ),
    Todo.Reason.ALERT: Risk(None, _("The chance that this customer does not buy again within two usual intervals")),
    Todo.Reason.CONTACT: Risk(
        Decimal("0.10"), _("A planned contact: our own assumption until enough plans were kept and missed")
    ),
    Todo.Reason.PLAN: Risk(
        None,
        _(
            "A tenth when a whole interval has passed unused: our own assumption until enough plans were kept and missed"
        ),
    ),
    Todo.Reason.BOOKED: Risk(
        Decimal("0.10"), _("An appointment that is not kept: our own assumption until it can be measured")
    ),
    Todo.Reason.TIER: Risk(
        Decimal("0.10"), _("A level lost is not a customer lost: our own assumption until it can be measured")
    ),
    Todo.Reason.CREDIT: Risk(
        Decimal("0.10"), _("Who owes for long buys elsewhere: our own assumption until it can be measured")
    ),
    Todo.Reason.CHECK: Risk(Decimal("0.02"), _("The record may be wrong: our own assumption, only to order the work")),
    Todo.Reason.RISING: Risk(None, _("A fifth of what they could buy: our own assumption, only to order the work")),
    Todo.Reason.LETTER: Risk(
        Decimal("0.10"), _("A letter that waits for a colleague: our own assumption, only to order the work")
    ),
}


class Table(NamedTuple):
    """One version: the share of each reason that has one."""

    version: int
    shares: Mapping[str, Decimal]


FIRST = Table(1, {reason: risk.share for reason, risk in RISKS.items() if risk.share is not None})


def in_force(*, at: datetime) -> Table:
    """The table of that moment; what a version does not name is as in the first one."""
    rows = RiskRules.objects.filter(starts_at__lte=at, withdrawn_at=None).order_by("-version")
    newest = rows.values_list("version", "shares").first()
    return table_of(*newest) if newest else FIRST


def table_of(version: int, shares: Mapping[str, str]) -> Table:
    return Table(version, {reason: Decimal(shares.get(reason, share)) for reason, share in FIRST.shares.items()})


class Stake(NamedTuple):
    """The money, what it is the product of, and by which version."""

    amount: Decimal
    risk: Decimal
    value: Decimal
    version: int

    @property
    def parts(self) -> dict[str, str | int]:
        """As they are stored with the work: the product of `risk` and `value`, rounded to a cent, is the amount."""
        return {"risk": str(self.risk), "value": str(self.value), "version": self.version}


def of(reason: str, *, value: Decimal, risk: Decimal | None = None, table: Table = FIRST) -> Stake:
    """What is at stake. `risk`: measured for this customer, where the table leaves it open; never where it does not."""
    listed = table.shares.get(reason)
    share = listed if listed is not None else risk if risk is not None else Decimal(0)
    worth = max(value, Decimal(0)).quantize(CENT)
    return Stake((share * worth).quantize(CENT, ROUND_HALF_UP), share, worth, table.version)


def fill(todos: Iterable[Todo]) -> None:
    """Unsaved tasks that nobody gave a stake have one, of what their customers are worth now."""
    bare = [todo for todo in todos if not todo.stake_parts]
    if not bare:
        return
    table = in_force(at=max(todo.opened_at for todo in bare))
    ids = {todo.customer_id for todo in bare}
    worth = dict(Standing.objects.filter(pk__in=ids).values_list("pk", "value"))
    for todo in bare:
        put(todo, of(todo.reason, value=worth.get(todo.customer_id, Decimal(0)), table=table))


def put(todo: Todo, stake: Stake) -> None:
    todo.at_stake, todo.stake_parts = stake.amount, stake.parts


def restake(*, at: datetime) -> int:
    """Open work is worth what its customers are worth now, by the table in force; what has a measured risk keeps its
    own. Returns how many rows changed.
    """
    changed, table = 0, in_force(at=at)
    with connection.cursor() as cursor:
        for reason, share in table.shares.items():
            terms: dict[str, str | int] = {"reason": reason, "share": str(share), "version": table.version}
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


def printed(todo: Todo) -> Printed | None:
    """What the amount of this row is made of; None for work that was opened before its parts were stored."""
    parts = todo.stake_parts
    if not parts:
        return None
    stake = Stake(todo.at_stake, Decimal(parts["risk"]), Decimal(parts["value"]), parts["version"])
    return printed_of(todo.reason, stake)


def printed_of(reason: str, stake: Stake) -> Printed:
    """The same for what is no stored work."""
    risk = RISKS[reason]
    set_here = risk.share is not None and stake.risk != risk.share
    source = gettext("Set by this mall; Laoke starts with %(percent)s %%") if set_here else str(risk.source)
    return Printed(
        percent(stake.risk),
        stake.value,
        stake.amount,
        stake.version,
        source % {"percent": percent(risk.share)} if set_here and risk.share is not None else source,
    )


def percent(share: Decimal) -> str:
    """0.125 is “12.5”."""
    return f"{(share * 100).normalize():f}"
