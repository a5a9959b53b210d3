"""The rules of the night: edit, see who would move, save as a new version."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError
from crm.desk.numbers.forms import RulesForm
from crm.desk.numbers.rules_page import history, in_force, preview_shown
from crm.desk.today import now, today
from segmentation import rules as verbs
from segmentation import whatif
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
    """The draft is the next version; if it cannot be, it is shown with its preview as things stand."""
    form = _form(request)
    if not form.is_valid():
        return _page(request, form)
    try:
        saved = verbs.save(
            form.parameters,
            previewed=request.POST.get("previewed", ""),
            by=request.user,
            reason=form.cleaned_data["reason"],
            at=now(),
        )
    except DomainError as refusal:
        form.add_error("reason" if refusal.code == "reason_missing" else None, str(refusal))
        return _with_preview(request, form)
    messages.success(request, _("Version %(version)d is in force from the next night on.") % {"version": saved.version})
    return redirect("desk:rules")


def _form(request: StaffRequest) -> RulesForm:
    parameters = {**verbs.DEFAULTS, **verbs.current().parameters}
    return RulesForm(request.POST if request.method == "POST" else None, parameters=parameters)


def _with_preview(request: StaffRequest, form: RulesForm) -> HttpResponse:
    try:
        if Night.objects.exists():
            seen = whatif.preview(form.parameters, as_of=today())
            return _page(request, form, preview=seen, previewed=seen.digest)
        return _page(request, form, previewed=verbs.digest(form.parameters, on=today()))
    except DomainError as refusal:
        if not form.errors:
            form.add_error(None, str(refusal))
        return _page(request, form)


def _page(
    request: StaffRequest, form: RulesForm, *, preview: whatif.Preview | None = None, previewed: str = ""
) -> HttpResponse:
    return render(
        request,
        "desk/numbers/rules.html",
        {
            "form": form,
            "latest": verbs.current(),
            "in_force": in_force({**verbs.DEFAULTS, **verbs.current().parameters}),
            "editable": may(request.user, Permission.EDIT_RULES),
            "versions": history(request),
            "previewed": previewed,
            "preview": preview_shown(preview, request.user) if preview else None,
        },
        status=422 if form.errors else 200,
    )
