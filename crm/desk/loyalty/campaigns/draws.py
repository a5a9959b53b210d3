"""Prize draws: set up along a checklist, published by a second person, watched, handed over, archived."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts import audit
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError
from crm.desk import editing
from crm.desk.acting import first_error, press
from crm.desk.loyalty.campaigns import draw_page
from crm.desk.loyalty.campaigns.forms import LotteryForm, MoreForm, PrizeForm, Prizes, level_name
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from customers.access import scope_filter
from loyalty.campaigns import draws as verbs
from loyalty.models import Draw, Lottery

Status = Lottery.Status


@needs(Permission.VIEW_CAMPAIGNS)
@takeable("draws", people=False)
def lotteries(request: StaffRequest) -> HttpResponse:
    """Every draw, the newest first."""
    return render(request, "desk/loyalty/draws/lotteries.html", {"page": draw_page.lottery_list(request)})


@needs(Permission.RUN_CAMPAIGNS)
def new(request: StaffRequest) -> HttpResponse:
    """The terms of a new draw; its prizes come next."""
    form = LotteryForm(
        request.POST or None,
        initial={"starts_on": today() + timedelta(days=7), "last_on": today() + timedelta(days=36)},
    )
    if request.method == "POST" and form.is_valid():
        try:
            made = verbs.create(form.cleaned_data["code"], by=request.user, at=now(), **form.terms)
            return redirect("desk:draw_prizes", made.pk)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
    return render(request, "desk/loyalty/draws/edit.html", {"form": form}, status=422 if form.errors else 200)


@needs(Permission.RUN_CAMPAIGNS)
def edit(request: StaffRequest, pk: int) -> HttpResponse:
    """The terms of a draft."""
    lottery = _draft_or_404(pk)
    form = LotteryForm(request.POST or None, initial=draw_page.terms(lottery))
    form.fields["code"].disabled = True

    def change(_row: Lottery, _data: dict[str, Any]) -> Lottery:
        return verbs.change(pk, by=request.user, at=now(), **form.terms)

    if request.method == "POST" and editing.edit(request, form, lottery, change, _("Saved")):
        return redirect("desk:draw", pk)
    return render(
        request, "desk/loyalty/draws/edit.html", {"form": form, "lottery": lottery}, status=422 if form.errors else 200
    )


@needs(Permission.RUN_CAMPAIGNS)
def prizes(request: StaffRequest, pk: int) -> HttpResponse:
    """The prizes by rank with their odds; the last row is usually the one of those who win nothing."""
    lottery = _draft_or_404(pk)
    formset = Prizes(request.POST or None, initial=draw_page.prize_rows(lottery))
    refusal, opened = "", request.POST.get("opened", lottery.at.isoformat())
    if request.method == "POST" and formset.is_valid():
        try:
            _set_prizes(request, pk, formset, opened=opened)
            messages.success(request, _("Saved"))
            return redirect("desk:draw", pk)
        except DomainError as refused:
            refusal = str(refused)
            opened = lottery.at.isoformat() if refused.code == "changed_meanwhile" else opened
    return render(
        request,
        "desk/loyalty/draws/prizes.html",
        {"lottery": lottery, "formset": formset, "refusal": refusal, "opened": opened},
        status=422 if request.method == "POST" else 200,
    )


def _set_prizes(request: StaffRequest, pk: int, formset: forms.BaseFormSet[PrizeForm], *, opened: str) -> None:
    """The table is stored whole: refused once when somebody else has saved the draft since it was `opened`."""
    facts = [form.fact for form in formset if form.has_changed() or form.initial]
    with transaction.atomic():
        held = Lottery.objects.select_for_update(of=("self",)).select_related("by").get(pk=pk)
        if opened != held.at.isoformat():
            raise DomainError(
                _("%(who)s has saved this draft meanwhile. Saving again puts in its place what stands here:")
                % {"who": held.by},
                code="changed_meanwhile",
            )
        verbs.set_prizes(pk, [fact for fact in facts if fact], by=request.user, at=now())


def _draft_or_404(pk: int) -> Lottery:
    return get_object_or_404(Lottery, pk=pk, status=Status.DRAFT)


@needs(Permission.VIEW_CAMPAIGNS)
@takeable("draw")
def lottery(request: StaffRequest, pk: int) -> HttpResponse:
    """A draft with its checklist, or a published draw with live stock and what is to be handed over."""
    lottery = get_object_or_404(Lottery.objects.select_related("by", "published_by"), pk=pk)
    return render(request, "desk/loyalty/draws/lottery.html", draw_page.context(request, lottery))


@needs(Permission.VIEW_CAMPAIGNS)
@takeable("draw-odds", people=False)
def odds(request: StaffRequest, pk: int) -> HttpResponse:
    """The rules and odds as the customers read them, to be printed or copied into the shop."""
    lottery = get_object_or_404(Lottery, pk=pk)
    return render(
        request,
        "desk/loyalty/draws/odds.html",
        {
            "lottery": lottery,
            "last_on": draw_page.last_day(lottery),
            "odds": verbs.odds(lottery),
            "stage": draw_page.stage(lottery),
            "secret": draw_page.secret(lottery),
            "level": level_name(lottery.min_level),
        },
    )


# Deeds --------------------------------------------------------------------------------------------------------------


@needs(Permission.RUN_CAMPAIGNS)
@require_POST
def call_off(request: StaffRequest, pk: int) -> HttpResponse:
    """A published draw that has not begun never begins."""
    lottery = get_object_or_404(Lottery, pk=pk)
    reason = request.POST.get("reason", "")
    press(request, lambda: verbs.call_off(lottery.pk, by=request.user, at=now(), reason=reason), _("Called off"))
    return redirect("desk:draw", pk)


@needs(Permission.RUN_CAMPAIGNS)
@require_POST
def publish(request: StaffRequest, pk: int) -> HttpResponse:
    """Rules, prizes and odds are frozen from now on."""
    lottery = get_object_or_404(Lottery, pk=pk)
    press(request, lambda: verbs.publish(lottery.pk, by=request.user, at=now()), _("Published and frozen"))
    return redirect("desk:draw", pk)


@needs(Permission.RUN_CAMPAIGNS)
@require_POST
def drop(request: StaffRequest, pk: int) -> HttpResponse:
    """The draft is gone."""
    lottery = get_object_or_404(Lottery, pk=pk)
    dropped = press(request, lambda: verbs.drop(lottery.pk, by=request.user, at=now()), _("Draft dropped"))
    return redirect("desk:draws") if dropped else redirect("desk:draw", pk)


@needs(Permission.RUN_CAMPAIGNS)
@require_POST
def give_more(request: StaffRequest, pk: int) -> HttpResponse:
    """More pieces of a prize: what may still change after publication, in the customers' favour."""
    lottery = get_object_or_404(Lottery, pk=pk)
    form = MoreForm(request.POST, lottery=lottery)
    if not form.is_valid():
        messages.error(request, first_error(form))
        return redirect("desk:draw", pk)
    more = {form.cleaned_data["prize"].pk: form.cleaned_data["pieces"]}
    press(request, lambda: verbs.favour(lottery.pk, by=request.user, at=now(), more=more), _("Saved"))
    return redirect("desk:draw", pk)


@needs(Permission.EDIT_CUSTOMER)
@require_POST
def hand_over(request: StaffRequest, pk: int) -> HttpResponse:
    """`pk` is the draw's; only within reach."""
    rows = Draw.objects.filter(scope_filter(request.user, today(), "customer__"))
    won = get_object_or_404(rows, pk=pk)
    reference = request.POST.get("reference", "")
    press(
        request,
        lambda: verbs.hand_over(won.pk, by=request.user, at=now(), reference=reference),
        _("Sent or handed over"),
    )
    return redirect("desk:draw", won.lottery_id)


@needs(Permission.RUN_CAMPAIGNS)
def archive(request: StaffRequest, pk: int) -> HttpResponseBase:
    """Everything needed to repeat the draw, as CSV. Customers by number, never by name."""
    lottery = get_object_or_404(Lottery, pk=pk)
    if lottery.published_at is None:
        raise Http404
    audit.record(request.user, "draw.archived", lottery, at=now())
    response = StreamingHttpResponse(verbs.archive(lottery), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="draw-{lottery.code}.csv"'
    return response
