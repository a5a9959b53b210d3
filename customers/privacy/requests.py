"""What a customer may ask about the data of theirs: registered with a day by which it is due, and ended with a word."""

from datetime import date, datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import DomainError, Invalid, Unknown
from customers.letters import consent
from customers.letters.consent import Source
from customers.models import Customer, PrivacyRequest
from customers.models.consent import Purpose

# What the law of the mainland calls “in time”, and most others a month.
DUE_AFTER = timedelta(days=15)
State = PrivacyRequest.State


def customer_numbered(number: str) -> Customer:
    """The customer of this number, or the one it was merged into. Raises Unknown when there is none."""
    written = number.strip().upper()
    known = Q(number=written) | Q(merged__number=written)
    customer = Customer.objects.filter(known, merged_into__isnull=True).first() if written.isprintable() else None
    if customer is None:
        raise Unknown(_("There is no customer of this number."), code="customer_unknown")
    return customer


def register(
    customer: Customer,
    *,
    kind: str,
    asked_on: date,
    due_on: date | None,
    note: str,
    by: User,
    at: datetime,
    today: date,
) -> PrivacyRequest:
    """The request waits on the privacy officer's desk until `due_on`, fifteen days after it was asked unless told.

    Raises Invalid for a day to come, and for an end before the beginning; DomainError while the same is open.
    """
    if asked_on > today:
        raise Invalid(_("It cannot have been asked after today."), code="asked_on")
    due = due_on or asked_on + DUE_AFTER
    if due < asked_on:
        raise Invalid(_("It is due on the day it was asked, or later."), code="due_on")
    try:
        with transaction.atomic():
            request = PrivacyRequest.objects.create(
                customer=customer, kind=kind, asked_on=asked_on, due_on=due, note=note.strip(), registered_by=by
            )
            audit.record(
                by, "privacy.registered", customer, at=at, kind=kind, due_on=due.isoformat(), request=request.pk
            )
    except IntegrityError as clash:
        if "privacy_asked_once" not in str(clash):
            raise
        raise DomainError(_("This customer's request for the same is open already."), code="asked_already") from clash
    return request


@transaction.atomic
def end(pk: int, *, done: bool, outcome: str, by: User, at: datetime) -> PrivacyRequest:
    """The request is done, or refused, with what was done or why. Raises Invalid without a word, DomainError twice.

    Whoever asked to be erased is not done with before that has happened.
    """
    request = PrivacyRequest.objects.select_for_update(of=("self",)).select_related("customer").get(pk=pk)
    if request.state != State.OPEN:
        raise DomainError(_("Somebody has ended this request already."), code="ended_already")
    if not outcome.strip():
        raise Invalid(_("Write what was done, or why it is refused."), code="outcome")
    if done and request.kind == PrivacyRequest.Kind.ERASE and request.customer.erased_at is None:
        raise DomainError(_("Nothing is erased yet: erase the customer, or refuse and say why."), code="not_erased")
    request.state = State.DONE if done else State.REFUSED
    request.outcome, request.ended_by, request.ended_at = outcome.strip(), by, at
    request.save(update_fields=["state", "outcome", "ended_by", "ended_at"])
    if done:
        _carry_out(request, by=by, at=at)
    audit.record(by, "privacy.ended", request.customer, at=at, kind=request.kind, state=request.state, request=pk)
    return request


def _carry_out(request: PrivacyRequest, *, by: User, at: datetime) -> None:
    """What Laoke does by itself once it was agreed to: no more offers, or nothing at all."""
    evidence = {"request": request.pk}
    if request.kind == PrivacyRequest.Kind.OBJECT:
        consent.withdraw_everything(
            request.customer, source=Source.PRIVACY, purposes=[Purpose.MARKETING], at=at, by=by, evidence=evidence
        )
    if request.kind == PrivacyRequest.Kind.RESTRICT:
        consent.set_limits(request.customer, at=at, by=by, restricted=request.outcome)
