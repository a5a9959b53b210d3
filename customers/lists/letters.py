"""What conditions may say of being written to: what was agreed to, what was sent, and whom nobody is to reach."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from core.lib.conditions.fields import Context, Cost, Field
from core.lib.conditions.kinds import Kind, Words
from core.lib.conditions.tree import Leaf
from customers.lists.happenings import happening
from customers.models import Consent, ContactStop, Letter
from customers.models.consent import ASKED_FOR, BY_CONSENT, Channel, ConsentState, Purpose

GROUP = _("Letters")
State = Letter.State
# What may have reached the customer: who is perhaps written to counts as written to.
SENT = (State.HANDED, State.DELIVERED, State.UNKNOWN)
STOPS: list[tuple[str, Words]] = [(str(value), label) for value, label in ContactStop.Kind.choices]
PURPOSES: list[tuple[str, Words]] = [(str(value), label) for value, label in Purpose.choices]


def _kinds() -> list[tuple[str, Words]]:
    """Each purpose that needs consent, by each channel."""
    return [
        (f"{channel}-{purpose}", format_lazy("{} · {}", Purpose(purpose).label, Channel(channel).label))
        for purpose in ASKED_FOR
        for channel in BY_CONSENT
    ]


def _agreed(leaf: Leaf, context: Context) -> Q:
    """What holds today: what is not known was not agreed to."""
    held = Consent.objects.filter(customer=OuterRef("customer_id"), state=ConsentState.GRANTED)
    each = [Exists(held.filter(channel=channel, purpose=purpose)) for channel, purpose in map(_parts, leaf.values)]
    if leaf.op == "all":
        return Q(*each)
    among = Q(*each, _connector=Q.OR)
    return among if leaf.op == "any" else Q(*(~one for one in each))


def _parts(value: str) -> tuple[str, str]:
    channel, _dash, purpose = value.partition("-")
    return channel, purpose


def _stopped(leaf: Leaf, context: Context) -> Q:
    stops = ContactStop.objects.filter(customer=OuterRef("customer_id"))
    if leaf.op == "unknown":
        return Q(~Exists(stops))
    chosen = stops.filter(kind__in=leaf.values) if leaf.op == "any" else stops.exclude(kind__in=leaf.values)
    return Q(Exists(chosen))


def _sent(values: Sequence[str]) -> QuerySet[Any]:
    sent = Letter.objects.filter(state__in=SENT)
    return sent.filter(purpose__in=values) if values else sent


FIELDS: tuple[Field, ...] = (
    Field(
        "agreed",
        _("Agreed to"),
        Kind.SET,
        _agreed,
        group=GROUP,
        cost=Cost.PROBE,
        options=_kinds,
        says={
            "any": _("agreed to %(value)s"),
            "all": _("agreed to %(value)s"),
            "none": _("not agreed to %(value)s"),
        },
    ),
    Field(
        "letters",
        _("Written to"),
        Kind.HAPPENING,
        happening(_sent, at="handed_at"),
        group=GROUP,
        cost=Cost.PROBE,
        options=lambda: PURPOSES,
        says={"has": _("written to (%(value)s)"), "never": _("not written to (%(value)s)")},
    ),
    Field(
        "stopped",
        _("Not to be reached"),
        Kind.CHOICE,
        _stopped,
        group=GROUP,
        cost=Cost.PROBE,
        unknown=True,
        options=lambda: STOPS,
        says={"any": _("not to be reached (%(value)s)"), "unknown": _("may be reached")},
    ),
)
