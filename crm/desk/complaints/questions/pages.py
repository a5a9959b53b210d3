"""Questions to my department: what is asked of me, with what is needed to answer it, and nothing else of the case."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from complaints import queries
from complaints.attachments import files
from complaints.cases import handover
from complaints.models import Handover
from core.accounts.models import User
from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from crm.desk.acting import press, submit
from crm.desk.complaints.calls import about
from crm.desk.complaints.files.pages import shown
from crm.desk.complaints.forms import AnswerForm, DeclineForm
from crm.desk.complaints.wording import in_words
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import now
from customers.models import Standing

SHOWN = 50
KEPT_IN_SIGHT = timedelta(days=30)
TONES = {"done": "green", "rejected": "red", "cancelled": "grey", "accepted": "blue"}


class Row(NamedTuple):
    """A question as it is listed."""

    question: Handover
    tone: str
    due: str
    late: bool
    mine: bool


def _row(question: Handover, user: User, at: datetime) -> Row:
    waits = question.status in handover.UNANSWERED
    return Row(
        question,
        TONES.get(question.status, "violet"),
        in_words(question.due_at),
        late=waits and question.due_at < at,
        mine=question.assignee_id == user.pk,
    )


@needs(Permission.ANSWER_QUESTIONS)
@takeable("questions", people=False)
def questions(request: StaffRequest) -> HttpResponse:
    """What waits for an answer, the most urgent first; below it what was answered lately."""
    user, at = request.user, now()
    rows = handover.questions_for(user)
    waiting = rows.filter(status__in=handover.UNANSWERED).order_by("due_at", "pk")
    ended = rows.filter(ended_at__gte=at - KEPT_IN_SIGHT).order_by("-ended_at", "-pk")
    pages = (page_of(request, waiting, SHOWN), page_of(request, ended, SHOWN, "ended"))
    context = {
        "waiting": pages[0].of([_row(question, user, at) for question in pages[0].rows]),
        "ended": pages[1].of([_row(question, user, at) for question in pages[1].rows]),
        "belongs": bool(user.departments.all() or user.heads.all()),
        "days": KEPT_IN_SIGHT.days,
    }
    return render(request, "desk/complaints/questions/list.html", context)


@needs(Permission.ANSWER_QUESTIONS)
def question(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, _question_for(request.user, pk))


def _question_for(user: User, pk: int) -> Handover:
    """The question, or Http404 whether it is missing or somebody else's: the two cannot be told apart."""
    row = handover.questions_for(user).filter(pk=pk).first()
    if row is None:
        raise Http404
    return row


def _page(request: StaffRequest, row: Handover, **given: Any) -> HttpResponse:
    user, at = request.user, now()
    case = row.case
    opens = may(user, Permission.WORK_COMPLAINTS) and queries.cases_for(user, at).filter(pk=case.pk).exists()
    waits = row.status in handover.UNANSWERED
    context = {
        "row": _row(row, user, at),
        "question": row,
        "case": case,
        "case_url": reverse("desk:complaint", args=[case.pk]) if opens else "",
        "orders": about.of_case(case, user, at),
        "served_as": Standing.Class(row.brief["class"]).label,
        "open_cases": row.brief["open_cases"],
        "files": list(files.of(case)) if row.with_files and waits else [],
        "waits": waits,
        "takes": waits and row.assignee_id != user.pk,
        "form": AnswerForm(auto_id="answer-%s"),
        "decline": DeclineForm(auto_id="decline-%s"),
        **given,
    }
    wrong = any(form.errors for form in given.values())
    return render(request, "desk/complaints/questions/question.html", context, status=422 if wrong else 200)


@needs(Permission.ANSWER_QUESTIONS)
@require_safe
def file(request: StaffRequest, pk: int, file: int) -> HttpResponse:
    """A file that was shared with the question, while it waits for its answer; the look is on record."""
    row = _question_for(request.user, pk)
    shared = row.with_files and row.status in handover.UNANSWERED
    if not shared or not files.of(row.case).filter(pk=file).exists():
        raise Http404
    return shown(file, request.user)


@needs(Permission.ANSWER_QUESTIONS)
@require_POST
def accept(request: StaffRequest, pk: int) -> HttpResponse:
    row = _question_for(request.user, pk)
    press(request, lambda: handover.accept(row.pk, by=request.user, at=now()), _("The question is yours"))
    return redirect("desk:question", pk)


@needs(Permission.ANSWER_QUESTIONS)
@require_POST
def answer(request: StaffRequest, pk: int) -> HttpResponse:
    row = _question_for(request.user, pk)
    form = AnswerForm(request.POST, auto_id="answer-%s")

    def say(data: dict[str, Any]) -> Handover:
        return handover.answer(row.pk, by=request.user, at=now(), text=data["text"])

    if submit(request, form, say, _("Answered: the desk has it.")):
        return redirect("desk:questions")
    return _page(request, _question_for(request.user, pk), form=form)


@needs(Permission.ANSWER_QUESTIONS)
@require_POST
def decline(request: StaffRequest, pk: int) -> HttpResponse:
    row = _question_for(request.user, pk)
    form = DeclineForm(request.POST, auto_id="decline-%s")

    def say(data: dict[str, Any]) -> Handover:
        return handover.reject(row.pk, by=request.user, at=now(), reason=data["text"])

    if submit(request, form, say, _("Declined: the desk asks elsewhere.")):
        return redirect("desk:questions")
    return _page(request, _question_for(request.user, pk), decline=form)
