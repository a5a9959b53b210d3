"""Days away: asked for, granted, noted by a lead, extended, ended, and who covers."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts.models import Absence, LeaveRequest, User
from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from crm.desk.acting import press, submit
from crm.desk.takeout.taking import takeable
from crm.desk.team import leave_page
from crm.desk.team.forms import AskForm, ChangeForm, CoverForm, GrantForm, NoteForm, WhyForm
from crm.desk.today import now, today
from customers.books import leaves as verbs

BESIDE = {"starts_on": "starts_on", "ends_on": "ends_on", "cover": "cover", "assistant": "cover", "manager": "user"}


@needs(Permission.READ_MESSAGES)
@takeable("leaves")
def leaves(request: StaffRequest) -> HttpResponse:
    """Who is away, will be and was; POST asks for days of one's own."""
    form = AskForm(request.POST or None, user=request.user)
    beside = BESIDE | {"manager": "cover"}
    if request.method == "POST" and submit(
        request, form, lambda data: verbs.ask(request.user, **data, at=now()), _("Asked for"), beside=beside
    ):
        return redirect("desk:leaves")
    return _list(request, form=form)


@needs(Permission.HAND_OVER_BOOKS)
@require_POST
def note(request: StaffRequest) -> HttpResponse:
    """A lead notes days of somebody of the team."""
    form = NoteForm(request.POST, by=request.user)

    def verb(data: dict[str, Any]) -> Absence:
        return verbs.note(data.pop("user"), **data, by=request.user, at=now())

    if submit(request, form, verb, _("Saved"), beside=BESIDE):
        return redirect("desk:leaves")
    return _list(request, note_form=form)


def _list(request: StaffRequest, **forms: Any) -> HttpResponse:
    leads = may(request.user, Permission.HAND_OVER_BOOKS)
    context = {
        "rows": leave_page.rows(request.user, today()),
        "asked": leave_page.asked(request.user),
        "form": AskForm(user=request.user),
        "note_form": NoteForm(by=request.user, auto_id="note-%s") if leads else None,
        **forms,
    }
    wrong = any(form.errors for form in forms.values())
    return render(request, "desk/team/leaves.html", context, status=422 if wrong else 200)


@needs(Permission.READ_MESSAGES)
def leave(request: StaffRequest, pk: int) -> HttpResponse:
    """Whose days these are, who stands in, what falls due meanwhile, and what happened."""
    return _page(request, _leave(request.user, pk))


def _page(request: StaffRequest, row: Absence, **forms: Any) -> HttpResponse:
    context = {
        **leave_page.context(row, request.user, today()),
        "change_form": ChangeForm(initial={"ends_on": row.ends_on}),
        "cover_form": CoverForm(leave=row, today=today()),
        **forms,
    }
    wrong = any(form.errors for form in forms.values())
    return render(request, "desk/team/leave.html", context, status=422 if wrong else 200)


@needs(Permission.READ_MESSAGES)
def asked(request: StaffRequest, pk: int) -> HttpResponse:
    """What was asked for, and what falls due meanwhile; whoever decides does it here."""
    return _asked(request, _request(request.user, pk))


def _asked(request: StaffRequest, row: LeaveRequest, **forms: Any) -> HttpResponse:
    if row.absence_id:
        return redirect("desk:leave", row.absence_id)
    context = {
        "asked": row,
        "is_open": row.state == LeaveRequest.State.ASKED,
        "is_mine": row.user_id == request.user.pk,
        "decides": leave_page.decides(request.user, row.user),
        "due": leave_page.due(verbs.due_while_away(row.user, row.starts_on, row.ends_on), today()),
        "grant_form": GrantForm(user=row.user, initial={"cover": row.cover_id}),
        "why_form": WhyForm(),
        **forms,
    }
    wrong = any(form.errors for form in forms.values())
    return render(request, "desk/team/leave_asked.html", context, status=422 if wrong else 200)


@needs(Permission.HAND_OVER_BOOKS)
@require_POST
def grant(request: StaffRequest, pk: int) -> HttpResponse:
    row = _request(request.user, pk)
    form = GrantForm(request.POST, user=row.user)

    def verb(data: dict[str, Any]) -> Absence:
        return verbs.grant(pk, **data, by=request.user, at=now())

    if submit(request, form, verb, _("Granted"), beside=BESIDE | {"starts_on": "cover", "manager": "cover"}):
        return redirect("desk:leaves")
    return _asked(request, row, grant_form=form)


@needs(Permission.HAND_OVER_BOOKS)
@require_POST
def refuse(request: StaffRequest, pk: int) -> HttpResponse:
    row = _request(request.user, pk)
    form = WhyForm(request.POST)
    if submit(
        request,
        form,
        lambda data: verbs.refuse(pk, **data, by=request.user, at=now()),
        _("Refused"),
        beside={"why": "why"},
    ):
        return redirect("desk:leaves")
    return _asked(request, row, why_form=form)


@needs(Permission.READ_MESSAGES)
@require_POST
def withdraw(request: StaffRequest, pk: int) -> HttpResponse:
    get_object_or_404(LeaveRequest, pk=pk, user=request.user)
    press(request, lambda: verbs.withdraw(pk, by=request.user, at=now()), _("Taken back"))
    return redirect("desk:leaves")


@needs(Permission.HAND_OVER_BOOKS)
@require_POST
def change(request: StaffRequest, pk: int) -> HttpResponse:
    """Longer or shorter."""
    row = _decided(request.user, pk)
    form = ChangeForm(request.POST)

    def verb(data: dict[str, Any]) -> Absence:
        return verbs.change(pk, **data, by=request.user, at=now())

    if submit(request, form, verb, _("Saved"), beside={"ends_on": "ends_on", "cover": "ends_on"}):
        return redirect("desk:leave", pk)
    return _page(request, row, change_form=form)


@needs(Permission.HAND_OVER_BOOKS)
@require_POST
def cover(request: StaffRequest, pk: int) -> HttpResponse:
    """From a day on somebody else stands in."""
    row = _decided(request.user, pk)
    form = CoverForm(request.POST, leave=row, today=today())
    beside = {"cover": "by_whom", "assistant": "by_whom", "manager": "by_whom", "starts_on": "starts_on"}
    if submit(
        request, form, lambda data: verbs.cover(pk, **data, by=request.user, at=now()), _("Saved"), beside=beside
    ):
        return redirect("desk:leave", pk)
    return _page(request, row, cover_form=form)


@needs(Permission.READ_MESSAGES)
@require_POST
def back(request: StaffRequest, pk: int) -> HttpResponse:
    """Here again: said by the person, or by who leads."""
    row = _leave(request.user, pk)
    if row.user_id != request.user.pk and not leave_page.decides(request.user, row.user):
        raise Http404
    press(request, lambda: verbs.back(pk, by=request.user, at=now()), _("Here again"))
    return redirect("desk:leaves")


def _leave(user: User, pk: int) -> Absence:
    return get_object_or_404(leave_page.in_reach(user, today()), pk=pk)


def _decided(user: User, pk: int) -> Absence:
    row = _leave(user, pk)
    if not leave_page.decides(user, row.user):
        raise Http404
    return row


def _request(user: User, pk: int) -> LeaveRequest:
    """Http404 for who neither asked for it nor decides."""
    rows: QuerySet[LeaveRequest] = LeaveRequest.objects.select_related("user", "cover", "decided_by")
    row = get_object_or_404(rows, pk=pk)
    if row.user_id != user.pk and not leave_page.decides(user, row.user):
        raise Http404
    return row
