"""Colleagues: who works here, inviting, changing, being away, leaving and coming back."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.mail import send_mail
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from complaints.setup import reference
from core.accounts import staff as verbs
from core.accounts.models import Absence, Delegation, Invitation, Role, User
from core.accounts.own import second_factor
from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from core.lib import mall
from crm.checks import mail_is_lost
from crm.desk.acting import Thanks, carried_out, press, submit
from crm.desk.editing import edit, onto
from crm.desk.people.forms import AwayForm, DelegateForm, DepartmentsForm, InviteForm, LeaveForm, PersonForm
from crm.desk.people.staff_page import person_context, rows
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from crm.flows import staff as flows
from customers.books import leaves


@needs(Permission.MANAGE_STAFF)
@takeable("staff", people=False)
@never_cache
def people(request: StaffRequest) -> HttpResponse:
    """Who works here, with what is theirs. POST invites a colleague and shows their link, once."""
    form = InviteForm(request.POST or None, label_suffix="")
    shown: dict[str, Any] = {}
    if request.method == "POST":
        beside = {name: name for name in ("username", "email", "full_name", "roles")}
        outcome = carried_out(form, lambda data: _add(request, data), beside=beside)
        if outcome:
            shown = _with_link(request, outcome.result)
            form = InviteForm(label_suffix="")
    gone = request.GET.get("show") == "gone"
    people = User.objects.filter(is_active=not gone).select_related("team")
    return render(
        request,
        "desk/people/staff.html",
        {"rows": rows(people, today()), "form": form, "gone": gone, "here": not gone, **shown},
        status=422 if form.errors else 200,
    )


def _add(request: StaffRequest, data: dict[str, Any]) -> User:
    return verbs.add(**data, by=request.user, at=now())


def _with_link(request: StaffRequest, user: User) -> dict[str, Any]:
    """A new link of this person, to be shown once, and mailed when mails leave the machine."""
    invitation, secret = verbs.link(user.pk, by=request.user, at=now())
    address = request.build_absolute_uri(reverse("join", args=[secret]))
    return {"link": address, "invited": user, "mailed": _mailed(user, address, invitation)}


def _mailed(user: User, address: str, invitation: Invitation) -> bool:
    """Whether the link is on its way. It is not left in the outbox, where its secret would stay readable."""
    if not user.email or mail_is_lost():
        return False
    body = _(
        "Hello %(name)s,\n\nchoose your password here and sign in, until %(until)s:\n%(link)s\n\nYour user name: %(user)s\n"
    ) % {
        "name": user,
        "until": f"{invitation.expires_at:%Y-%m-%d}",
        "link": address,
        "user": user.username,
    }
    subject = _("Your way into Laoke of %(mall)s") % {"mall": mall.facts().name}
    try:
        return bool(send_mail(subject, body, settings.DEFAULT_FROM_EMAIL, [user.email]))
    except OSError:  # the page then says that the link has to be handed over
        return False


@needs(Permission.MANAGE_STAFF)
def person(request: StaffRequest, pk: int) -> HttpResponse:
    """One colleague, and what can be done."""
    colleague = get_object_or_404(User, pk=pk)
    form = PersonForm(request.POST or None, instance=colleague, label_suffix="")

    def change(row: User, data: dict[str, Any]) -> User:
        wanted = onto(form, row)
        named = {name: getattr(wanted, name) for name in PersonForm.Meta.fields}
        return verbs.change(row.pk, **named, by=request.user, at=now())

    if request.method == "POST" and edit(request, form, colleague, change, _("Saved")):
        return redirect("desk:person", pk)
    return _page(request, pk, form=form)


def _page(request: StaffRequest, pk: int, **given: Any) -> HttpResponse:
    colleague = get_object_or_404(User.objects.select_related("team"), pk=pk)
    context = {
        "form": PersonForm(instance=colleague, label_suffix=""),
        "leave_form": LeaveForm(leaver=colleague),
        "away_form": AwayForm(person=colleague),
        "delegate_form": DelegateForm(person=colleague),
        "departments_form": _departments_form(colleague),
        "answers": may(colleague, Permission.ANSWER_QUESTIONS),
        **person_context(colleague, today(), now()),
        "has_second_factor": second_factor.has(colleague),
        **given,
    }
    wrong = any(form.errors for form in given.values() if hasattr(form, "errors"))
    return render(request, "desk/people/person.html", context, status=422 if wrong else 200)


@needs(Permission.MANAGE_STAFF)
@require_POST
def departments(request: StaffRequest, pk: int) -> HttpResponse:
    """Whose questions the colleague answers."""
    colleague = get_object_or_404(User, pk=pk)
    form = _departments_form(colleague, request.POST)

    def put(row: User, data: dict[str, Any]) -> None:
        reference.set_departments(row, list(data["departments"]), by=request.user, at=now())

    if edit(request, form, colleague, put, _("Saved")):
        return redirect("desk:person", pk)
    return _page(request, pk, departments_form=form)


def _departments_form(colleague: User, data: QueryDict | None = None) -> DepartmentsForm:
    form = DepartmentsForm(data, auto_id="departments-%s")
    form.initial = form.shown(colleague)
    return form


# Deeds --------------------------------------------------------------------------------------------------------------


@needs(Permission.MANAGE_STAFF)
@require_POST
@never_cache
def link(request: StaffRequest, pk: int) -> HttpResponse:
    """A new link, shown once in this answer: for who has not come yet, or has forgotten the password."""
    colleague = get_object_or_404(User, pk=pk)
    outcome: dict[str, Any] = {}
    if not press(request, lambda: outcome.update(_with_link(request, colleague)), ""):
        return redirect("desk:person", pk)
    return _page(request, pk, **outcome)


@needs(Permission.MANAGE_STAFF)
@require_POST
def deactivate(request: StaffRequest, pk: int) -> HttpResponse:
    colleague = get_object_or_404(User, pk=pk)
    form = LeaveForm(request.POST, leaver=colleague)

    def leave(data: dict[str, Any]) -> flows.Held:
        return flows.deactivate(pk, to=list(data["to"]), reason=data["reason"], by=request.user, at=now())

    def thanks(held: flows.Held) -> str:
        return _("%(name)s is out. Handed over: %(customers)d customers, %(work)d pieces of work, %(cases)d cases.") % {
            "name": colleague,
            "customers": held.customers,
            "work": held.work,
            "cases": held.cases,
        }

    if submit(request, form, leave, thanks, beside={"to": "to", "reason": "reason", "not_a_manager": "to"}):
        return redirect("desk:person", pk)
    return _page(request, pk, leave_form=form)


@needs(Permission.MANAGE_STAFF)
@require_POST
@never_cache
def reactivate(request: StaffRequest, pk: int) -> HttpResponse:
    """They are back, with a link for a new password, shown once in this answer."""
    get_object_or_404(User, pk=pk)
    if not press(request, lambda: verbs.reactivate(pk, by=request.user, at=now()), ""):
        return redirect("desk:person", pk)
    colleague = User.objects.get(pk=pk)
    if colleague.holds(Role.CLIENT):
        messages.success(request, _("In use again. Its tokens stay revoked: issue a new one."))
        return redirect("desk:person", pk)
    return _page(request, pk, **_with_link(request, colleague))


@needs(Permission.MANAGE_STAFF)
@require_POST
def away(request: StaffRequest, pk: int) -> HttpResponse:
    colleague = get_object_or_404(User, pk=pk)
    form = AwayForm(request.POST, person=colleague)
    beside = {
        "starts_on": "starts_on",
        "ends_on": "ends_on",
        "assistant": "cover",
        "manager": "cover",
        "cover": "cover",
    }

    def note(data: dict[str, Any]) -> Absence:
        return leaves.note(colleague, **data, by=request.user, at=now())

    if submit(request, form, note, _("Saved"), beside=beside):
        return redirect("desk:person", pk)
    return _page(request, pk, away_form=form)


@needs(Permission.MANAGE_STAFF)
@require_POST
def delegate(request: StaffRequest, pk: int) -> HttpResponse:
    colleague = get_object_or_404(User, pk=pk)
    form = DelegateForm(request.POST, person=colleague)

    def hand(data: dict[str, Any]) -> Delegation:
        return verbs.delegate(colleague, **data, by=request.user, at=now())

    if submit(request, form, hand, _("Saved"), beside={"ends_on": "ends_on", "assistant": "assistant"}):
        return redirect("desk:person", pk)
    return _page(request, pk, delegate_form=form)


@needs(Permission.MANAGE_STAFF)
@require_POST
def drop_absence(request: StaffRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Absence, pk=pk)
    return _do(request, row.user_id, lambda: leaves.back(pk, by=request.user, at=now()), _("Here after all"))


@needs(Permission.MANAGE_STAFF)
@require_POST
def end_delegation(request: StaffRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Delegation, pk=pk)
    return _do(request, row.manager_id, lambda: verbs.end_delegation(pk, by=request.user, at=now()), _("Ended"))


def _do(request: StaffRequest, person_id: int, verb: Callable[[], Any], thanks: Thanks) -> HttpResponse:
    press(request, verb, thanks)
    return redirect("desk:person", person_id)
