"""Random customers who begin to buy like active ones: who was asked about, the answers, and what became of them."""

from functools import partial

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from core.accounts.permissions import StaffRequest, needs, sees
from core.accounts.roles import Field, Permission
from core.lib.errors import DomainError
from crm.desk.acting import carried_out
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from crm.desk.work import my_day
from crm.flows.planning import adopting
from segmentation.growing import rising as verbs
from segmentation.models import Rising

SHOWN = 50


class NotNowForm(forms.Form):
    why = forms.ChoiceField(
        label=gettext_lazy("Why not now?"),
        choices=Rising.Why.choices,
        widget=forms.RadioSelect(attrs={"autofocus": True}),
    )


@needs(Permission.WORK_CARE)
@takeable("rising")
def rising(request: StaffRequest) -> HttpResponse:
    """Everybody who was asked about, by answer; beside it what those of half a year ago have become."""
    user, day = request.user, today()
    counts = verbs.tally(user, day)
    state = request.GET.get("state", "")
    rows = verbs.rising(user, day).select_related("customer__standing", "customer__manager", "decided_by")
    if state in counts:
        rows = rows.filter(state=state)
    board = verbs.board(user, day)
    context = {
        "page": page_of(request, rows, SHOWN),
        "chips": [
            {"label": label, "count": counts[value], "url": f"?state={value}", "active": state == value}
            for value, label in Rising.State.choices
        ],
        "all_active": state not in counts,
        "all_count": sum(counts.values()),
        "board": board if any(share.of for share in board) else (),
        "shows_money": sees(user, Field.VALUE),
        "quarter": verbs.quarter_of(day),
    }
    return render(request, "desk/winback/rising.html", context)


@needs(Permission.WORK_CARE)
@require_POST
def adopt(request: StaffRequest, pk: int) -> HttpResponse:
    try:
        row = adopting.adopt(_asked(request, pk).pk, by=request.user, at=now())
    except DomainError as refusal:
        return _answer(request, str(refusal), tone="error")
    return _answer(request, _("%(name)s is adopted: a first talk is planned") % {"name": row.customer.name})


@needs(Permission.WORK_CARE)
@require_http_methods(["GET", "POST"])
def not_now(request: StaffRequest, pk: int) -> HttpResponse:
    """Why not, in one choice: as a drawer over My day, or as a page of its own."""
    row = _asked(request, pk)
    form = NotNowForm(request.POST if request.method == "POST" else None)
    verb = partial(verbs.not_now, row.pk, by=request.user, at=now())
    if form.is_bound and carried_out(form, lambda data: verb(**data), beside={"why_missing": "why"}):
        text = _("Not now: nobody asks about %(name)s for half a year") % {"name": row.customer.name}
        response = _answer(request, text, undo=reverse("desk:rising_reopen", args=[pk]))
        return trigger_client_event(response, "closeDrawer") if request.htmx else response
    context = {
        "form": form,
        "title": _("Not now"),
        "button": _("Not now"),
        "url": reverse("desk:rising_not_now", args=[pk]),
        "name": row.customer.name,
        "words": _("Nobody asks about this customer again for 180 days."),
        "back": _("Buy more often"),
        "back_url": reverse("desk:rising"),
    }
    template = "desk/work/drawer.html#form" if request.htmx else "desk/work/drawer.html"
    return render(request, template, context, status=422 if form.errors else 200)


@needs(Permission.WORK_CARE)
@require_POST
def reopen(request: StaffRequest, pk: int) -> HttpResponse:
    try:
        verbs.reopen(_asked(request, pk).pk, by=request.user, at=now())
    except DomainError as refusal:
        return _answer(request, str(refusal), tone="error")
    return _answer(request, _("It waits for an answer again"))


def _asked(request: StaffRequest, customer: int) -> Rising:
    row = verbs.of(customer, request.user, today())
    if row is None:
        raise Http404
    return row


def _answer(request: StaffRequest, text: str, *, tone: str = "success", undo: str = "") -> HttpResponse:
    """My day as it is now, where it was pressed there; else the list."""
    if request.htmx:
        return my_day.answer(request, text, tone=tone, undo=undo)
    messages.add_message(request, messages.ERROR if tone == "error" else messages.SUCCESS, text, extra_tags=undo)
    return redirect("desk:rising")
