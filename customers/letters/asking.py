"""Asked once by e-mail whether offers are wanted: one letter with a link, nothing in it to buy. No answer means no."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from core.accounts.models import User
from core.lib import mall
from core.lib.errors import DomainError
from core.lib.periods import mall_day
from customers import locks
from customers.letters import choices, consent, writing
from customers.letters.consent import Recorded, Source, lock_of
from customers.letters.writing import Words
from customers.models import ConsentEntry, Customer, Letter
from customers.models.consent import Channel, ConsentState, Purpose

KIND = (str(Channel.EMAIL), str(Purpose.MARKETING))
OCCASION = "ask:marketing"
ANSWER_WITHIN = timedelta(days=30)
# Whoever was asked and did not say yes is left alone for so long.
AGAIN_AFTER = timedelta(days=365)


def why_not(customer: Customer, *, at: datetime) -> str:
    """Why nobody may ask this customer now, as a sentence; empty when one may."""
    if not settings.PUBLIC_URL or not writing.leaves_by_itself(Channel.EMAIL):
        return _("Laoke cannot ask by e-mail: a mail server and PUBLIC_URL have to be set up.")
    if not customer.contact_points.filter(kind="email", retired="").exists():
        return _("The customer has no e-mail address. Answer in another way.")
    held = consent.states(customer).get(KIND)
    if held and held.state == ConsentState.GRANTED:
        return _("The customer has agreed already.")
    words = ConsentEntry.objects.filter(customer=customer, channel=KIND[0], purpose=KIND[1])
    if words.filter(said_at__gt=at - AGAIN_AFTER).exclude(state=ConsentState.GRANTED).exists():
        return _("The customer was asked, or said no, less than a year ago: leave them alone.")
    return ""


@transaction.atomic
def ask(customer: Customer, *, by: User, at: datetime) -> Letter:
    """One letter asks whether offers are wanted. Raises DomainError with why nobody may ask now."""
    locks.hold_customers([customer.pk])
    locks.hold(lock_of(customer.pk))
    if reason := why_not(customer, at=at):
        raise DomainError(reason, code="not_to_be_asked")
    with override(mall.facts().language):
        name = mall.facts().name
        subject = _("May %(mall)s write to you?") % {"mall": name}
        text = _(
            "You can get news and offers of %(mall)s by e-mail, two letters a week at most, until you say stop."
            " If you want that, confirm it here within 30 days:"
        )
        end = _("If you do nothing, we write nothing.")
    number = writing.new_token()
    letter = writing.write(
        customer,
        Words(subject, f"{text % {'mall': name}}\n\n{settings.PUBLIC_URL}/c/{number}\n\n{end}", {}),
        channel=Channel.EMAIL,
        purpose=Purpose.SERVICE,
        occasion=OCCASION,
        period=mall_day(at).isoformat(),
        at=at,
        by=by,
        reply_token=number,
    )
    evidence = {"letter": str(letter.pk)}
    consent.record(
        customer, {KIND: ConsentState.ASKED}, source=Source.DOUBLE, said_at=at, at=at, by=by, evidence=evidence
    )
    return letter


def is_asked_by(letter: Letter, *, at: datetime) -> bool:
    """Whether this letter asks, and its answer is still awaited."""
    return letter.occasion == OCCASION and letter.written_at > at - ANSWER_WITHIN


def confirm(token: str, *, at: datetime) -> Recorded:
    """The customer says yes by the link of the letter that asked. Raises UnknownLink once it is older than 30 days."""
    held = choices.by_token(token)
    if not is_asked_by(held.letter, at=at):
        raise choices.unknown()
    return consent.record(
        held.customer,
        {KIND: ConsentState.GRANTED},
        source=Source.DOUBLE,
        said_at=at,
        at=at,
        evidence={"letter": str(held.letter.pk)},
    )
