"""How often we talk with whom: rows, of which the one that says most of somebody wins."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from care.models import Means, PlanRules, Who
from core.lib.errors import Invalid
from customers.models import Standing

MOST_ROWS, LONGEST = 40, 730
Class, Type = Standing.Class, Standing.Type


class Row(NamedTuple):
    """Whom it is for (None: whoever; `served` as what, `rank`: at least this level), and what it asks."""

    served: int | None = None
    type: int | None = None
    rank: int | None = None
    every: int = 0
    means: str = Means.TALK
    who: str = Who.MANAGER
    visits: int = 0
    leader_visits: int = 0

    @property
    def weight(self) -> tuple[int, int, int]:
        """The level first, then the type, then the class: whichever row says more of somebody stands before."""
        return self.rank if self.rank is not None else -1, int(self.type is not None), int(self.served is not None)


class Table(NamedTuple):
    """One version: its rows in the order in which they are asked."""

    version: int
    rows: tuple[Row, ...]

    @property
    def content(self) -> list[dict[str, Any]]:
        return [{"place": n, **row._asdict()} for n, row in enumerate(self.rows, start=1)]


# Ours; one employer's rule: the best monthly and in person, the next quarterly, the others by message.
DEFAULT = (
    Row(Class.BIG, Type.IV, None, 21, visits=2),
    Row(Class.BIG, None, None, 30, visits=1),
    Row(Class.ACTIVE, Type.II, None, 45, who=Who.EITHER),
    Row(Class.ACTIVE, None, None, 90, who=Who.ASSISTANT),
)


def table_of(version: int, rows: Sequence[Mapping[str, Any]]) -> Table:
    """As they are stored, in the order in which they are asked."""
    return Table(version, ordered([Row(**row) for row in rows]))


def ordered(rows: Iterable[Row]) -> tuple[Row, ...]:
    return tuple(sorted(rows, key=lambda row: row.weight, reverse=True))


FIRST = Table(1, ordered(DEFAULT))


def in_force(*, at: datetime) -> Table:
    newest = PlanRules.objects.filter(starts_at__lte=at, withdrawn_at=None).order_by("-version").first()
    return table_of(newest.version, newest.rows) if newest else FIRST


def of_version(version: int) -> Table:
    """The rows of that version, for the why of what was worked out by it."""
    row = PlanRules.objects.filter(version=version).first() if version != FIRST.version else None
    return table_of(version, row.rows) if row else FIRST


def checked(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows in one form of writing, in the order in which they are asked. Raises Invalid."""
    if not rows or len(rows) > MOST_ROWS:
        raise Invalid(_("Give at least one row, and at most %(most)d.") % {"most": MOST_ROWS}, code="plan_rows")
    found: dict[tuple[Any, ...], Row] = {}
    for told in rows:
        row = _checked(told)
        if row[:3] in found:
            raise Invalid(_("Two rows are for the same customers: %(whom)s.") % {"whom": whom(row)}, code="plan_twice")
        found[row[:3]] = row
    return [row._asdict() for row in ordered(found.values())]


def _checked(told: Mapping[str, Any]) -> Row:
    try:
        numbers = {name: _number(told.get(name)) for name in ("served", "type", "rank", "every")}
        visits, leaders = _number(told.get("visits")) or 0, _number(told.get("leader_visits")) or 0
    except (TypeError, ValueError):
        raise Invalid(_("Write whole numbers."), code="plan_number") from None
    every = numbers["every"] or 0
    row = Row(
        numbers["served"],
        numbers["type"],
        numbers["rank"],
        every,
        str(told.get("means") or Means.TALK),
        str(told.get("who") or Who.MANAGER),
        visits,
        leaders,
    )
    if not 1 <= every <= LONGEST:
        raise Invalid(
            _("%(whom)s: talk with them every 1 to %(most)d days.") % {"whom": whom(row), "most": LONGEST},
            code="plan_every",
        )
    if row.served not in (None, *Class.values) or row.type not in (None, *Type.values):
        raise Invalid(_("There is no such class or type."), code="plan_whom")
    if row.rank is not None and not 0 <= row.rank <= 99:
        raise Invalid(_("There is no such level."), code="plan_whom")
    if row.served == Class.RANDOM and row.type is None and row.rank is None:
        raise Invalid(_("Random customers are served without personal time: name a type or a level."), code="plan_whom")
    if row.means not in Means.values or row.who not in Who.values:
        raise Invalid(_("There is no such means or person."), code="plan_how")
    if not 0 <= row.visits <= 52 or not 0 <= row.leader_visits <= 12:
        raise Invalid(_("At most 52 visits a year, and 12 of a leader."), code="plan_visits")
    return row


def _number(value: Any) -> int | None:
    return None if value in (None, "") else int(value)


def whom(row: Row) -> str:
    """Whom the row is for, in the reader's words."""
    parts = []
    if row.served is not None:
        parts.append(
            _("served as %(class)s") % {"class": Class(row.served).label} if row.served in Class.values else "?"
        )
    if row.type is not None:
        parts.append(_("type %(type)s") % {"type": Type(row.type).label} if row.type in Type.values else "?")
    if row.rank is not None:
        parts.append(_("level %(rank)d or above") % {"rank": row.rank})
    return ", ".join(parts) or _("everybody")


def asks(row: Row) -> str:
    """What the row asks, in the reader's words."""
    parts = [ngettext("every %(n)d day", "every %(n)d days", row.every) % {"n": row.every}]
    if row.means in Means.values:
        parts.append(str(Means(row.means).label).lower())
    if row.who in Who.values:
        parts.append(str(Who(row.who).label).lower())
    if row.visits:
        parts.append(ngettext("%(n)d visit a year", "%(n)d visits a year", row.visits) % {"n": row.visits})
    if row.leader_visits:
        text = ngettext("%(n)d visit of a leader a year", "%(n)d visits of a leader a year", row.leader_visits)
        parts.append(text % {"n": row.leader_visits})
    return " · ".join(parts)
