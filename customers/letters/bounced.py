"""A mail that came back: found by its Message-ID, else by the address, and noted as a receipt of its letter."""

import hashlib
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from core.lib.errors import Invalid
from core.outbox.bounces import Bounce
from customers import contact_points
from customers.letters import delivery
from customers.models import ContactPoint, Letter, LetterEvent
from customers.models.consent import Channel

State = Letter.State
# A provider that names no Message-ID speaks of what it was given lately.
LATELY = timedelta(days=5)
# What is said, and what it makes of the letter; that it is late is on record, and changes nothing.
BECOMES = {"failed": State.BOUNCED, "delivered": State.DELIVERED, "delayed": ""}


class Heard(NamedTuple):
    """How many letters it speaks of, and of how many it was news."""

    letters: int
    new: int


def heard(bounce: Bounce, letters: QuerySet[Letter], *, name: str, at: datetime) -> Heard:
    """The letters it speaks of have bounced, or arrived; told twice under one `name` it counts once.

    `letters` are those that whoever tells it may speak of. A report that names none of ours changes nothing.
    """
    name = hashlib.sha256(name.encode()).hexdigest()
    about = {
        f"mail:{name}:{pk}": pk
        for pk in letters.filter(channel=Channel.EMAIL, own_id__in=bounce.ids).values_list("pk", flat=True)
    } or _by_address(bounce, letters, name, at)
    known = set(LetterEvent.objects.filter(key__in=about).values_list("key", flat=True))
    state = BECOMES.get(bounce.action, "")
    new = [
        delivery.receipt(pk, state=state, code=bounce.code, key=key, at=at)
        for key, pk in about.items()
        if pk and key not in known
    ]
    return Heard(sum(1 for key, pk in about.items() if pk or key in known), sum(new))


def _by_address(bounce: Bounce, letters: QuerySet[Letter], name: str, at: datetime) -> dict[str, UUID | None]:
    """The last letter that left to each of the addresses within the last days, and whose end is not known."""
    left = letters.filter(channel=Channel.EMAIL, state__in=[State.HANDED, State.UNKNOWN], handed_at__gt=at - LATELY)
    about: dict[str, UUID | None] = {}
    for number, address in enumerate(bounce.recipients):
        try:
            normal = contact_points.normalise_email(address)
        except Invalid:
            continue
        points = ContactPoint.objects.filter(
            kind=ContactPoint.Kind.EMAIL,
            blind_index__in=contact_points.indexes(ContactPoint.Kind.EMAIL, normal),
        )
        rows = left.filter(point__in=points).order_by("-handed_at").values_list("pk", flat=True)
        about[f"mail:{name}:{number}"] = rows.first()
    return about
