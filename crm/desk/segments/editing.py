"""The builder: a new segment, a new version of one, and what stands beside it while somebody edits."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission, rights_of
from core.lib.conditions.tree import All, BadCondition, Node
from core.lib.errors import DomainError
from crm.desk.acting import carried_out, say
from crm.desk.segments import counting, segment_page
from crm.desk.segments import draft as drafts
from crm.desk.segments.builder import editor, stored_of
from crm.desk.segments.draft import Draft
from crm.desk.segments.forms import NewForm, ReviseForm
from crm.desk.today import now, today
from crm.flows.catalogue import CUSTOMERS
from segmentation.segments import reach, writing


@needs(Permission.USE_SEGMENTS)
@require_http_methods(["GET", "POST"])
def new(request: StaffRequest) -> HttpResponse:
    """A new segment: of what the address says, or begun with an empty line."""
    form = NewForm(request.POST if "do" not in request.POST and request.method == "POST" else None)
    if request.method == "POST":
        draft, node = _sent(request)
        if "do" in request.POST:
            form = NewForm(initial=request.POST.dict())
        else:
            made = carried_out(form, lambda data: _create(request, draft, node, data))
            if made:
                say(request, _("Segment stored"), None)
                return redirect("desk:segment", made.result.code)
    else:
        draft, node, refusal = _of_the_address(request)
        if refusal:
            form = NewForm()
            return _new_page(request, form, draft, node, refusal=refusal)
    return _new_page(request, form, draft, node, status=422 if form.errors else 200)


def _new_page(
    request: StaffRequest, form: NewForm, draft: Draft, node: Node, *, refusal: str = "", status: int = 200
) -> HttpResponse:
    context = editor(request.user, draft, node) | {"form": form, "refusal": refusal}
    return render(request, "desk/segments/new.html", context, status=status)


def _create(request: StaffRequest, draft: Draft, node: Node, data: dict[str, Any]) -> Any:
    refuse_unfinished(draft)
    if not rights_of(request.user).sees_customers:
        counting.hold_to_figures(request.user, node, at=now())
    return writing.create(**data, node=node, catalogue=CUSTOMERS, by=request.user, at=now())


@needs(Permission.USE_SEGMENTS)
@require_POST
def draft_changed(request: StaffRequest) -> HttpResponse:
    """The lines after a press of one of their buttons, or with another field; and what they come to."""
    draft, node = _sent(request)
    return render(
        request, "desk/segments/_changed.html", editor(request.user, draft, node, request.POST.get("code", ""))
    )


@needs(Permission.USE_SEGMENTS)
@require_POST
def count(request: StaffRequest) -> HttpResponse:
    """How many the finished lines hold; a heavy tree is estimated first, and then asked for again with `exact`."""
    draft, node = _sent(request)
    exact = request.POST.get("exact") == "1"
    panel = counting.panel(request.user, node, today(), at=now(), exact=exact)
    if stored := stored_of(request.user, request.POST.get("code", "")):
        counting.compare(panel, request.user, node, *stored, today())
    context = {"panel": panel, "unfinished": drafts.unfinished(draft)}
    return render(request, "desk/segments/_count.html", context)


@needs(Permission.USE_SEGMENTS)
@require_POST
def revise(request: StaffRequest, code: str) -> HttpResponse:
    """A new version. Whoever is not the last to have read it sees both, and saves again if that is meant."""
    segment = reach.segment_for(request.user, code)
    draft, node = _sent(request)
    if "do" in request.POST:
        return segment_page.page(request, segment, draft=draft, node=node, form=ReviseForm(initial=request.POST.dict()))
    form = ReviseForm(request.POST)

    def verb(data: dict[str, Any]) -> Any:
        refuse_unfinished(draft)
        if not rights_of(request.user).sees_customers:
            counting.hold_to_figures(request.user, node, at=now())
        return writing.revise(segment.pk, node, **data, catalogue=CUSTOMERS, by=request.user, at=now())

    if made := carried_out(form, verb):
        say(request, _("Stored as version %(n)d") % {"n": made.result.n}, None)
        return redirect("desk:segment", code)
    return segment_page.page(request, segment, draft=draft, node=node, form=form, status=422)


def refuse_unfinished(draft: Draft) -> None:
    """Raises DomainError: what is stored is what stands there, with no line left out."""
    if drafts.unfinished(draft):
        raise DomainError(_("A line is not finished. Finish it or take it away."), code="unfinished")


def _sent(request: StaffRequest) -> tuple[Draft, Node]:
    draft = drafts.read(request.POST, CUSTOMERS)
    if do := request.POST.get("do", ""):
        drafts.press(draft, do)
    return draft, drafts.tree(draft, CUSTOMERS)


def _of_the_address(request: StaffRequest) -> tuple[Draft, Node, str]:
    empty = Draft("all", parts=[Draft("leaf", problem="")])
    try:
        pairs = [(name, value) for name, values in request.GET.lists() for value in values]
        node = CUSTOMERS.read(pairs)
        CUSTOMERS.refuse_hidden(node, rights_of(request.user).hidden, request.user.pk)
    except (BadCondition, DomainError) as refusal:
        return empty, All(), str(refusal)
    return (drafts.of(node), node, "") if node != All() else (empty, All(), "")
