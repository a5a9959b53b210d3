"""The nights that have run: how long, what changed, what went wrong; and the backtest of the rules."""

from typing import Any, NamedTuple

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from core.accounts import audit
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.jobs import runs
from core.jobs.models import JobRun
from crm.desk.acting import submit
from crm.desk.numbers.forms import CutForm
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from crm.flows import nightly
from crm.operating import health
from segmentation import backtest as verbs
from segmentation import queries
from segmentation.models import Backtest
from segmentation.shop import notes

SHOWN = 30
COUNTS = (
    ("customers", gettext_lazy("Customers")),
    ("rows_written", gettext_lazy("Rows written")),
    ("class_changes", gettext_lazy("Class changes")),
    ("type_changes", gettext_lazy("Type changes")),
    ("alerts_opened", gettext_lazy("Alerts opened")),
    ("alerts_recovered", gettext_lazy("Bought again")),
)
METHODS = {
    "value": gettext_lazy("Laoke's value"),
    "orders": gettext_lazy("Expected orders alone"),
    "own_rate": gettext_lazy("Own recent profit alone"),
    "past_times_horizon": gettext_lazy("Past profit × horizon (naive)"),
}


class NightRow(NamedTuple):
    """One night: how long it took (None until it is over), and (label, count) of what it did."""

    run: JobRun
    seconds: float | None
    counts: list[tuple[Any, Any]]


class ValueRow(NamedTuple):
    """How well one method forecast the value: error in yuan, the share of the best fifth it found in per cent."""

    method: Any
    error: float
    top: float


@needs(Permission.VIEW_NIGHTS)
@takeable("nights", people=False)
def nights(request: StaffRequest) -> HttpResponse:
    page = page_of(request, JobRun.objects.filter(job=nightly.JOB).order_by("-business_date"), SHOWN)
    rows = [
        NightRow(run, _seconds(run), [(label, run.counts.get(name, "")) for name, label in COUNTS]) for run in page.rows
    ]
    context = {
        "rows": rows,
        "page": page,
        "columns": [label for _name, label in COUNTS],
        "backup": health.backup_notice(at=now()),
        "silent": queries.silent_sources(),
        "unusual": queries.unusual(request.user, (*notes.OF_ALERTS, notes.DOMINATES)),
    }
    return render(request, "desk/numbers/nights.html", context)


def _seconds(run: JobRun) -> float | None:
    return (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else None


@needs(Permission.RUN_NIGHT)
@require_POST
def run_night(request: StaffRequest) -> HttpResponse:
    """Plan tonight's run, or work it once more, also when it is done; a worker takes it up within seconds."""
    planned = runs.ask_for(nightly.JOB, today(), at=now())
    if planned.state == JobRun.State.RUNNING:
        messages.info(request, _("Today's night is being worked now."))
    else:
        messages.success(request, _("Planned: a worker takes it up within seconds."))
        audit.record(request.user, "night.planned", planned, at=now())
    return redirect("desk:nights")


@needs(Permission.VIEW_NIGHTS)
@takeable("backtest", people=False)
def backtest(request: StaffRequest) -> HttpResponse:
    return _measured(request, CutForm())


@needs(Permission.RUN_NIGHT)
@require_POST
def run_backtest(request: StaffRequest) -> HttpResponse:
    form = CutForm(request.POST)
    if submit(request, form, lambda data: verbs.run(data["cut"], by=request.user, at=now()), _("Measured")):
        return redirect("desk:backtest")
    return _measured(request, form)


def _measured(request: StaffRequest, form: CutForm) -> HttpResponse:
    latest = Backtest.objects.order_by("-at").first()
    return render(
        request,
        "desk/numbers/backtest.html",
        {"backtest": latest, "form": form, "value_rows": _value_rows(latest)},
        status=422 if form.errors else 200,
    )


def _value_rows(latest: Backtest | None) -> list[ValueRow]:
    if latest is None:
        return []
    return [
        ValueRow(METHODS.get(row["method"], row["method"]), row["error"] / 100, row["top_fifth"] * 100)
        for row in latest.table["value"]
    ]
