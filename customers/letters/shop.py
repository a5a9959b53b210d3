"""The shop's own chat: the shop is told that letters wait, fetches them, and says what became of them.

What is fetched has passed the gate in that second and counts as handed over. Until its receipt comes it is given again
under the same id, by which the shop knows it: an answer that was lost on the way loses no letter.
"""

from datetime import datetime
from typing import NamedTuple

from django.db import models
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.lib.errors import DomainError
from core.outbox import webhooks
from core.outbox.webhooks import Event
from customers.letters import delivery, facts, gate, writing
from customers.models import Letter
from customers.models.consent import Channel


class Kind(models.TextChoices):
    """What the shop may be told, by the name that travels."""

    WAITING = "letter.waiting", gettext_lazy("A letter waits for the shop to fetch it")


class Fetched(NamedTuple):
    letter: Letter
    subject: str
    text: str


def announce(*, at: datetime, open_cases: facts.OpenCases) -> int:
    """Whoever wants to know is told once of each letter that the shop could fetch now, without its words; how many."""
    if Channel.SHOP not in writing.ways() or not (to := webhooks.wanted(Kind.WAITING)):
        return 0
    letters = list(delivery.due(Channel.SHOP, at).select_related("customer")[: delivery.AT_ONCE])
    asked = facts.of(letters, now=at, open_cases=open_cases)
    going = [row for row in letters if isinstance(gate.decide(asked[row.pk].facts), gate.Go)]
    told = [
        Event(
            Kind.WAITING,
            at,
            {"letter": str(row.pk), "channel": row.channel, "purpose": row.purpose, "customer": row.customer.number},
            webhooks.id_of(Kind.WAITING, f"{row.pk}:{row.attempts}"),
        )
        for row in going
    ]
    webhooks.store(told, to, at=at)
    return len(told)


def fetch(letters: QuerySet[Letter], *, at: datetime, open_cases: facts.OpenCases) -> list[Fetched]:
    """Those of the letters for the shop's chat that may go now, and those it was given before and has not answered for.

    Raises DomainError where the shop does not fetch letters here.
    """
    if Channel.SHOP not in writing.ways():
        raise DomainError(
            _("The shop fetches no letters here: LETTER_SHOP_CHAT is not set, colleagues send them."), code="no_shop"
        )
    mine = delivery.due(Channel.SHOP, at).filter(pk__in=letters.values("pk"))
    taken = delivery.claim(mine, delivery.AT_ONCE, at=at, open_cases=open_cases, left=set())
    delivery.note_handed([row.pk for row in taken.letters], at=at)
    open_ones = letters.filter(channel=Channel.SHOP, by_hand=False, state=Letter.State.HANDED, valid_until__gt=at)
    given = list(open_ones.select_related("customer").order_by("handed_at", "pk")[: delivery.AT_ONCE])
    asked = facts.of(given, now=at, open_cases=open_cases)
    still = [row for row in given if isinstance(gate.decide(asked[row.pk].facts), gate.Go)]
    return [Fetched(row, words.subject, words.body) for row in still if (words := writing.words_of(row))]
