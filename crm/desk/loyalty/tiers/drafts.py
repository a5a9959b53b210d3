"""A draft of the rules on its way: written on the distribution, and what becomes of those who fall."""

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError
from crm.desk.acting import press
from crm.desk.editing import edit
from crm.desk.loyalty.tiers import editor, figures
from crm.desk.loyalty.tiers.forms import TransitionForm
from crm.desk.today import now, today
from loyalty import tier_rules
from loyalty.maths.tiers import Transition
from loyalty.models import TierDraft
from loyalty.tier_rules import Content
from loyalty.tiers import simulation as verbs


@needs(Permission.EDIT_RULES)
@require_POST
def new(request: StaffRequest) -> HttpResponse:
    return redirect("desk:tiers_draft", verbs.new_draft(by=request.user, at=now()).pk)


@needs(Permission.EDIT_RULES)
@require_POST
def drop(request: StaffRequest, pk: int) -> HttpResponse:
    get_object_or_404(TierDraft, pk=pk)
    press(request, lambda: verbs.drop_draft(pk, by=request.user, at=now()), _("Draft dropped"))
    return redirect("desk:tiers")


# 1 Edit -------------------------------------------------------------------------------------------------------------


@needs(Permission.EDIT_RULES)
def draft(request: StaffRequest, pk: int) -> HttpResponse:
    """Screen 1. POST saves, and goes on to the transition."""
    opened = get_object_or_404(TierDraft.objects.select_related("by"), pk=pk)
    if opened.state != TierDraft.State.OPEN:
        return redirect("desk:tiers")
    if request.method != "POST":
        return _editor(request, opened, opened.content)
    content = editor.posted(request.POST, opened.content)
    try:
        with transaction.atomic():
            locked = TierDraft.objects.select_for_update().get(pk=pk)
            if request.POST.get("opened", locked.at.isoformat()) != locked.at.isoformat():
                return _overtaken(request, locked, content)
            # The transition is asked on the next screen.
            content = {**content, "transition": locked.content["transition"]}
            verbs.save_draft(pk, content=content, by=request.user, at=now())
    except DomainError as refusal:
        return _editor(request, opened, content, refusal=str(refusal))
    return redirect("desk:tiers_transition", pk)


def _overtaken(request: StaffRequest, locked: TierDraft, content: Content) -> HttpResponse:
    """Somebody else saved the draft since it was opened: what was typed stays, beside what it would change."""
    refusal = _("%(who)s has saved this draft meanwhile. Saving again puts in its place what stands here:") % {
        "who": locked.by
    }
    meanwhile = tier_rules.differences(locked.content, tier_rules.validate(content))
    return _editor(request, locked, content, refusal=refusal, meanwhile=meanwhile)


def _editor(
    request: StaffRequest, row: TierDraft, content: Content, *, refusal: str = "", meanwhile: list[str] | None = None
) -> HttpResponse:
    """The screen stays opened with the draft it was opened with, unless it shows what became of it `meanwhile`."""
    opened = row.at.isoformat()
    context = {
        **editor.context_of(row, content),
        "opened": opened if meanwhile is not None else request.POST.get("opened", opened),
        "refusal": refusal,
        "meanwhile": meanwhile,
    }
    return render(request, "desk/loyalty/tiers/edit.html", context, status=422 if refusal else 200)


@needs(Permission.EDIT_RULES)
@require_POST
def add_level(request: StaffRequest, pk: int) -> HttpResponse:
    """One more row on the screen, above the level it was asked for, or the highest; nothing is stored."""
    row = get_object_or_404(TierDraft, pk=pk, state=TierDraft.State.OPEN)
    content = editor.posted(request.POST, row.content)
    levels, above = content["levels"], request.POST.get("above", "")
    place = int(above) + 1 if above.isdecimal() and int(above) < len(levels) else len(levels)
    levels.insert(place, editor.another_level(levels))
    return _editor(request, row, content)


@needs(Permission.EDIT_RULES)
@require_POST
def remove_level(request: StaffRequest, pk: int) -> HttpResponse:
    """One row less on the screen; nothing is stored. The lowest level stays."""
    row = get_object_or_404(TierDraft, pk=pk, state=TierDraft.State.OPEN)
    content = editor.posted(request.POST, row.content)
    place = request.POST.get("remove", "")
    if place.isdecimal() and 0 < int(place) < len(content["levels"]):
        del content["levels"][int(place)]
    return _editor(request, row, content)


@needs(Permission.EDIT_RULES)
@require_POST
def preview(request: StaffRequest, pk: int) -> HttpResponse:
    """What the screen says as it stands, worked out and not stored."""
    row = get_object_or_404(TierDraft, pk=pk, state=TierDraft.State.OPEN)
    template = "desk/loyalty/tiers/_figures.html"
    try:
        content = tier_rules.validate(editor.posted(request.POST, row.content))
        if "transition" in request.POST:
            content["transition"] = Transition(request.POST["transition"]).value
        worked_out = verbs.try_out(content, draft=row, today=today())
    except (DomainError, ValueError) as refusal:
        return render(request, template, {"refusal": str(refusal)}, status=422)
    return render(request, template, figures.context_of(worked_out, content, request.user))


# 2 Transition -------------------------------------------------------------------------------------------------------


@needs(Permission.EDIT_RULES)
def transition(request: StaffRequest, pk: int) -> HttpResponse:
    """Screen 2. POST saves, simulates, and goes on to confirm."""
    opened = get_object_or_404(TierDraft, pk=pk)
    if opened.state != TierDraft.State.OPEN:
        return redirect("desk:tiers")
    form = TransitionForm(request.POST or None, draft=opened)

    def save(locked: TierDraft, data: Content) -> None:
        verbs.save_draft(
            pk,
            content={**locked.content, "transition": data["transition"]},
            starts_on=data["starts_on"],
            reason=data["reason"],
            notice=data["notice"],
            by=request.user,
            at=now(),
        )

    if request.method == "POST" and edit(request, form, opened, save, ""):
        try:
            verbs.simulate(pk, by=request.user, at=now())
            return redirect("desk:tiers_confirm", pk)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
    context = {"draft": opened, "form": form, "content": opened.content}
    return render(request, "desk/loyalty/tiers/transition.html", context, status=422 if form.errors else 200)
