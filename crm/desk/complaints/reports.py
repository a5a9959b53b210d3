"""The figures of the desk: every number opens the list that it counts."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from complaints.afterwards import reports, silent
from complaints.afterwards.reports import Period, Row
from complaints.cases import surveys
from complaints.models import Metric
from complaints.models.remedies import RemedyKind
from core.accounts.models import User
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib.periods import mall_midnight
from crm.desk.complaints.forms import PeriodForm
from crm.desk.complaints.queue import address_of
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
    user, at = request.user, now()
    period, form = _period(request)
    names = {person.pk: str(person) for person in User.objects.all()}
    kept, due = reports.promises_kept(period)
    ages = reports.backlog_age(user, at)
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
            "backlog": {
                "labels": list(ages),
                "series": [{"name": _("Open cases"), "data": list(ages.values())}],
                "x": _("days since they were said"),
            },
            "satisfaction": [
                Satisfaction(names.get(agent or 0, "–"), count, f"{mean:.1f}")
                for agent, count, mean in reports.satisfaction(period)
            ],
            "unsent": surveys.waiting(now=at),
            "unsent_days": surveys.GOOD_FOR.days,
            "remedies": _remedies(period),
            "pauses": [
                Pauses(names.get(owner or 0, "–"), count, many)
                for owner, count, many in reports.paused_share(user, period, at)
                if many
            ],
            "repurchase": _repurchase(period, at),
            "lost": _bars(reports.lost_after_complaint(period)),
            "kept": kept,
            "due": due,
            "berg": silent.iceberg(since=period.since, until=period.until),
        },
    )


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
    kept: int
    missed: int
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
        row.kept,
        row.missed,
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
    answers: int
    mean: str


@dataclass(frozen=True)
class Given:
    """Remedies of one kind for one class, counted and added up."""

    served_as: str
    kind: str
    count: int
    total: Decimal
    points: bool


def _remedies(period: Period) -> list[Given]:
    return [
        Given(
            str(Standing.Class(customer_class).label),
            str(RemedyKind(kind).label),
            count,
            total,
            points=kind == RemedyKind.POINTS,
        )
        for customer_class, kind, count, total in reports.remedy_cost(period)
    ]


class Pauses(NamedTuple):
    owner: str
    cases: int
    many: int


@dataclass(frozen=True)
class Repurchase:
    """`share` is empty as long as nobody has had the 90 days."""

    label: str
    count: int
    share: str
    waiting: int
    not_before: date | None


def _repurchase(period: Period, at: datetime) -> list[Repurchase]:
    return [
        Repurchase(
            _("Answered in time") if row.state == "met" else _("Answered late"),
            row.customers,
            f"{100 * row.bought / row.customers:.0f} %" if row.customers else "",
            row.waiting,
            row.not_before,
        )
        for row in reports.first_answer_and_repurchase(period, at=at)
    ]
