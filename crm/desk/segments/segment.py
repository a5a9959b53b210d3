"""The page of one segment, and what can be done there."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission, rights_of
from core.lib.conditions.fields import Context
from core.lib.errors import DomainError
from crm.desk.acting import press
from crm.desk.editing import edit
from crm.desk.segments import segment_page
from crm.desk.segments.forms import RenameForm
from crm.desk.today import now, today
from crm.flows.catalogue import CUSTOMERS
from customers import queries
from customers.access import customer_for
from segmentation.models import Segment
from segmentation.segments import explain, reach, writing


@needs(Permission.USE_SEGMENTS)
def segment(request: StaffRequest, code: str) -> HttpResponse:
    return segment_page.page(request, reach.segment_for(request.user, code))


@needs(Permission.USE_SEGMENTS)
@require_POST
def rename(request: StaffRequest, code: str) -> HttpResponse:
    found = reach.segment_for(request.user, code)
    form = RenameForm(request.POST, instance=found)
    if edit(
        request,
        form,
        found,
        lambda row, data: writing.rename(row.pk, **data, by=request.user, at=now()),
        _("Saved"),
    ):
        return redirect("desk:segment", code)
    return segment_page.page(request, reach.segment_for(request.user, code), rename_form=form, status=422)


def _deed(request: StaffRequest, code: str, verb: Callable[[Segment], Any], thanks: str) -> HttpResponse:
    found = reach.segment_for(request.user, code)
    press(request, lambda: verb(found), thanks)
    return redirect("desk:segment", code)


@needs(Permission.USE_SEGMENTS)
@require_POST
def track(request: StaffRequest, code: str) -> HttpResponse:
    return _deed(
        request,
        code,
        lambda row: writing.track(row.pk, catalogue=CUSTOMERS, by=request.user, at=now()),
        _("Its history is kept from today on"),
    )


@needs(Permission.USE_SEGMENTS)
@require_POST
def untrack(request: StaffRequest, code: str) -> HttpResponse:
    return _deed(
        request,
        code,
        lambda row: writing.untrack(row.pk, by=request.user, at=now()),
        _("Its history ends today; what was kept stays"),
    )


@needs(Permission.USE_SEGMENTS)
@require_POST
def share(request: StaffRequest, code: str) -> HttpResponse:
    visibility = request.POST.get("visibility", "")
    return _deed(
        request,
        code,
        lambda row: writing.share(row.pk, visibility, catalogue=CUSTOMERS, by=request.user, at=now()),
        _("Saved"),
    )


@needs(Permission.USE_SEGMENTS)
@require_POST
def archive(request: StaffRequest, code: str) -> HttpResponse:
    found = reach.segment_for(request.user, code)
    if press(request, lambda: writing.archive(found.pk, by=request.user, at=now()), _("Put away")):
        return redirect("desk:segments")
    return redirect("desk:segment", code)


@needs(Permission.USE_SEGMENTS)
@require_POST
def find(request: StaffRequest, code: str) -> HttpResponse:
    """Whom “why?” is asked about: what is typed may be a phone, and stands in no address."""
    found = reach.segment_for(request.user, code)
    text = request.POST.get("q", "").strip()[:120]
    people = queries.search(request.user, text, today()) if text and rights_of(request.user).sees_customers else []
    if len(people) == 1:
        return redirect("desk:segment_why", code, people[0].pk)
    if not people:
        messages.error(request, _("Nobody in your reach is named so. Type a name, a number or a phone."))
        return redirect("desk:segment", code)
    return segment_page.page(request, found, people=people)


@needs(Permission.USE_SEGMENTS)
def why(request: StaffRequest, code: str, pk: int) -> HttpResponse:
    """The tree with what is true of one customer, and since when they are in it."""
    found = reach.segment_for(request.user, code)
    customer = customer_for(request.user, pk, today())
    context: dict[str, Any] = {"segment": found, "customer": customer, "refusal": "", "verdict": None}
    try:
        node = CUSTOMERS.parse(found.versions.latest("n").tree)
        CUSTOMERS.refuse_hidden(node, rights_of(request.user).hidden, request.user.pk)
        rows = reach.countable(request.user, today())
        reader = Context(today(), request.user.pk)
        context["verdict"] = explain.explain(rows, customer.pk, node, CUSTOMERS, reader)
    except DomainError as refusal:
        context["refusal"] = str(refusal)
    else:
        stays = found.members.filter(customer=customer).select_related("version").order_by("-entered_on", "-pk")
        context["stays"] = list(stays[:20])
    return render(request, "desk/segments/why.html", context)
