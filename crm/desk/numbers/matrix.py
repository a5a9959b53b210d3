"""The value matrix: who stands where, who moved, and how concentrated the value really is."""

from django.http import HttpResponse
from django.shortcuts import render

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.numbers import matrix_page
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import today
from segmentation import queries
from segmentation.shop import notes

MOVERS_SHOWN = 30


@needs(Permission.VIEW_MATRIX)
@takeable("value-matrix")
def matrix(request: StaffRequest) -> HttpResponse:
    tiles = matrix_page.tiles(request.user)
    night = queries.last_night()
    curve = queries.concentration()
    return render(
        request,
        "desk/numbers/matrix.html",
        {
            "tiles": tiles,
            "night": night,
            "unusual": queries.unusual(request.user, notes.OF_VALUES),
            "chart": matrix_page.scatter(request.user, night, tiles) if night else None,
            "curve": matrix_page.concentration(curve),
            "real_percent": round(100 * curve.for_80_percent, 1),
            "top_percent": round(100 * curve.by_top_20_percent, 1),
            "movers": page_of(request, queries.movers(request.user, today()), MOVERS_SHOWN),
        },
    )
