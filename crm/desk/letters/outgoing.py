"""What goes out to customers: the letters of a day, what waits and why, and the stop."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Exists, Q
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from complaints import queries as complaints
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission, rights_of
from core.lib.errors import DomainError
from core.outbox import switches
from core.outbox.models import ChannelSwitch
from crm.desk.acting import press, submit
from crm.desk.letters import outgoing_page
from crm.desk.letters.forms import ReasonForm
from crm.desk.opening import note
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from customers.access import scope_filter, visible_to
from customers.letters import delivery, writing
from customers.models import Letter, Todo
from customers.models.consent import Channel, Purpose

CHANNELS = {switches.EVERY, *Channel.values}
PURPOSES = {switches.EVERY, *Purpose.values}


@needs(Permission.VIEW_LETTERS)
@takeable("letters")
def outgoing(request: StaffRequest) -> HttpResponse:
    return render(request, "desk/letters/outgoing.html", outgoing_page.context(request))


@needs(Permission.VIEW_LETTERS)
def page(request: StaffRequest, letter: UUID) -> HttpResponse:
    return _letter_page(request, _letter_for(request, letter), {})


def _letter_page(request: StaffRequest, row: Letter, more: dict[str, Any]) -> HttpResponse:
    shown = outgoing_page.row_of(row)
    against = ""
    if shown.waits_for_hand:
        against = delivery.why_not_now(row, at=now(), open_cases=complaints.who_complain)
    context = {
        "letter": shown,
        "against": against,
        "is_reached_by": row.channel in delivery.REACHED_BY,
        "words": writing.words_of(row),
        "events": outgoing_page.events_of(row),
        "customer": note(request, row.customer),
        # Who wrote it comes back to it also when they no more see whom it is to.
        "in_reach": visible_to(request.user, today()).filter(pk=row.customer_id).exists(),
    }
    return render(request, "desk/letters/letter.html", context | more)


@needs(Permission.VIEW_LETTERS)
@require_POST
def sent(request: StaffRequest, letter: UUID) -> HttpResponse:
    """A colleague has sent it with their own hands."""
    row = _letter_for(request, letter)
    press(
        request,
        lambda: delivery.sent_by_hand(row.pk, by=request.user, at=now(), open_cases=complaints.who_complain),
        _("On record as sent: it counts now"),
    )
    return redirect("desk:letter", letter)


@needs(Permission.VIEW_LETTERS)
@takeable("letters-by-hand")
def by_hand(request: StaffRequest) -> HttpResponse:
    """The call list and print sheet: what waits for a colleague, with its words, the most urgent first."""
    return render(request, "desk/letters/by_hand.html", outgoing_page.waiting_for_hand(request))


@needs(Permission.REVEAL_CONTACT)
@require_POST
def address(request: StaffRequest, letter: UUID) -> HttpResponse:
    """Where the customer is reached, in clear, once: the gate is asked at this second, and the look is on record."""
    row = _letter_for(request, letter)
    try:
        shown = delivery.address_for(row.pk, by=request.user, at=now(), open_cases=complaints.who_complain)
    except DomainError as refusal:
        messages.error(request, str(refusal))
        return redirect("desk:letter", letter)
    answer = _letter_page(request, row, {"shown": shown, "has_shown": True})
    answer["Cache-Control"] = "no-store"
    return answer


@needs(Permission.STOP_LETTERS)
@require_POST
def stop(request: StaffRequest, channel: str, purpose: str) -> HttpResponse:
    """Nothing of it passes the gate any more. Why, can be said afterwards."""
    _known(channel, purpose)
    press(
        request,
        lambda: switches.stop(channel=channel, purpose=purpose, by=request.user, at=now()),
        _("Stopped. Say why, below, for those who wonder."),
    )
    return redirect("desk:outgoing")


@needs(Permission.STOP_LETTERS)
@require_POST
def explain(request: StaffRequest, pk: int) -> HttpResponse:
    form = ReasonForm(request.POST)
    if not ChannelSwitch.objects.filter(pk=pk).exists():
        raise Http404
    if submit(request, form, lambda data: switches.explain(pk, by=request.user, at=now(), **data), _("Saved")):
        return redirect("desk:outgoing")
    return _refused(request, form)


@needs(Permission.STOP_LETTERS)
@require_POST
def go_on(request: StaffRequest, channel: str, purpose: str) -> HttpResponse:
    _known(channel, purpose)
    form = ReasonForm(request.POST)

    def verb(data: dict[str, str]) -> ChannelSwitch:
        return switches.go_on(channel=channel, purpose=purpose, by=request.user, at=now(), **data)

    if submit(request, form, verb, _("It goes on, with what is still in time.")):
        return redirect("desk:outgoing")
    return _refused(request, form)


def _refused(request: StaffRequest, form: ReasonForm) -> HttpResponse:
    context = outgoing_page.context(request) | {"reason_form": form}
    return render(request, "desk/letters/outgoing.html", context, status=422)


def _known(channel: str, purpose: str) -> None:
    if channel not in CHANNELS or purpose not in PURPOSES:
        raise Http404


def _letter_for(request: StaffRequest, pk: UUID) -> Letter:
    """The letter; Http404 when it is missing, or its customer is out of reach and it is nobody's own work to send it."""
    if not rights_of(request.user).sees_customers:
        raise Http404
    rows = Letter.objects.select_related("customer", "by", "point")
    row = rows.filter(pk=pk).filter(scope_filter(request.user, today(), "customer__") | _own_work(request, pk)).first()
    if row is None:
        raise Http404
    return row


def _own_work(request: StaffRequest, pk: UUID) -> Q:
    """Service finds a customer for a day; what they wrote in the case waits for them on the next one too."""
    return Q(Exists(Todo.objects.filter(owner=request.user, dedupe_key=writing.work_key(pk))))
