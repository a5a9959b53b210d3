"""The figures of the desk: every number opens the list that it counts."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from complaints.afterwards import reports, root_causes, silent
from complaints.afterwards.reports import Period, Row
from complaints.models import CorrectiveAction, Metric
from complaints.models.remedies import RemedyKind
from core.accounts.models import Role, User
from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError
from core.lib.periods import mall_midnight
from crm.desk.complaints.queue import address_of
from crm.desk.today import now, today
from customers.models import Product, Standing

DAYS = 30
TONES = {"breached": "red", "unassigned": "amber", "reopened": "amber"}


class PeriodForm(forms.Form):
    since = forms.DateField(label=gettext_lazy("From"), widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=gettext_lazy("Until"), widget=forms.DateInput(attrs={"type": "date"}))


class PlanForm(forms.Form):
    title = forms.CharField(label=gettext_lazy("What is to change"), max_length=200)
    owner = forms.ModelChoiceField(
        label=gettext_lazy("Who sees to it"),
        queryset=User.objects.filter(is_active=True).exclude(role=Role.CLIENT).order_by("full_name"),
    )
    due_on = forms.DateField(label=gettext_lazy("Due"), widget=forms.DateInput(attrs={"type": "date"}))
    target_rate = forms.FloatField(label=gettext_lazy("Target: cases per 1,000 orders"), min_value=0)


class ReasonForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)


def _period(request: StaffRequest) -> tuple[Period, PeriodForm]:
    """Whole days of the mall; the last thirty when nothing sensible is asked for."""
    day = today()
    form = PeriodForm(request.GET if "since" in request.GET else None)
    first, last = day - timedelta(days=DAYS - 1), day
    if form.is_bound and form.is_valid() and form.cleaned_data["since"] <= form.cleaned_data["until"]:
        first, last = form.cleaned_data["since"], form.cleaned_data["until"]
    shown = PeriodForm(initial={"since": first, "until": last})
    return Period(mall_midnight(first), mall_midnight(last + timedelta(days=1))), shown


@needs(Permission.VIEW_COMPLAINT_REPORTS)
def complaint_reports(request: StaffRequest) -> HttpResponse:
    user, at = request.user, now()
    period, form = _period(request)
    names = {person.pk: str(person) for person in User.objects.all()}
    classes = dict(Standing.Class.choices)
    kept, due = reports.promises_kept(period)
    products = _named(reports.by_product(user, period, at))
    ages = reports.backlog_age(user, at)
    rate = reports.per_thousand_orders(user, period, at)
    return render(
        request,
        "desk/complaints/reports.html",
        {
            "form": form,
            "figures": [
                {
                    "label": figure.label,
                    "count": figure.count,
                    "href": address_of(figure.filters),
                    "tone": TONES.get(figure.name, "grey") if figure.count else "grey",
                }
                for figure in reports.figures(user, period, at)
            ],
            "rate": f"{rate:.1f}" if rate is not None else "–",
            "breakdowns": [
                {"title": title, "rows": _rows(rows), "empty": empty}
                for title, rows, empty in (
                    (_("By category"), reports.by_category(user, period, at), _("No complaint in this time.")),
                    (_("By root cause"), reports.by_root_cause(user, period, at), _("No cause has been named yet.")),
                    (
                        _("By responsible department"),
                        reports.by_department(user, period, at),
                        _("No cause has been named yet."),
                    ),
                    (_("By class"), reports.by_class(user, period, at), _("No complaint in this time.")),
                    (_("By product, the ten most"), products, _("No product has been named.")),
                )
            ],
            "attainment": [
                {
                    "label": metric.label,
                    "rows": [_attained(row, classes) for row in reports.attainment(user, period, metric, at)],
                }
                for metric in (Metric.FIRST_RESPONSE, Metric.RESOLUTION)
            ],
            "backlog": {
                "labels": list(ages),
                "series": [{"name": _("Open cases"), "data": list(ages.values())}],
                "x": _("days since they were said"),
            },
            "satisfaction": [
                {"agent": names.get(agent or 0, "–"), "answers": count, "mean": f"{mean:.1f}"}
                for agent, count, mean in reports.satisfaction(period)
            ],
            "remedies": [
                {
                    "class": classes[customer_class],
                    "kind": RemedyKind(kind).label,
                    "count": count,
                    "total": total,
                    "points": kind == RemedyKind.POINTS,
                }
                for customer_class, kind, count, total in reports.remedy_cost(period)
            ],
            "pauses": [
                {"owner": names.get(owner or 0, "–"), "cases": count, "many": many}
                for owner, count, many in reports.paused_share(user, period, at)
                if many
            ],
            "repurchase": [
                {
                    "label": _("Answered in time") if state == "met" else _("Answered late"),
                    "count": count,
                    "share": f"{100 * share:.0f} %",
                }
                for state, count, share in reports.first_answer_and_repurchase(period)
            ],
            "lost": _rows(reports.lost_after_complaint(period)),
            "kept": kept,
            "due": due,
            "berg": silent.iceberg(since=period.since, until=period.until),
        },
    )


def _named(rows: list[Row]) -> list[Row]:
    """Products by name where the shop has told it."""
    names = dict(Product.objects.filter(external_id__in=[row.key for row in rows]).values_list("external_id", "name"))
    return [replace(row, label=names.get(str(row.key), row.label)) for row in rows]


def _rows(rows: list[Row]) -> list[dict[str, Any]]:
    most = max((row.count for row in rows), default=1)
    return [
        {"label": row.label, "count": row.count, "href": address_of(row.filters), "most": most} for row in rows[:12]
    ]


def _attained(row: reports.Attainment, classes: dict[int, Any]) -> dict[str, Any]:
    return {
        "class": classes[row.customer_class],
        "kept": row.kept,
        "missed": row.missed,
        "share": f"{100 * row.share:.0f} %" if row.share is not None else "–",
        "tone": "red" if row.share is not None and row.share < 0.8 else "grey",
        "median": _spent(row.median_seconds),
        "p90": _spent(row.p90_seconds),
    }


def _spent(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02d}"


# Causes that keep coming back ------------------------------------------------------------------------------------------


@needs(Permission.WORK_COMPLAINTS)
def actions(request: StaffRequest) -> HttpResponse:
    rows = CorrectiveAction.objects.select_related("root_cause__department", "owner").prefetch_related("cases")
    running = rows.filter(status__in=root_causes.RUNNING).order_by("due_on", "pk")
    lead = may(request.user, Permission.LEAD_COMPLAINTS)
    return render(
        request,
        "desk/complaints/actions.html",
        {
            "rows": [
                {
                    "action": action,
                    "late": action.status == CorrectiveAction.Status.OPEN and action.due_on < today(),
                    "cases": action.cases.count(),
                    "form": PlanForm(
                        auto_id=f"plan-{action.pk}-%s",
                        initial={
                            "title": action.title,
                            "owner": action.owner_id,
                            "due_on": action.due_on,
                            "target_rate": round(action.target_rate, 2),
                        },
                    ),
                    "mine": lead or action.owner_id == request.user.pk,
                }
                for action in running
            ],
            "ended": rows.exclude(status__in=root_causes.RUNNING).order_by("-ended_on")[:20],
        },
    )


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def act(request: StaffRequest, pk: int) -> HttpResponse:
    """Plan, done, worked, given up: by the head of the desk or the one who sees to it."""
    action = CorrectiveAction.objects.filter(pk=pk).first()
    if action is None or not (may(request.user, Permission.LEAD_COMPLAINTS) or action.owner_id == request.user.pk):
        raise Http404
    by, at, deed = request.user, now(), request.POST.get("do", "")
    try:
        if deed == "plan":
            plan = PlanForm(request.POST)
            if not plan.is_valid():
                messages.error(request, _("Say what is to change, by whom and until when."))
                return redirect("desk:complaint_actions")
            root_causes.plan_action(pk, by=by, at=at, **plan.cleaned_data)
        elif deed == "done":
            root_causes.mark_done(pk, by=by, on=today(), at=at)
        elif deed == "close":
            root_causes.close_action(pk, by=by, on=today(), at=at)
        else:
            root_causes.drop_action(pk, by=by, on=today(), at=at, reason=request.POST.get("reason", "")[:200])
        messages.success(request, _("Stored"))
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("desk:complaint_actions")
