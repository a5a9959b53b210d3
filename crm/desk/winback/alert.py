"""The workbench on which an alert is worked to its end: talked over, agreed on, decided, and closed with what was said."""

from datetime import datetime
from typing import Any, NamedTuple, cast

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts import trail
from core.accounts.models import User
from core.accounts.permissions import StaffRequest, may, needs, sees
from core.accounts.roles import Field, Permission
from core.accounts.trail import Search
from crm.desk.acting import press, submit
from crm.desk.editing import edit
from crm.desk.today import now, today
from crm.desk.winback.forms import AgreeForm, AnswersForm, LostForm, interview_of
from crm.desk.work import interval
from crm.desk.work.forms import CommentForm
from customers.access import scope_filter
from customers.models import Todo
from segmentation import alerts as verbs
from segmentation.leaving import discussing
from segmentation.models import Alert
from segmentation.reading.explain import explain
from segmentation.reading.rhythm import sentence

SHOWN = 100
BESIDE = {"other_needs_words": "why"}


def _visible(user: User) -> QuerySet[Alert]:
    return Alert.objects.filter(scope_filter(user, today(), "customer__", book="customer__standing__")).select_related(
        "customer__standing", "customer__manager", "closed_by", "line", "manager_at_close"
    )


def _alert_for(user: User, pk: int) -> Alert:
    alert = _visible(user).filter(pk=pk).first()
    if alert is None:
        raise Http404
    return alert


@needs(Permission.SUSPECT_LOSS)
def alert(request: StaffRequest, pk: int) -> HttpResponse:
    return _workbench(request, _alert_for(request.user, pk))


def _workbench(request: StaffRequest, alert: Alert, *, status: int = 200, **changed: Any) -> HttpResponse:
    user, open_ = request.user, alert.state == Alert.State.OPEN
    works = may(user, Permission.DECIDE_ALERTS)
    why = explain(alert.customer, reader=user, on=today(), standing=alert.customer.standing)
    rhythm = why.rhythm if why else None
    said = discussing.discussion(alert)
    context = {
        "alert": alert,
        "customer": alert.customer,
        "sentence": sentence(alert, reader=user, on=today(), rhythm=rhythm),
        "interval": interval.chart(interval.purchases(alert.customer, rhythm.last_on), rhythm) if rhythm else None,
        "interview": interview_of(alert),
        "decided": _decided(alert),
        "comments": [Entry(row, _how(row.task), _icon(row)) for row in said],
        "agrees": any(row.sign for row in said) and alert.kind != Alert.Kind.SUSPECTED,
        "decisions": [choice for choice in Alert.Decision.choices if choice[0]],
        "lost_form": LostForm(),
        "comment_form": CommentForm(),
        "colleagues": discussing.talks_with(alert, by=user),
        "agree_form": AgreeForm(alert=alert, by=user, at=now(), today=today()) if works and open_ else None,
        "interview_form": AnswersForm(alert=alert) if alert.state == Alert.State.LOST else None,
        "profit_before": alert.profit_before if sees(user, Field.VALUE) and sees(user, Field.MARGIN) else None,
    }
    return render(request, "desk/winback/alert.html", context | changed, status=status)


class Entry(NamedTuple):
    """One entry of the discussion; `how` is where the work that was agreed stands."""

    said: discussing.Said
    how: str
    icon: str


def _icon(said: discussing.Said) -> str:
    return "checks" if said.task else "alert-triangle" if said.sign else "message"


def _how(task: Todo | None) -> str:
    if task is None:
        return ""
    told = {"name": str(task.owner or "–"), "day": task.due_on.isoformat()}
    if task.state == Todo.State.OPEN:
        return _("%(name)s, by %(day)s") % told
    if task.state == Todo.State.DONE and task.closed_at:
        return _("done by %(name)s on %(day)s") % {
            "name": str(task.closed_by or task.owner),
            "day": task.closed_at.date().isoformat(),
        }
    return _("%(name)s: no longer needed") % told


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


@needs(Permission.SUSPECT_LOSS)
@require_POST
def comment(request: StaffRequest, pk: int) -> HttpResponse:
    alert = _alert_for(request.user, pk)
    form = CommentForm(request.POST)

    def say(data: dict[str, Any]) -> Any:
        return discussing.comment(alert.pk, by=request.user, at=now(), **data)

    if submit(request, form, say, thanks="", beside={"mention_out_of_reach": "text"}):
        return redirect("desk:alert", pk)
    return _workbench(request, alert, comment_form=form, status=422)


@needs(Permission.DECIDE_ALERTS)
@require_POST
def agree(request: StaffRequest, pk: int) -> HttpResponse:
    """What was agreed in the discussion is somebody's work until a day."""
    alert = _alert_for(request.user, pk)
    form = AgreeForm(request.POST, alert=alert, by=request.user, at=now(), today=today())

    def carry_out(data: dict[str, Any]) -> Todo:
        return discussing.agree(alert.pk, by=request.user, at=now(), **data)

    def thanks(task: Todo) -> str:
        return _("Agreed: on the day of %(name)s") % {"name": task.owner}

    beside = {"decision_day": "due_on", "owner": "owner", "words_missing": "words"}
    if submit(request, form, carry_out, thanks, beside=beside):
        return redirect("desk:alert", pk)
    return _workbench(request, alert, agree_form=form, status=422)


@needs(Permission.DECIDE_ALERTS)
@require_POST
def decide(request: StaffRequest, pk: int) -> HttpResponse:
    alert = _alert_for(request.user, pk)
    decision = request.POST.get("decision", "")[:10]
    press(request, lambda: verbs.decide(alert.pk, by=request.user, decision=decision, at=now()), _("Decided"))
    return redirect("desk:alert", pk)


@needs(Permission.DECIDE_ALERTS)
@require_POST
def close_lost(request: StaffRequest, pk: int) -> HttpResponse:
    alert = _alert_for(request.user, pk)
    form = LostForm(request.POST)

    def close(data: dict[str, Any]) -> Alert:
        cause, missed = data.pop("cause"), data.pop("not_reached")
        told = cast(verbs.Interview, data)
        return verbs.close_lost(
            alert.pk, by=request.user, cause=cause, interview=told, on=today(), at=now(), not_reached=missed
        )

    if submit(request, form, close, _("Closed as lost"), beside=BESIDE):
        return redirect("desk:alert", pk)
    return _workbench(request, alert, lost_form=form, status=422)


@needs(Permission.DECIDE_ALERTS)
@require_POST
def interview(request: StaffRequest, pk: int) -> HttpResponse:
    """What a lost customer said, asked or corrected later."""
    alert = _alert_for(request.user, pk)
    form = AnswersForm(request.POST, alert=alert)

    def store(row: Alert, data: dict[str, Any]) -> Alert:
        return verbs.answer(row.pk, by=request.user, interview=cast(verbs.Interview, data), at=now())

    if edit(request, form, alert, store, _("Saved")):
        return redirect("desk:alert", pk)
    return _workbench(request, alert, interview_form=form, status=422)
