"""What a tree comes to for one reader: how many, of which class, who for example; or figures of all together only."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.core.cache import cache
from django.urls import reverse
from django.utils import formats
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.accounts.permissions import may
from core.accounts.roles import Permission, rights_of
from core.lib.conditions import address, tree
from core.lib.conditions.fields import Context, Cost
from core.lib.conditions.kinds import Kind
from core.lib.conditions.tree import All, BadCondition, Node, Not
from core.lib.errors import DomainError
from crm.flows.catalogue import CUSTOMERS
from segmentation.segments import measure, reach

MOST_AN_HOUR = 200
# Figures of fewer people than this are not told to who reads figures of all together.
FEWEST, ROUNDED = 20, 10
AN_HOUR = 3600


@dataclass
class Panel:
    """The panel beside the builder."""

    sentence: str = ""
    refusal: str = ""
    figure: str = ""
    is_estimate: bool = False
    more_comes: bool = False
    seconds: str = ""
    classes: list[tuple[Any, str]] = field(default_factory=list)
    people: list[Any] = field(default_factory=list)
    without: list[tuple[str, str]] = field(default_factory=list)
    opens: str = ""
    too_long: bool = False
    is_everybody: bool = False
    by_name: bool = True
    entering: str = ""
    leaving: str = ""
    compared_with: int = 0


def panel(user: User, node: Node, today: date, *, at: datetime, exact: bool = True) -> Panel:
    """How many the tree holds of whom this user counts. With `exact` False a heavy tree is estimated first."""
    context, by_name = Context(today, user.pk), rights_of(user).sees_customers
    try:
        tree.check_size(node)
        CUSTOMERS.refuse_hidden(node, rights_of(user).hidden, user.pk)
        if not by_name:
            hold_to_figures(user, node, at=at)
        rows = reach.countable(user, today)
        if not exact and measure.is_heavy(node, CUSTOMERS):
            counted = measure.estimate(rows, node, CUSTOMERS, context)
        else:
            counted = measure.measure(rows, node, CUSTOMERS, context)
        shown = Panel(sentence=CUSTOMERS.sentence(node), is_everybody=node == tree.EVERYBODY, by_name=by_name)
        _tell(shown, counted, by_name)
        shown.more_comes = counted.is_estimate and not exact
        if by_name:
            shown.people = [] if counted.is_estimate else measure.at_random(rows, node, CUSTOMERS, context)
            _open(shown, node, user)
    except DomainError as refusal:
        return Panel(sentence="", refusal=str(refusal), by_name=by_name)
    if counted.without and isinstance(node, All):
        shown.without = [
            (CUSTOMERS.sentence(node.parts[line.line]), said(line.size, by_name)) for line in counted.without
        ]
    return shown


def compare(shown: Panel, user: User, node: Node, stored: Node, n: int, today: date) -> None:
    """What the panel says of a change: how many would come and go, against the version that is stored."""
    context = Context(today, user.pk)
    if shown.refusal or node == stored or measure.is_heavy(All((node, stored)), CUSTOMERS):
        return
    rows, by_name = reach.countable(user, today), shown.by_name
    came = rows.filter(CUSTOMERS.compile(All((node, Not(stored))), context)).count()
    gone = rows.filter(CUSTOMERS.compile(All((stored, Not(node))), context)).count()
    shown.entering, shown.leaving, shown.compared_with = said(came, by_name), said(gone, by_name), n


def _tell(shown: Panel, counted: measure.Measure, by_name: bool) -> None:
    shown.is_estimate = counted.is_estimate
    if counted.is_estimate and counted.few:
        shown.figure = _("few")
    elif counted.is_estimate:
        numbers = {name: said(getattr(counted, name), by_name) for name in ("size", "low", "high")}
        shown.figure = _("about %(size)s (%(low)s–%(high)s)") % numbers
    else:
        shown.figure = said(counted.size, by_name)
    shown.seconds = formats.number_format(counted.seconds, 1)
    shown.classes = [(member.label, said(count, by_name)) for member, count in counted.classes]


def said(count: int, by_name: bool) -> str:
    """The number; of people whose names the reader may not see, no small one and only whole tens."""
    if by_name:
        return f"{count:,}"
    if count < FEWEST:
        return _("fewer than %(n)d") % {"n": FEWEST}
    return f"{ROUNDED * round(count / ROUNDED):,}"


def hold_to_figures(user: User, node: Node, *, at: datetime) -> None:
    """For who reads figures only: nothing that points at one person, so many counts an hour, each on record.

    Raises DomainError.
    """
    for _path, leaf in tree.leaves(CUSTOMERS.in_full(node, user.pk)):
        known = CUSTOMERS.by_key[leaf.field]
        points = known.kind is Kind.TEXT or (
            known.cost is Cost.PROBE and known.kind is Kind.HAPPENING and leaf.within == 1
        )
        if points:
            raise DomainError(
                _("“%(field)s” points at single people: it is not for figures of all together.")
                % {"field": known.label},
                code="points_at_one",
            )
    key = f"segment-counts:{user.pk}:{int(at.timestamp()) // AN_HOUR}"
    cache.add(key, 0, AN_HOUR)
    if cache.incr(key) > MOST_AN_HOUR:
        raise DomainError(
            _("You have counted %(n)d times within an hour. Go on in the next one.") % {"n": MOST_AN_HOUR},
            code="too_many_counts",
        )
    audit.record(user, "segment.counted", at=at, digest=tree.digest(node))


def _open(shown: Panel, node: Node, user: User) -> None:
    if not may(user, Permission.LIST_CUSTOMERS):
        return
    try:
        shown.opens = list_of(node)
    except BadCondition:
        shown.too_long = True


def list_of(node: Node) -> str:
    """The list of customers with the same tree in its address. Raises BadCondition where that would be too long."""
    query = urlencode(address.write(node))
    return reverse("desk:customers") + (f"?{query}" if query else "")
