"""What one night changed: who moved from where to where and why, which alerts it opened, and which it ended."""

from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import render

from core.accounts.models import User
from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import today
from customers.access import scope_filter
from segmentation.models import Alert, Change, Night
from segmentation.reading import moves
from segmentation.reading.rhythm import in_short, silence_of

SHOWN = 50


@needs(Permission.VIEW_NIGHTS)
@takeable("night")
def night(request: StaffRequest, day: str) -> HttpResponse:
    """Each of what the night counted, with its why: of the customers one may see, and how many others there are."""
    found = Night.objects.select_related("rules", "fit").filter(as_of=_day(day)).first()
    if found is None:
        raise Http404
    changes = Change.objects.filter(moves.of_night(found))
    opened, ended = Alert.objects.filter(opened_on=found.as_of), Alert.objects.filter(closed_on=found.as_of)
    seen = _seen(request.user, changes).select_related("customer").order_by("-value", "customer_id")
    page = page_of(request, seen, SHOWN)
    context: dict[str, Any] = {
        "night": found,
        "moves": page.of(moves.explained(page.rows, found, request.user)),
        "moved": changes.count(),
        "moved_seen": seen.count(),
        "opened": opened.count(),
        "ended": ended.count(),
        "alerts_of": may(request.user, Permission.WORK_ALERTS),
    }
    for name, alerts in (("alerts_opened", opened), ("alerts_ended", ended)):
        rows = _seen(request.user, alerts).select_related("customer", "closed_by").order_by("-severity", "pk")
        shown = page_of(request, rows, SHOWN, name)
        context[name] = shown.of([(alert, in_short(silence_of(alert, on=found.as_of))) for alert in shown.rows])
        context[f"{name}_seen"] = rows.count()
    return render(request, "desk/numbers/night.html", context)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Http404 from None


def _seen(user: User, rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.filter(scope_filter(user, today(), "customer__", book="customer__standing__"))
