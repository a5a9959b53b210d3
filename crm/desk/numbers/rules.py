"""The rules of the night: edit, see who would move, save as a new version."""

from datetime import date, timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError
from core.rulebook import changes
from core.rulebook.kinds import Foretold
from crm.desk.numbers.forms import RulesForm
from crm.desk.numbers.rules_page import history, in_force, preview_shown
from crm.desk.today import now, today
from segmentation import rulebook, whatif
from segmentation import rules as verbs
from segmentation.models import Night


@needs(Permission.VIEW_RULES)
@require_safe
def rules(request: StaffRequest) -> HttpResponse:
    """The rules in force, and how they came to be."""
    return _page(request, _form(request))


@needs(Permission.EDIT_RULES)
def preview(request: StaffRequest) -> HttpResponse:
    """What the next night would do under this draft; nothing is stored."""
    if request.method != "POST":
        return redirect("desk:rules")
    form = _form(request)
    return _with_preview(request, form) if form.is_valid() else _page(request, form)


@needs(Permission.EDIT_RULES)
@require_POST
def save(request: StaffRequest) -> HttpResponse:
    """The draft waits for a second person; if it cannot, it is shown with its preview as things stand."""
    form = _form(request)
    if not form.is_valid():
        return _page(request, form)
    try:
        verbs.refuse_unseen(form.parameters, previewed=request.POST.get("previewed", ""), on=today())
        change = changes.propose(
            rulebook.RULES,
            dict(form.parameters),
            starts_on=form.cleaned_data["starts_on"],
            reason=form.cleaned_data["reason"],
            by=request.user,
            at=now(),
        )
    except DomainError as refusal:
        beside = {"reason_missing": "reason", "starts_on": "starts_on"}
        form.add_error(beside.get(refusal.code), str(refusal))
        return _with_preview(request, form)
    return redirect("desk:rule_change", change.pk)


def _form(request: StaffRequest) -> RulesForm:
    parameters = verbs.constants(today())
    return RulesForm(request.POST if request.method == "POST" else None, parameters=parameters)


def _with_preview(request: StaffRequest, form: RulesForm) -> HttpResponse:
    try:
        if Night.objects.exists():
            starts_on = _first(form)
            seen = whatif.preview(form.parameters, as_of=starts_on, on=today())
            shown = preview_shown(seen, _foretold(form.parameters, starts_on), request.user)
            return _page(request, form, preview=shown, previewed=seen.digest)
        return _page(request, form, previewed=verbs.digest(form.parameters, on=today()))
    except DomainError as refusal:
        if not form.errors:
            form.add_error(None, str(refusal))
        return _page(request, form)


def _first(form: RulesForm) -> date:
    """The night that is looked at: the first one that these rules can rule, tomorrow's at the latest."""
    first = changes.first_day(rulebook.RULES, today=today())
    wanted = form.cleaned_data.get("starts_on") or first
    return max(first, min(wanted, today() + timedelta(days=1)))


def _foretold(parameters: dict[str, float], starts_on: date) -> Foretold:
    """What the rule does, apart from what the orders of late do."""
    return rulebook.RULES.foretell(dict(parameters), starts_on=starts_on, at=now(), rolls_back=None)


def _page(
    request: StaffRequest, form: RulesForm, *, preview: dict[str, Any] | None = None, previewed: str = ""
) -> HttpResponse:
    return render(
        request,
        "desk/numbers/rules.html",
        {
            "form": form,
            "latest": verbs.current(today()),
            "in_force": in_force(verbs.constants(today())),
            "waits": changes.waiting(rulebook.RULES),
            "editable": may(request.user, Permission.EDIT_RULES),
            "versions": history(request),
            "previewed": previewed,
            "preview": preview,
        },
        status=422 if form.errors else 200,
    )
