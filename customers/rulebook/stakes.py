"""The table of risks as the rulebook changes it: what it would do is the order of everybody's queue, before and after."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from django.db.models import Max
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts.models import User
from core.accounts.roles import Permission
from core.lib.errors import Invalid
from core.lib.periods import mall_day
from core.rulebook.kinds import Content, Foretold, Kind, Number, Version
from core.rulebook.models import RuleChange
from customers import todo
from customers.models import RiskRules, Todo
from customers.work import stakes

# What of a queue somebody sees at once.
FIRST_SCREEN = 25


class RiskKind(Kind):
    name = "stakes"
    label = gettext_lazy("What is at stake")
    edits = Permission.EDIT_RULES
    confirms = Permission.PUBLISH_TIERS
    figures = {
        "rows": gettext_lazy("Rows that wait in all queues today"),
        "moved": gettext_lazy("Rows that change their place in their queue"),
        "new": gettext_lazy("Rows that come onto a first screen (25 rows)"),
    }

    def state(self, code: int) -> str:
        """A place in somebody's queue."""
        return _("place %(n)d") % {"n": code}

    def checked(self, content: Content) -> Content:
        return {"shares": {reason: str(_share(reason, content)) for reason in stakes.FIRST.shares}}

    def versions(self, limit: int) -> list[Version]:
        rows = RiskRules.objects.filter(withdrawn_at=None).select_related("by").order_by("-version")[:limit]
        later = [Version(row.version, {"shares": row.shares}, row.starts_at, row.reason, row.by) for row in rows]
        first = {"shares": {reason: str(share) for reason, share in stakes.FIRST.shares.items()}}
        return [*later, Version(stakes.FIRST.version, first, None, "Defaults", None)][:limit]

    def foretell(self, content: Content, *, starts_on: date, at: datetime, rolls_back: int | None) -> Foretold:
        """Every queue of today in the order of the table in force, and in that of this one."""
        before, after = stakes.in_force(at=at), stakes.table_of(0, content["shares"])
        count = moved = new = 0
        moves: dict[int, tuple[int, int]] = {}
        for queue in _queues(at):
            old, rows = _places(queue, before), {row.pk: row for row in queue}
            count += len(queue)
            for pk, place in _places(queue, after).items():
                moved += place != old[pk]
                new += place <= FIRST_SCREEN < old[pk]
                if place != old[pk] and min(place, old[pk]) <= FIRST_SCREEN:
                    moves.setdefault(rows[pk].customer_id, (old[pk], place))
        return Foretold({"rows": (count, count), "moved": (0, moved), "new": (0, new)}, moves)

    def put_in_force(self, change: RuleChange, *, starts_at: datetime, by: User, at: datetime) -> int:
        """What is open is worth by it at once, or from the night of its day on."""
        newest = RiskRules.objects.aggregate(newest=Max("version"))["newest"] or stakes.FIRST.version
        rules = RiskRules.objects.create(
            version=newest + 1,
            shares=change.content["shares"],
            starts_at=starts_at,
            reason=change.reason,
            by=change.by,
            at=at,
        )
        if starts_at <= at:
            stakes.restake(at=at)
        return rules.version

    def take_back(self, version: int, *, at: datetime) -> None:
        RiskRules.objects.filter(version=version).update(withdrawn_at=at)

    def happened(self, version: int, *, at: datetime) -> Mapping[str, Number] | None:
        """Queues move on by themselves every minute: there is nothing to compare."""
        return None

    def differences(self, before: Content | None, after: Content) -> list[str]:
        old = stakes.table_of(0, before["shares"] if before else {})
        return [
            _("%(option)s: %(after)s instead of %(before)s.")
            % {
                "option": Todo.Reason(reason).label,
                "before": f"{stakes.percent(old.shares[reason])} %",
                "after": f"{stakes.percent(share)} %",
            }
            for reason, share in stakes.table_of(0, after["shares"]).shares.items()
            if share != old.shares[reason]
        ]

    def says(self, content: Content) -> list[tuple[str, str]]:
        shares = stakes.table_of(0, content["shares"]).shares
        return [(str(Todo.Reason(reason).label), f"{stakes.percent(share)} %") for reason, share in shares.items()]

    def notice_days(self, content: Content) -> int:
        """Nobody was promised in which order work is done."""
        return 0


RULES = RiskKind()


def _share(reason: str, content: Content) -> Decimal:
    """As it is written: two to four digits after the point."""
    try:
        share = Decimal(str(content.get("shares", {}).get(reason, stakes.FIRST.shares[reason])))
    except InvalidOperation:
        share = Decimal(-1)
    if not 0 < share <= 1:
        raise Invalid(
            _("%(option)s: give more than 0 and at most 100 per cent, so that no work has nothing at stake.")
            % {"option": Todo.Reason(reason).label},
            code="share",
        )
    return share.quantize(Decimal("0.0001")).normalize() + Decimal("0.00")


class _Row(NamedTuple):
    """A task as far as its place depends on it."""

    pk: int
    customer_id: int
    reason: str
    band: int
    by_hour: datetime | None
    due_at: datetime | None
    due_on: date
    at_stake: Decimal
    value: Decimal | None

    def place_by(self, table: stakes.Table) -> tuple[Any, ...]:
        """As `todo.order` sorts, with what is at stake by this table."""
        measured = self.reason not in table.shares
        stake = (
            self.at_stake if measured else stakes.of(self.reason, value=self.value or Decimal(0), table=table).amount
        )
        hours = [(hour is None, hour and hour.timestamp()) for hour in (self.by_hour, self.due_at)]
        return self.band, hours[0], -stake, hours[1], self.due_on, self.pk


def _queues(at: datetime) -> Iterator[list[_Row]]:
    """What waits for each person today."""
    today = mall_day(at)
    fields = (
        "pk",
        "customer_id",
        "reason",
        "band",
        "by_hour",
        "due_at",
        "due_on",
        "at_stake",
        "customer__standing__value",
    )
    queues = defaultdict[int | None, list[_Row]](list)
    waiting = todo.in_bands(Todo.objects.all(), today, at).values_list("owner", "customer__manager", *fields)
    for owner, manager, *row in waiting:
        queues[owner or manager].append(_Row(*row))
    yield from queues.values()


def _places(queue: list[_Row], table: stakes.Table) -> dict[int, int]:
    ordered = sorted(queue, key=lambda row: row.place_by(table))
    return {row.pk: n for n, row in enumerate(ordered, start=1)}
