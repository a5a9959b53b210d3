"""Customers long absent, and those registered who never bought."""

from django.http import HttpResponse
from django.shortcuts import render

from core.accounts.permissions import StaffRequest, mask, needs
from core.accounts.roles import Field, Permission
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import today
from segmentation import queries, rules

SHOWN = 100


@needs(Permission.WORK_ALERTS)
@takeable("long-absent")
def long_absent(request: StaffRequest) -> HttpResponse:
    day = today()
    days = int(rules.constants(day)["long_absence_days"] or 113)
    never = request.GET.get("list") == "never"
    absent_rows = queries.long_absent(request.user, day, days=days)
    never_rows = queries.never_activated(request.user, day)
    page = page_of(request, never_rows if never else absent_rows, SHOWN)
    for row in page.rows:
        mask(request.user, row, value=Field.VALUE, potential=Field.VALUE)
    context = {
        "days": days,
        "never": never,
        "absent_count": absent_rows.count(),
        "never_count": never_rows.count(),
        "page": page,
    }
    return render(request, "desk/work/long_absent.html", context)
