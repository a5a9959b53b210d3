"""What a customer chooses for themselves, by the link in a letter: no cookie, no login, nothing asked, at once."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from django.utils.translation import gettext as _

from core.lib.errors import DomainError
from customers.letters import consent
from customers.letters.consent import Kind, Recorded, Source
from customers.models import ContactPoint, Customer, Letter, ReachLimit
from customers.models.consent import ASKED_FOR, BY_CONSENT, ConsentState, Purpose


class UnknownLink(DomainError):
    """The link is wrong, or leads to nobody any more."""

    code = "link_unknown"
    status = 410


class Held(NamedTuple):
    """What holds for the customer whose letter carried the link."""

    customer: Customer
    letter: Letter
    masks: list[str]
    granted: set[Kind]
    channels: list[str]
    no_profiling: bool


def by_token(token: str) -> Held:
    """Who the letter went to, masked, and what they agreed to. Writes nothing. Raises UnknownLink (410)."""
    letter = Letter.objects.filter(reply_token=token).select_related("customer__merged_into").first() if token else None
    if letter is None:
        raise unknown()
    customer = letter.customer.merged_into or letter.customer
    if customer.erased_at:
        raise unknown()
    points = customer.contact_points.filter(retired="", kind__in=["phone", "email"])
    kinds = set(points.values_list("kind", flat=True))
    states = consent.states(customer)
    granted = {kind for kind, row in states.items() if row.state == ConsentState.GRANTED}
    limit = ReachLimit.objects.filter(customer=customer).first()
    return Held(
        customer,
        letter,
        list(points.order_by("kind", "-is_preferred", "-pk").values_list("mask", flat=True)[:4]),
        granted,
        [channel for channel in BY_CONSENT if _is_open(channel, kinds, granted)],
        bool(limit and limit.no_profiling_at),
    )


def unknown() -> UnknownLink:
    """The same words for what was never given out and for what is not good any more."""
    return UnknownLink(_("This link is not complete, or not good any more."))


def _is_open(channel: str, kinds: set[str], granted: set[Kind]) -> bool:
    """Whether the customer can be reached by the channel, or has agreed to something by it."""
    needs = {"sms": ContactPoint.Kind.PHONE, "phone": ContactPoint.Kind.PHONE, "email": ContactPoint.Kind.EMAIL}
    return needs.get(channel) in kinds or any(kind[0] == channel for kind in granted)


def one_click(token: str, *, at: datetime) -> Recorded:
    """What the letter was for ends by its channel; twice is once. A letter of service ends offers by its channel."""
    held = by_token(token)
    purpose = held.letter.purpose if held.letter.purpose in ASKED_FOR else Purpose.MARKETING
    return consent.record(
        held.customer,
        {(held.letter.channel, str(purpose)): str(ConsentState.WITHDRAWN)},
        source=Source.ONE_CLICK,
        said_at=at,
        at=at,
        evidence={"letter": str(held.letter.pk)},
    )


def stop_everything(token: str, *, at: datetime) -> Recorded:
    """Nothing but answers and news of orders goes to this customer any more."""
    held = by_token(token)
    return consent.withdraw_everything(
        held.customer, source=Source.PAGE, at=at, evidence={"letter": str(held.letter.pk)}
    )


def choose(
    token: str,
    wanted: Collection[Kind],
    *,
    no_profiling: bool,
    at: datetime,
    shown: Collection[Kind] | None = None,
    shown_no_profiling: bool | None = None,
) -> Recorded:
    """What is wanted is granted, what was granted and is not wanted any more is withdrawn; the rest stays unsaid.

    `shown` is what was ticked, and `shown_no_profiling` what was so, when the page was opened: a yes is only what was
    ticked since, so that a page from before a withdrawal takes nothing of it back. None: what holds now was shown.
    """
    held = by_token(token)
    seen = held.granted if shown is None else set(shown)
    offered = {(channel, purpose) for channel in held.channels for purpose in ASKED_FOR}
    told: dict[Kind, str] = {
        kind: ConsentState.GRANTED if kind in wanted else ConsentState.WITHDRAWN
        for kind in offered
        if (kind in wanted) != (kind in seen) and (kind in wanted) != (kind in held.granted)
    }
    if no_profiling not in (held.no_profiling, shown_no_profiling):
        consent.set_limits(held.customer, at=at, no_profiling=no_profiling)
    return consent.record(
        held.customer, told, source=Source.PAGE, said_at=at, at=at, evidence={"letter": str(held.letter.pk)}
    )
