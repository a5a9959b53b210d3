"""What the page of one change shows: its sentences, its figures, whom it moves, and who may confirm it."""

from datetime import datetime
from typing import Any, NamedTuple

from core.accounts.deciding import Waiting
from core.accounts.permissions import StaffRequest, may
from core.accounts.roles import rights_of
from core.lib.periods import mall_day
from core.rulebook import changes
from core.rulebook.kinds import Kind, Number
from core.rulebook.models import RuleChange
from crm.desk.paging import Page, page_of
from crm.desk.rulebook.rules_page import plain, written_at
from crm.flows.rulebook import kinds as rulebook
from customers.access import visible_to
from customers.models import Customer

State = RuleChange.State
SHOWN = 50


class Figure(NamedTuple):
    """A figure as it is, as it would be, and as it came; empty while it has not."""

    label: Any
    before: Number
    after: Number
    came: Number | None
    differs: bool


class Mover(NamedTuple):
    """A customer whom the rule moves; the name for who may see it."""

    number: str
    name: str
    before: Any
    after: Any


def context_of(request: StaffRequest, kind: Kind, change: RuleChange, *, at: datetime) -> dict[str, Any]:
    compared = changes.compared(kind, change, at=at)
    figures = [
        Figure(
            kind.figures[row.name],
            plain(row.before),
            plain(row.after),
            None if row.came is None else plain(row.came),
            row.before != row.after,
        )
        for row in compared
        if row.name in kind.figures
    ]
    before = _before(kind, change)
    waiting = rulebook.shown(change, request.user)
    last = changes.newest(kind)
    is_open = change.state == State.OPEN
    scheduled = last is not None and last.starts_at is not None and last.starts_at > at
    return {
        "change": change,
        "kind": kind,
        "differences": kind.differences(before, change.content),
        "figures": figures,
        "came": any(figure.came is not None for figure in figures),
        "movers": _movers(request, kind, change, at),
        "moved": len(change.moves),
        "stays": kind.stays(change.rolls_back) if change.rolls_back else [],
        "doubts": kind.doubts(change.content, changes.figures_of(change)) if is_open else [],
        "is_open": is_open,
        "is_fresh": changes.fresh(kind, change, at=at),
        "confirms": may(request.user, kind.confirms),
        "waiting": waiting,
        "who": _who(waiting),
        "can_withdraw": change.state == State.CONFIRMED
        and scheduled
        and last is not None
        and last.number == change.version
        and may(request.user, kind.confirms),
        "can_roll_back": change.state == State.CONFIRMED
        and change.version is not None
        and changes.before_it(kind, change.version, at=at) is not None
        and may(request.user, kind.edits),
        "edit_url": written_at(kind, request.user),
    }


def _who(waiting: Waiting) -> str:
    return ", ".join(str(person) for person in waiting.others)


def _before(kind: Kind, change: RuleChange) -> dict[str, Any] | None:
    """What the version said beside which the change was written."""
    rows = kind.versions(50)
    return next((row.content for row in rows if row.number == change.based_on), None)


def _movers(request: StaffRequest, kind: Kind, change: RuleChange, at: datetime) -> Page:
    """By number; names for roles that see the customer. Numbers tell nobody who it is."""
    moves = {customer: (before, after) for customer, before, after in change.moves}
    rows = Customer.objects.filter(pk__in=list(moves)).order_by("number").values_list("pk", "number")
    page = page_of(request, rows, SHOWN)
    people = list(page.rows)
    names: dict[int, str] = {}
    if rights_of(request.user).sees_customers:
        visible = visible_to(request.user, mall_day(at)).filter(pk__in=[pk for pk, _number in people])
        names = dict(visible.values_list("pk", "name"))
    return page.of(
        [Mover(number, names.get(pk, ""), *(kind.state(state) for state in moves[pk])) for pk, number in people]
    )
