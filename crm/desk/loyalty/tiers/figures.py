"""What a draft would do, as the pages show it: figures with names only of customers in reach."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from django.http import QueryDict
from django.urls import reverse

from core.accounts.models import User
from core.lib.money import from_minor
from crm.desk.loyalty.tiers.members import answers_for_all, sees_names
from crm.desk.today import today
from customers.access import visible_to
from customers.models import Customer
from loyalty.maths.tiers import Basis
from loyalty.models import TierSimulation
from loyalty.tier_rules import Content, LevelTerms
from loyalty.tiers.simulation import Figures, named_moves

NEAREST = 5
# So many of those who move are listed beside the table whose cells list all of them.
LISTED = 30
Amount = Callable[[int], Decimal | int]


@dataclass(frozen=True)
class Cell:
    """How many go from one level to another; `url` lists them, where somebody may look."""

    count: int
    same: bool
    url: str


class CellRow(NamedTuple):
    label: str
    cells: list[Cell]


class BigCustomer(NamedTuple):
    customer: int
    name: str
    before: str
    after: str
    amount: Decimal | int
    value: Decimal


class Missing(NamedTuple):
    customer: int
    name: str
    gap: Decimal | int


@dataclass(frozen=True)
class NearLevel:
    name: str
    count: int
    nearest: list[Missing]


class SparingThreshold(NamedTuple):
    name: str
    at: Decimal | int


class Mover(NamedTuple):
    """A customer whom the draft moves; the name for who may see it. Numbers tell nobody who it is."""

    number: str
    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Outcome:
    """The figures of a simulation for one pair of eyes. Money in yuan, a year's worth."""

    counts_orders: bool
    rows: list[CellRow]
    big_count: int
    out_of_reach: int
    big: list[BigCustomer]
    near: list[NearLevel]
    spared: list[SparingThreshold]
    value_of_fallen: Decimal
    cost_before: Decimal
    cost_after: Decimal
    cost_change: Decimal
    credit_change: Decimal


def context_of(
    figures: Figures, content: Content, user: User, simulation: TierSimulation | None = None
) -> dict[str, Any]:
    """What `_figures.html` needs."""
    return {
        "figures": figures,
        "simulation": simulation,
        "outcome": outcome(figures, content, user, simulation),
        **(_movers(simulation, user) if simulation and not figures["first"] else {}),
    }


def _movers(simulation: TierSimulation, user: User) -> dict[str, Any]:
    """The first of those who move, and how many there are."""
    moves = named_moves(simulation)
    people = Customer.objects.filter(pk__in=list(moves)).order_by("number").values_list("pk", "number")[:LISTED]
    rows = list(people)
    visible = visible_to(user, today()) if sees_names(user) else Customer.objects.none()
    names = dict(visible.filter(pk__in=[pk for pk, _number in rows]).values_list("pk", "name"))
    return {
        "movers": [Mover(number, names.get(pk, ""), *moves[pk]) for pk, number in rows],
        "moved": len(moves),
    }


def outcome(figures: Figures, content: Content, user: User, simulation: TierSimulation | None) -> Outcome:
    orders = content["basis"] == Basis.ORDERS
    names = _names(figures, user)
    opens = sees_names(user) or answers_for_all(user)
    listed = simulation if opens and not figures["first"] else None

    def amount(minor: int) -> Decimal | int:
        return minor if orders else from_minor(minor)

    return Outcome(
        counts_orders=orders,
        rows=_rows(figures, listed),
        big_count=len(figures["big_worse"]),
        out_of_reach=sum(1 for row in figures["big_worse"] if row["customer"] not in names),
        big=_big(figures, content["levels"], names, amount),
        near=_near(figures, names, amount),
        spared=[SparingThreshold(row["name"], amount(row["at"])) for row in figures["spared"]],
        value_of_fallen=from_minor(figures["value_of_fallen"]),
        cost_before=from_minor(figures["cost_before"]),
        cost_after=from_minor(figures["cost_after"]),
        cost_change=from_minor(figures["cost_after"] - figures["cost_before"]),
        credit_change=from_minor(figures["credit_after"] - figures["credit_before"]),
    )


def _names(figures: Figures, user: User) -> dict[int, str]:
    ids = [row["customer"] for row in figures["big_worse"]]
    ids += [row["customer"] for near in figures["near"] for row in near["nearest"]]
    people = visible_to(user, today()) if sees_names(user) else Customer.objects.none()
    return dict(people.filter(pk__in=ids).values_list("pk", "name"))


def _rows(figures: Figures, listed: TierSimulation | None) -> list[CellRow]:
    return [
        CellRow(
            label,
            [
                Cell(count, label == to, _address(listed, label, to) if listed and count and label != to else "")
                for to, count in zip(figures["to"], counts, strict=True)
            ],
        )
        for label, counts in zip(figures["from"], figures["table"], strict=True)
    ]


def _address(simulation: TierSimulation, before: str, after: str) -> str:
    where = QueryDict(mutable=True)
    where.update({"before": before, "after": after})
    return f"{reverse('desk:tiers_moves', args=[simulation.pk])}?{where.urlencode()}"


def _big(figures: Figures, levels: list[LevelTerms], names: dict[int, str], amount: Amount) -> list[BigCustomer]:
    return [
        BigCustomer(
            row["customer"],
            names[row["customer"]],
            levels[row["before"]]["name"],
            levels[row["after"]]["name"],
            amount(row["amount"]),
            from_minor(row["value"]),
        )
        for row in figures["big_worse"]
        if row["customer"] in names
    ]


def _near(figures: Figures, names: dict[int, str], amount: Amount) -> list[NearLevel]:
    rows = []
    for near in figures["near"]:
        nearest = [
            Missing(row["customer"], names[row["customer"]], amount(row["gap"]))
            for row in near["nearest"]
            if row["customer"] in names
        ]
        if near["count"]:
            rows.append(NearLevel(near["name"], near["count"], nearest[:NEAREST]))
    return rows
