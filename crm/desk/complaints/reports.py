"""The figures of the desk: every number opens the list that it counts."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from complaints.afterwards import reports, silent
from complaints.afterwards.reports import Counted, Period, Row
from complaints.cases import surveys
from complaints.models import Metric
from complaints.models.remedies import RemedyKind
from core.accounts.models import User
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib.periods import mall_midnight
from crm.desk.complaints.forms import PeriodForm
from crm.desk.complaints.queue.links import address_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from customers.models import Product, Standing

DAYS = 30
# Beyond them a day more, or another zone, is no date.
FIRST, LAST = date(1970, 1, 1), date(2100, 12, 31)
TONES = {"breached": "red", "unassigned": "amber", "reopened": "amber"}


def _period(request: StaffRequest) -> tuple[Period, PeriodForm]:
    """Whole days of the mall; the last thirty when nothing sensible is asked for."""
    day = today()
    form = PeriodForm(request.GET if "since" in request.GET else None)
    first, last = day - timedelta(days=DAYS - 1), day
    if form.is_bound and form.is_valid() and FIRST <= form.cleaned_data["since"] <= form.cleaned_data["until"] <= LAST:
        first, last = form.cleaned_data["since"], form.cleaned_data["until"]
    shown = PeriodForm(initial={"since": first, "until": last})
    return Period(mall_midnight(first), mall_midnight(last + timedelta(days=1))), shown


@needs(Permission.VIEW_COMPLAINT_REPORTS)
@takeable("complaint-figures", people=False)
def complaint_reports(request: StaffRequest) -> HttpResponse:
    # Addresses say moments to the second: a list is of the same one as the number that opens it.
    user, at = request.user, now().replace(microsecond=0)
    period, form = _period(request)
    names = {person.pk: str(person) for person in User.objects.all()}
    kept, due = reports.promises_kept(user, period, at)
    rate = reports.per_thousand_orders(user, period, at)
    return render(
        request,
        "desk/complaints/reports.html",
        {
            "form": form,
            "figures": _figures(user, period, at),
            "rate": f"{rate:.1f}" if rate is not None else "–",
            "breakdowns": _breakdowns(user, period, at),
            "attainment": [
                Attainment(str(metric.label), [_attained(row) for row in reports.attainment(user, period, metric, at)])
                for metric in (Metric.FIRST_RESPONSE, Metric.RESOLUTION)
            ],
            "backlog": _backlog(user, at),
            "satisfaction": [
                Satisfaction(names.get(row.agent or 0, "–"), _linked(row.answered), f"{row.mean:.1f}")
                for row in reports.satisfaction(user, period, at)
            ],
            "unsent": surveys.waiting(now=at),
            "unsent_days": surveys.GOOD_FOR.days,
            "remedies": _remedies(user, period, at),
            "pauses": [
                Pauses(names.get(row.owner or 0, "–"), _linked(row.cases), _linked(row.many))
                for row in reports.paused_share(user, period, at)
            ],
            "repurchase": _repurchase(user, period, at),
            "lost": _bars(reports.lost_after_complaint(user, period, at)),
            "kept": _linked(kept),
            "due": _linked(due),
            "berg": silent.iceberg(since=period.since, until=period.until),
        },
    )


@dataclass(frozen=True)
class Linked:
    """A number and the list that it opens."""

    count: int
    href: str


def _linked(counted: Counted) -> Linked:
    return Linked(counted.count, address_of(counted.filters))


def _backlog(user: User, at: datetime) -> dict[str, Any]:
    """A bar for each age; each opens its cases."""
    ages = reports.backlog_age(user, at)
    data = [{"value": row.count, "url": address_of(row.filters)} for row in ages]
    return {
        "labels": [row.label for row in ages],
        "series": [{"name": _("Open cases"), "data": data}],
        "x": _("days since they were said"),
    }


@dataclass(frozen=True)
class Figure:
    label: str
    count: int
    href: str
    tone: str


def _figures(user: User, period: Period, at: datetime) -> list[Figure]:
    return [
        Figure(
            str(figure.label),
            figure.count,
            address_of(figure.filters),
            TONES.get(figure.name, "grey") if figure.count else "grey",
        )
        for figure in reports.figures(user, period, at)
    ]


@dataclass(frozen=True)
class Bar:
    label: str
    count: int
    href: str
    most: int


class Breakdown(NamedTuple):
    title: str
    rows: list[Bar]
    empty: str


def _breakdowns(user: User, period: Period, at: datetime) -> list[Breakdown]:
    none, no_cause = _("No complaint in this time."), _("No cause has been named yet.")
    return [
        Breakdown(_("By category"), _bars(reports.by_category(user, period, at)), none),
        Breakdown(_("By root cause"), _bars(reports.by_root_cause(user, period, at)), no_cause),
        Breakdown(_("By responsible department"), _bars(reports.by_department(user, period, at)), no_cause),
        Breakdown(_("By class"), _bars(reports.by_class(user, period, at)), none),
        Breakdown(
            _("By product, the ten most"),
            _bars(_named(reports.by_product(user, period, at))),
            _("No product has been named."),
        ),
    ]


def _named(rows: list[Row]) -> list[Row]:
    """Products by name where the shop has told it."""
    names = dict(Product.objects.filter(external_id__in=[row.key for row in rows]).values_list("external_id", "name"))
    return [replace(row, label=names.get(str(row.key), row.label)) for row in rows]


def _bars(rows: list[Row]) -> list[Bar]:
    most = max((row.count for row in rows), default=1)
    return [Bar(str(row.label), row.count, address_of(row.filters), most) for row in rows[:12]]


class Attained(NamedTuple):
    served_as: str
    kept: Linked
    missed: Linked
    share: str
    tone: str
    median: str
    p90: str


class Attainment(NamedTuple):
    label: str
    rows: list[Attained]


def _attained(row: reports.Attainment) -> Attained:
    return Attained(
        str(Standing.Class(row.customer_class).label),
        _linked(row.kept),
        _linked(row.missed),
        share=f"{100 * row.share:.0f} %" if row.share is not None else "–",
        tone="red" if row.share is not None and row.share < 0.8 else "grey",
        median=_spent(row.median_seconds),
        p90=_spent(row.p90_seconds),
    )


def _spent(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02d}"


class Satisfaction(NamedTuple):
    agent: str
    answers: Linked
    mean: str


@dataclass(frozen=True)
class Given:
    """Remedies of one kind for one class, counted and added up."""

    served_as: str
    kind: str
    cases: Linked
    times: int
    total: Decimal
    points: bool


def _remedies(user: User, period: Period, at: datetime) -> list[Given]:
    return [
        Given(
            str(Standing.Class(row.customer_class).label),
            str(RemedyKind(row.kind).label),
            _linked(row.cases),
            row.times,
            row.total,
            points=row.kind == RemedyKind.POINTS,
        )
        for row in reports.remedy_cost(user, period, at)
    ]


class Pauses(NamedTuple):
    owner: str
    cases: Linked
    many: Linked


@dataclass(frozen=True)
class Repurchase:
    """`share` is empty as long as nobody has had the 90 days."""

    label: str
    had_time: Linked
    came_back: Linked
    share: str
    waiting: Linked
    not_before: date | None


def _repurchase(user: User, period: Period, at: datetime) -> list[Repurchase]:
    return [
        Repurchase(
            _("Answered in time") if row.state == "met" else _("Answered late"),
            _linked(row.had_time),
            _linked(row.came_back),
            f"{100 * row.came_back.count / row.had_time.count:.0f} %" if row.had_time.count else "",
            _linked(row.has_time),
            row.not_before,
        )
        for row in reports.first_answer_and_repurchase(user, period, at)
    ]
