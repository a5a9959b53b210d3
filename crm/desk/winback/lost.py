"""The lost: a list by cause, product line and rival, whose every figure opens the list that it counts."""

from datetime import date, timedelta
from typing import Any, NamedTuple

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from core.accounts.permissions import StaffRequest, needs, sees
from core.accounts.roles import Field, Permission
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import today
from crm.desk.winback.forms import FilterForm
from segmentation.leaving import lost as queries
from segmentation.leaving.lost import Filters, Share
from segmentation.models import Alert

SHOWN = 50
# Bars of one picture; the rest stands in the last one, which opens nothing.
BARS = 10
QUARTER, YEAR = timedelta(days=91), timedelta(days=365)
# More than this share of *other* hides what could be learnt.
TOO_MANY_OTHER = 0.3


class Row(NamedTuple):
    """A lost customer with the answers, each in its column."""

    alert: Alert
    why: str
    chance: str
    rival: str
    compared: str


class Part(NamedTuple):
    """One picture and its table: how many of the lost, by one thing."""

    name: str
    title: str
    chart: dict[str, Any]


class Chip(NamedTuple):
    label: str
    url: str
    active: bool


@needs(Permission.WORK_ALERTS)
@takeable("lost")
def lost(request: StaffRequest) -> HttpResponse:
    user, form = request.user, FilterForm(request.GET)
    filters = form.filters()
    rows = queries.lost(user, today(), filters)
    page = page_of(request, rows.select_related("customer__standing", "line", "manager_at_close", "closed_by"), SHOWN)
    causes, count = queries.by_cause(rows, filters), rows.count()
    other = next(share.number for share in causes if share.key == Alert.Cause.OTHER)
    context = {
        "form": form,
        "page": page.of([_row(alert) for alert in page.rows]),
        "count": count,
        "returned": rows.filter(returned_on__isnull=False).count(),
        "returned_url": _address(Filters(**{**filters.__dict__, "returned": True})),
        "chances": [_kpi(label, rows, filters, value) for value, label in Alert.Chance.choices],
        "other": other if other and other > TOO_MANY_OTHER * count else 0,
        "chips": _periods(request.GET, today()),
        "parts": _parts(rows, filters, causes) if count else [],
        "shows_profit": sees(user, Field.VALUE) and sees(user, Field.MARGIN),
        "narrowed": filters != Filters(),
    }
    return render(request, "desk/winback/lost.html", context)


class Kpi(NamedTuple):
    label: str
    number: int
    url: str


def _kpi(label: Any, rows: Any, filters: Filters, chance: str) -> Kpi:
    url = _address(Filters(**{**filters.__dict__, "chance": chance}))
    return Kpi(str(label), rows.filter(chance=chance).count(), url)


def _row(alert: Alert) -> Row:
    told, service = alert.interview, ""
    if alert.rival_service is not None:
        service = str(alert.get_rival_service_display())
    compared = " · ".join(filter(None, [service, told.get("compared", "")]))
    chance = " · ".join(
        filter(None, [str(alert.get_chance_display()) if alert.chance else "", told.get("recoverable", "")])
    )
    return Row(alert, told.get("why", ""), chance, told.get("rival", "").strip(), compared)


def _parts(rows: Any, filters: Filters, causes: list[Share]) -> list[Part]:
    lines = queries.by_line(rows, filters, unknown=_("Not known"))
    rivals = queries.by_rival(rows, filters, unknown=_("None named"))
    return [
        Part("by-cause", _("By cause"), _chart(causes)),
        Part("by-line", _("By product line"), _chart(lines)),
        Part("by-rival", _("By rival"), _chart(rivals)),
    ]


def _chart(shares: list[Share]) -> dict[str, Any]:
    """Bars that lie, each leading to its list."""
    shown, rest = shares[:BARS], shares[BARS:]
    labels, counts = [share.label for share in shown], [share.number for share in shown]
    urls = [_address(share.filters) for share in shown]
    if rest:
        labels.append(_("%(n)d others") % {"n": len(rest)})
        counts.append(sum(share.number for share in rest))
    series = [{"name": _("Lost"), "data": counts}]
    return {"labels": labels, "series": series, "urls": urls, "horizontal": True}


def _address(filters: Filters) -> str:
    query = QueryDict(mutable=True)
    told = {
        "since": filters.since.isoformat() if filters.since else "",
        "until": filters.until.isoformat() if filters.until else "",
        "cause": filters.cause,
        "line": "" if filters.line is None else str(filters.line),
        "rival": filters.rival,
        "chance": filters.chance,
        "returned": {True: "yes", False: "no", None: ""}[filters.returned],
    }
    query.update({name: value for name, value in told.items() if value})
    return f"{reverse('desk:lost')}?{query.urlencode()}" if query else reverse("desk:lost")


def _periods(view: QueryDict, day: date) -> list[Chip]:
    """The last quarter, the last year, all; whatever else narrows the list stays."""
    chips = []
    for label, span in ((_("Quarter"), QUARTER), (_("Year"), YEAR), (_("All"), None)):
        query, since = view.copy(), (day - span).isoformat() if span else ""
        for name in ("page", "since", "until"):
            query.pop(name, None)
        if since:
            query["since"] = since
        active = view.get("since", "") == since and not view.get("until")
        chips.append(Chip(label, f"?{query.urlencode()}", active))
    return chips
