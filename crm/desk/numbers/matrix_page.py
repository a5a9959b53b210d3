"""The value matrix as it is drawn: the four tiles, the scatter and the curve of concentration."""

from typing import Any, NamedTuple

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts.models import User
from core.accounts.permissions import may
from core.accounts.roles import Permission
from crm.desk.today import today
from segmentation import queries
from segmentation.maths.classes import Concentration
from segmentation.models import Night

STRATEGY = {
    1: gettext_lazy("Serve at low cost; no personal time."),
    2: gettext_lazy("Develop: widen what they buy, offer the full solution."),
    3: gettext_lazy("Hold: keep promises, answer fast, no experiments."),
    4: gettext_lazy("The best managers, first in every queue."),
}
NUMERALS = {1: "I", 2: "II", 3: "III", 4: "IV"}
PLACE = {1: "ll", 2: "lh", 3: "hl", 4: "hh"}


class Tile(NamedTuple):
    """One type of the matrix: how many customers, their share of the value in per cent, and the list it opens."""

    code: int
    numeral: str
    strategy: Any
    quadrant: queries.Quadrant
    share: int
    url: str


def tiles(user: User) -> list[Tile]:
    """The four types as they stand on the page, potential upwards and value to the right."""
    quadrants = queries.quadrants(queries.aggregates(user, today()))
    total = sum(quadrant.value for quadrant in quadrants.values()) or 1
    address = reverse("desk:customers") if may(user, Permission.LIST_CUSTOMERS) else ""
    return [
        Tile(
            code,
            NUMERALS[code],
            STRATEGY[code],
            quadrants[code],
            round(100 * quadrants[code].value / total),
            f"{address}?matrix_type={code}" if address else "",
        )
        for code in (2, 4, 1, 3)
    ]


def scatter(user: User, night: Night, shown: list[Tile]) -> dict[str, Any]:
    """The chart of all customers the user may see, cut at the bars of the last night."""
    return {
        "x": _("Current value"),
        "y": _("Growth potential"),
        "scale": "root",
        "cut": {"x": night.value_bar / 100, "y": night.potential_bar / 100},
        "points": [
            [float(value), float(potential), name, reverse("desk:customer", args=[pk])]
            for pk, name, value, potential, _type in queries.matrix_points(user, today())
        ],
        "quadrants": {
            PLACE[tile.code]: {"label": tile.numeral, "count": tile.quadrant.customers, "url": tile.url}
            for tile in shown
        },
    }


def concentration(curve: Concentration) -> dict[str, Any]:
    """The chart of how much of the value how many customers bring."""
    return {
        "x": _("Share of customers"),
        "y": _("Share of value"),
        "points": list(zip(curve.customers, curve.value, strict=True)),
        "reference": {"x": 0.2, "y": 0.8, "label": "80/20"},
        "actual": {"x": curve.for_80_percent, "y": 0.8, "label": _("This shop")},
        "curve": _("Value, largest first"),
    }
