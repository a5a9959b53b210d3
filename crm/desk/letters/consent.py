"""What one customer agreed to, what they said when, what was sent to them; and putting down what they say now."""

from typing import Any, NamedTuple

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission
from crm.desk.acting import press, submit
from crm.desk.editing import edit
from crm.desk.letters import outgoing_page
from crm.desk.letters.forms import ConsentForm, LimitsForm
from crm.desk.opening import opened_by
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from customers.access import customer_for
from customers.letters import asking, consent
from customers.letters.consent import Recorded, Source
from customers.models import Consent, ConsentEntry, Customer, ReachLimit
from customers.models.consent import ASKED_FOR, BY_CONSENT, ConsentState

SHOWN = 20
TONES = {
    ConsentState.ASKED: "amber",
    ConsentState.GRANTED: "green",
    ConsentState.REFUSED: "red",
    ConsentState.WITHDRAWN: "red",
}


class Cell(NamedTuple):
    channel: str | Promise
    label: str | Promise
    tone: str
    held: Consent | None


class Line(NamedTuple):
    """One purpose, with what holds by each channel."""

    label: str | Promise
    cells: list[Cell]


class Said(NamedTuple):
    entry: ConsentEntry
    tone: str
    how: str


@needs(Permission.VIEW_CUSTOMER)
@takeable("letters-of-customer")
def customer_letters(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, opened_by(request, pk))


def _page(request: StaffRequest, customer: Customer, *, status: int = 200, **changed: Any) -> HttpResponse:
    limit = ReachLimit.objects.filter(customer=customer).first() or ReachLimit()
    letters = page_of(request, outgoing_page.of_customer(customer.pk), SHOWN, "letters")
    said = page_of(request, consent.history(customer), SHOWN, "said")
    context = {
        "customer": customer,
        "channels": [channel.label for channel in BY_CONSENT],
        "lines": _lines(customer),
        "limit": limit,
        "may_ask": not asking.why_not(customer, at=now()),
        "letters": letters.of([outgoing_page.row_of(row) for row in letters.rows]),
        "said": said.of([_said(entry) for entry in said.rows]),
        "form": ConsentForm(initial={"said_on": today()}),
        "limits_form": LimitsForm(initial=LimitsForm.shown(customer)),
    }
    return render(request, "desk/letters/of_customer.html", context | changed, status=status)


def _lines(customer: Customer) -> list[Line]:
    held = consent.states(customer)
    return [
        Line(purpose.label, [_cell(channel.label, held.get((channel.value, purpose.value))) for channel in BY_CONSENT])
        for purpose in ASKED_FOR
    ]


def _cell(channel: str | Promise, row: Consent | None) -> Cell:
    if row is None:
        return Cell(channel, _("not asked"), "grey", None)
    return Cell(channel, ConsentState(row.state).label, TONES[ConsentState(row.state)], row)


def _said(entry: ConsentEntry) -> Said:
    """The entry with how it is known, in words; a merge names the other record."""
    evidence = entry.evidence
    how = str(evidence.get("where") or evidence.get("of") or evidence.get("apart") or "")
    if entry.wording:
        how = f"“{entry.wording.text}” ({entry.wording})" + (f" · {how}" if how else "")
    return Said(entry, TONES[ConsentState(entry.state)], how)


@needs(Permission.RECORD_CONSENT)
@require_POST
def record(request: StaffRequest, pk: int) -> HttpResponse:
    customer = customer_for(request.user, pk, today())
    form = ConsentForm(request.POST)

    def verb(data: dict[str, Any]) -> Recorded:
        return consent.record(
            customer,
            form.told(),
            source=Source.STAFF,
            said_at=form.said_at(),
            at=now(),
            by=request.user,
            wording=data["wording"],
            evidence={"where": data["where"]} if data["where"] else None,
        )

    if submit(request, form, verb, _thanks, beside={"no_proof": "where", "said_at": "said_on"}):
        return redirect("desk:customer_letters", pk)
    return _page(request, customer, form=form, status=422)


@needs(Permission.RECORD_CONSENT)
@require_POST
def withdraw(request: StaffRequest, pk: int) -> HttpResponse:
    """The customer wants nothing any more: one button."""
    customer = customer_for(request.user, pk, today())
    press(
        request,
        lambda: consent.withdraw_everything(
            customer, source=Source.STAFF, at=now(), by=request.user, evidence={"where": "page"}
        ),
        _thanks,
    )
    return redirect("desk:customer_letters", pk)


def _thanks(done: Recorded) -> str:
    words = [_("On record.") if done.entries else _("This was on record already.")]
    if done.withdrawn:
        words.append(_("Letters that do not go out any more: %(n)d.") % {"n": done.withdrawn})
    if done.on_its_way:
        words.append(_("One message was already on its way."))
    return " ".join(words)


@needs(Permission.RECORD_CONSENT)
@require_POST
def ask(request: StaffRequest, pk: int) -> HttpResponse:
    """The customer is asked by one e-mail whether offers are wanted."""
    customer = customer_for(request.user, pk, today())
    press(request, lambda: asking.ask(customer, by=request.user, at=now()), _("Asked. No answer means no."))
    return redirect("desk:customer_letters", pk)


@needs(Permission.RECORD_CONSENT)
@require_POST
def limits(request: StaffRequest, pk: int) -> HttpResponse:
    customer = customer_for(request.user, pk, today())
    form = LimitsForm(request.POST)

    def verb(row: Customer, data: dict[str, Any]) -> ReachLimit:
        return consent.set_limits(row, at=now(), by=request.user, **data)

    if edit(request, form, customer, verb, _("Saved")):
        return redirect("desk:customer_letters", pk)
    return _page(request, customer, limits_form=form, status=422)
