"""The alerts: open, or ended."""

from typing import NamedTuple

from django.http import HttpResponse
from django.shortcuts import render

from core.accounts.permissions import StaffRequest, mask, needs
from core.accounts.roles import Field, Permission
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import today
from crm.desk.work.forms import FilterForm
from segmentation import queries
from segmentation.models import Alert
from segmentation.reading.rhythm import Silence, silence_of
from segmentation.shop import notes

SHOWN = 100


class Row(NamedTuple):
    """An alert, and its silence as it is on the day it is read."""

    alert: Alert
    silence: Silence


@needs(Permission.WORK_ALERTS)
@takeable("alerts")
def alerts(request: StaffRequest) -> HttpResponse:
    form = FilterForm(request.GET)
    state = form.cleaned_data["state"] if form.is_valid() else ""
    rows = queries.closed_alerts(request.user, today()) if state else queries.open_alerts(request.user, today())
    if form.is_valid():
        if state and state != "closed":
            rows = rows.filter(state=state)
        if form.cleaned_data["kind"]:
            rows = rows.filter(kind=form.cleaned_data["kind"])
        if form.cleaned_data["undecided"]:
            rows = rows.filter(decision="")
    page = page_of(request, rows, SHOWN)
    for row in page.rows:
        mask(request.user, row, severity=Field.VALUE)
    page = page.of([Row(row, silence_of(row, on=today())) for row in page.rows])
    context = {
        "form": form,
        "page": page,
        "count": rows.count(),
        "closed": bool(state),
        "silent": [] if state else queries.silent_sources(),
        "unusual": [] if state else queries.unusual(request.user, notes.OF_ALERTS),
    }
    return render(request, "desk/work/alerts.html", context)
