"""A draft beside what it would do: simulated, looked into, and published by a second person."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts import audit
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission, decides_alone
from core.lib.errors import DomainError
from crm.desk.loyalty.tiers import figures
from crm.desk.loyalty.tiers.members import answers_for_all
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from customers.access import visible_to
from customers.models import Customer
from loyalty import notices, tier_rules
from loyalty.models import TierDraft, TierSimulation
from loyalty.notices import Kind
from loyalty.tiers import simulation as verbs

SHOWN = 100


@needs(Permission.VIEW_RULES)
def confirm(request: StaffRequest, pk: int) -> HttpResponse:
    """Screen 3: the draft in sentences beside what it would do."""
    return _page(request, pk)


def _page(request: StaffRequest, pk: int, *, refusal: str = "") -> HttpResponse:
    draft = get_object_or_404(TierDraft.objects.select_related("by", "rolls_back"), pk=pk)
    if draft.state != TierDraft.State.OPEN:
        return redirect("desk:tiers")
    simulation, last = verbs.fresh(draft, today=today()), verbs.newest()
    context = {
        "draft": draft,
        "differences": tier_rules.differences(last.content if last else None, draft.content),
        "simulation": simulation,
        "own": draft.by_id == request.user.pk,
        "alone": draft.by_id == request.user.pk and decides_alone(request.user, Permission.PUBLISH_TIERS),
        "because": request.POST.get("because", ""),
        "refused": refusal,
        "typed": request.POST.get("falls", ""),
        "listeners": notices.listeners(Kind.TIER_RULES_PUBLISHED),
    }
    if simulation:
        context |= figures.context_of(simulation.figures, draft.content, request.user, simulation)
    return render(request, "desk/loyalty/tiers/confirm.html", context, status=422 if refusal else 200)


@needs(Permission.EDIT_RULES)
@require_POST
def simulate(request: StaffRequest, pk: int) -> HttpResponse:
    """The figures are those of this moment."""
    get_object_or_404(TierDraft, pk=pk)
    try:
        verbs.simulate(pk, by=request.user, at=now())
    except DomainError as refusal:
        return _page(request, pk, refusal=str(refusal))
    return redirect("desk:tiers_confirm", pk)


@needs(Permission.PUBLISH_TIERS)
@require_POST
def publish(request: StaffRequest, pk: int) -> HttpResponse:
    """The draft is the next version: by somebody who did not write it and types how many fall.

    The only one who may publish says why they do it alone.
    """
    get_object_or_404(TierDraft, pk=pk)
    typed = request.POST.get("falls", "").strip()
    falls = int(typed) if typed.isdecimal() else -1
    try:
        because = request.POST.get("because", "")
        version = verbs.publish(pk, by=request.user, falls=falls, at=now(), because=because)
    except DomainError as refusal:
        return _page(request, pk, refusal=str(refusal))
    messages.success(
        request,
        _("Version %(version)d is in force from %(day)s on.")
        % {"version": version.version, "day": version.starts_on.isoformat()},
    )
    return redirect("desk:tiers_version", version.pk)


@needs(Permission.VIEW_RULES)
@takeable("level-changes")
def moves(request: StaffRequest, pk: int) -> HttpResponse:
    """Who is in one cell of the table, as far as they are in reach; all of them by name for who answers for the rules."""
    simulation = get_object_or_404(TierSimulation.objects.select_related("draft", "based_on"), pk=pk)
    before, after = request.GET.get("before", ""), request.GET.get("after", "")
    movers = verbs.movers(simulation, before=before, after=after)
    everybody = answers_for_all(request.user)
    reached = visible_to(request.user, today()).filter(pk__in=movers)
    people = Customer.objects.filter(pk__in=movers) if everybody else reached
    page = page_of(request, people.select_related("standing", "manager").order_by("-standing__value", "pk"), SHOWN)
    if everybody and page.rows:
        audit.record(request.user, "tier.names_seen", simulation, at=now(), before=before, after=after)
    context = {
        "simulation": simulation,
        "before": before,
        "after": after,
        "count": len(movers),
        "everybody": everybody,
        "reached": set(reached.filter(pk__in=[row.pk for row in page.rows]).values_list("pk", flat=True)),
        "page": page,
    }
    return render(request, "desk/loyalty/tiers/moves.html", context)
