"""The value matrix: who stands where, who moved, and how concentrated the value really is."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from crm.desk.today import today
from segmentation import queries

STRATEGY = {
    1: gettext_lazy("Serve at low cost; no personal time."),
    2: gettext_lazy("Develop: widen what they buy, offer the full solution."),
    3: gettext_lazy("Hold: keep promises, answer fast, no experiments."),
    4: gettext_lazy("The best managers, first in every queue."),
}
PLACE = {1: "ll", 2: "lh", 3: "hl", 4: "hh"}


@needs(Permission.VIEW_MATRIX)
def matrix(request: StaffRequest) -> HttpResponse:
    user, day = request.user, today()
    rows = queries.aggregates(user, day)
    quadrants = queries.quadrants(rows)
    night = queries.last_night()
    curve = queries.concentration()
    opens_lists = may(user, Permission.LIST_CUSTOMERS)
    total = sum(q.value for q in quadrants.values()) or 1
    tiles = [
        {
            "code": code,
            "numeral": ["I", "II", "III", "IV"][code - 1],
            "strategy": STRATEGY[code],
            "quadrant": quadrants[code],
            "share": round(100 * quadrants[code].value / total),
            "url": f"{reverse('desk:customers')}?matrix_type={code}" if opens_lists else "",
        }
        for code in (2, 4, 1, 3)
    ]
    return render(
        request,
        "desk/numbers/matrix.html",
        {
            "tiles": tiles,
            "night": night,
            "chart": _scatter(request, night, tiles) if night else None,
            "curve": _curve(curve),
            "real": curve,
            "real_percent": round(100 * curve.for_80_percent, 1),
            "top_percent": round(100 * curve.by_top_20_percent, 1),
            "movers": queries.movers(user, day)[:30],
            "opens_lists": opens_lists,
        },
    )


def _scatter(request: StaffRequest, night: Any, tiles: list[dict[str, Any]]) -> dict[str, Any]:
    points = queries.matrix_points(request.user, today())
    return {
        "x": _("Current value"),
        "y": _("Growth potential"),
        "scale": "root",
        "cut": {"x": night.value_bar / 100, "y": night.potential_bar / 100},
        "points": [
            [float(value), float(potential), name, reverse("desk:customer", args=[pk])]
            for pk, name, value, potential, _type in points
        ],
        "quadrants": {
            PLACE[tile["code"]]: {
                "label": tile["numeral"],
                "count": tile["quadrant"].customers,
                "url": tile["url"],
            }
            for tile in tiles
        },
    }


def _curve(curve: Any) -> dict[str, Any]:
    return {
        "x": _("Share of customers"),
        "y": _("Share of value"),
        "points": list(zip(curve.customers, curve.value, strict=True)),
        "reference": {"x": 0.2, "y": 0.8, "label": "80/20"},
        "actual": {"x": curve.for_80_percent, "y": 0.8, "label": _("This shop")},
        "curve": _("Value, largest first"),
    }
