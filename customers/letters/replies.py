"""What is answered to a text message: a word that ends it, for everybody of the number; anything else is a talk."""

import unicodedata
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import QuerySet

from core.accounts.models import User
from customers import contact_points, contacts
from customers.letters import consent
from customers.letters.consent import Kind, Source
from customers.models import Contact, Customer
from customers.models.consent import Channel, ConsentState, Purpose

ENDS = frozenset({"T", "TD", "N", "R", "退订", "退訂", "拒收"})
_LEFT_OUT = " \t\r\n.。!！,，"


class Heard(NamedTuple):
    """How many customers get no offers by text message any more; whether other words were put down."""

    stopped: int
    noted: bool


def ends(text: str) -> bool:
    """Whether the reply means: no more. Any width, any case."""
    return unicodedata.normalize("NFKC", text).strip(_LEFT_OUT).upper() in ENDS


@transaction.atomic
def heard(phone: str, text: str, *, of: QuerySet[Customer], said_at: datetime, at: datetime, by: User) -> Heard:
    """A reply from this number has come. Told twice it counts once. Raises Invalid for what is no phone number.

    Of several people with one number nobody knows who wrote: a no is everybody's, other words are nobody's.
    """
    people = list(of.filter(pk__in=contact_points.find(contact_points.Kind.PHONE, phone)).order_by("pk"))
    if ends(text):
        told: dict[Kind, str] = {(Channel.SMS, Purpose.MARKETING): ConsentState.WITHDRAWN}
        for customer in people:
            consent.record(
                customer,
                told,
                source=Source.SMS_REPLY,
                said_at=min(said_at, at),
                at=at,
                by=by,
                evidence={"where": contact_points.mask_phone(contact_points.normalise_phone(phone))},
            )
        return Heard(len(people), False)
    if len(people) != 1 or Contact.objects.filter(customer=people[0], at=said_at, note=text.strip()).exists():
        return Heard(0, False)
    contacts.log_contact(
        people[0],
        by=by,
        at=said_at,
        channel=Contact.Channel.SMS,
        direction=Contact.Direction.IN,
        outcome=Contact.Outcome.REACHED,
        mood=Contact.Mood.NEUTRAL,
        note=text,
    )
    return Heard(0, True)
