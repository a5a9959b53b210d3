"""Open alerts, and the workbench on which one is worked to its end."""

from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts import trail
from core.accounts.models import User
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.accounts.trail import Search
from crm.desk.acting import press, submit
from crm.desk.lists import answers
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from crm.desk.work import interval
from crm.desk.work.forms import CommentForm, LostForm, interview_of
from crm.desk.work.lists.alert_list import ALERT_LIST
from customers.access import scope_filter
from segmentation import alerts as verbs
from segmentation import queries
from segmentation.models import Alert
from segmentation.reading.explain import explain
from segmentation.reading.rhythm import sentence
from segmentation.shop import notes

SHOWN = 100


def _visible(user: User) -> QuerySet[Alert]:
    return Alert.objects.filter(scope_filter(user, today(), "customer__", book="customer__standing__")).select_related(
        "customer__standing", "customer__manager", "closed_by"
    )


def _alert_for(user: User, pk: int) -> Alert:
    alert = _visible(user).filter(pk=pk).first()
    if alert is None:
        raise Http404
    return alert


@needs(Permission.WORK_ALERTS)
@takeable("alerts")
def alerts(request: StaffRequest) -> HttpResponse:
    more = {
        "silent": queries.silent_sources(),
        "unusual": queries.unusual(request.user, notes.OF_ALERTS),
    }
    return answers.show(request, ALERT_LIST, "desk/work/alerts.html", **more)


@needs(Permission.WORK_ALERTS)
def alert(request: StaffRequest, pk: int) -> HttpResponse:
    return _workbench(request, _alert_for(request.user, pk))


def _workbench(request: StaffRequest, alert: Alert, *, status: int = 200, **changed: Any) -> HttpResponse:
    why = explain(alert.customer, reader=request.user, on=today(), standing=alert.customer.standing)
    rhythm = why.rhythm if why else None
    context = {
        "alert": alert,
        "customer": alert.customer,
        "sentence": sentence(alert, reader=request.user, on=today(), rhythm=rhythm),
        "interval": interval.chart(interval.purchases(alert.customer, rhythm.last_on), rhythm) if rhythm else None,
        "interview": interview_of(alert),
        "decided": _decided(alert),
        "comments": list(alert.comments.select_related("by").order_by("at")),
        "decisions": [choice for choice in Alert.Decision.choices if choice[0]],
        "lost_form": LostForm(),
        "comment_form": CommentForm(),
    }
    return render(request, "desk/work/alert.html", context | changed, status=status)


class Decided(NamedTuple):
    """What somebody decided about an alert, and until when it is to be done."""

    at: datetime
    by: str
    what: str
    due_on: str


def _decided(alert: Alert) -> list[Decided]:
    """Every decision about the alert as it was made, the latest first."""
    made = trail.entries(Search(actions=["alert.decided"], subject_type="alert", subject_id=alert.pk))
    return [
        Decided(
            entry.at,
            str(entry.actor or ""),
            str(Alert.Decision(entry.detail["decision"]).label),
            str(entry.detail.get("due_on", "")),
        )
        for entry in made[:SHOWN]
    ]


@needs(Permission.WORK_ALERTS)
@require_POST
def comment(request: StaffRequest, pk: int) -> HttpResponse:
    alert = _alert_for(request.user, pk)
    form = CommentForm(request.POST)
    if submit(request, form, lambda data: verbs.comment(alert.pk, by=request.user, at=now(), **data), thanks=""):
        return redirect("desk:alert", pk)
    return _workbench(request, alert, comment_form=form, status=422)


@needs(Permission.WORK_ALERTS)
@require_POST
def decide(request: StaffRequest, pk: int) -> HttpResponse:
    alert = _alert_for(request.user, pk)
    decision = request.POST.get("decision", "")[:10]
    press(request, lambda: verbs.decide(alert.pk, by=request.user, decision=decision, at=now()), _("Decided"))
    return redirect("desk:alert", pk)


@needs(Permission.WORK_ALERTS)
@require_POST
def close_lost(request: StaffRequest, pk: int) -> HttpResponse:
    alert = _alert_for(request.user, pk)
    form = LostForm(request.POST)

    def close(data: dict[str, Any]) -> Alert:
        interview = {question: answer for question, answer in data.items() if question != "cause"}
        return verbs.close_lost(
            alert.pk, by=request.user, cause=data["cause"], interview=interview, on=today(), at=now()
        )

    if submit(request, form, close, _("Closed as lost")):
        return redirect("desk:alert", pk)
    return _workbench(request, alert, lost_form=form, status=422)
