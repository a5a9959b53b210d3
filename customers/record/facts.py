"""What may be told of a customer, and what of it can be stored."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Any, Final

from django.utils.translation import gettext as _

from core.lib.almanac.days import LifeDay
from core.lib.errors import Invalid
from customers import contact_points
from customers.contact_points import Kind
from customers.models import Customer
from customers.record import fields as custom_fields
from customers.record import life_dates

LONGEST_NOTES = 10_000
MOST_INTERESTS = 30


class NotTold(Enum):
    """Nothing is said of this field: it stays as it is."""

    NOT_TOLD = "not told"


NOT_TOLD: Final = NotTold.NOT_TOLD


@dataclass(frozen=True)
class Facts:
    """What somebody tells of a customer. What is empty clears the field, what is NOT_TOLD says nothing.

    Phones, e-mails and addresses are added, never taken away; `custom` holds answers by the key of the mall's fields.
    """

    name: str | NotTold = NOT_TOLD
    region: str | NotTold = NOT_TOLD
    city: str | NotTold = NOT_TOLD
    registered_on: date | NotTold = NOT_TOLD
    birthday: LifeDay | NotTold | None = NOT_TOLD
    interests: tuple[str, ...] | NotTold = NOT_TOLD
    mindset: str | NotTold = NOT_TOLD
    preferred_channel: str | NotTold = NOT_TOLD
    is_reseller: bool | NotTold = NOT_TOLD
    influencers: str | NotTold = NOT_TOLD
    notes: str | NotTold = NOT_TOLD
    custom: Mapping[str, Any] = field(default_factory=dict)
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    def reached_by(self) -> list[tuple[str, str]]:
        """(kind, normal form) of each value, once. Raises UnusableContact for the first that is not one of its kind."""
        told = ((Kind.PHONE, self.phones), (Kind.EMAIL, self.emails), (Kind.ADDRESS, self.addresses))
        return list(dict.fromkeys((str(kind), usable(kind, value)) for kind, values in told for value in values))

    def columns(self, *, today: date) -> dict[str, Any]:
        """Fields of Customer as they are to be stored, of what is told. Raises Invalid for what cannot be."""
        columns: dict[str, Any] = {}
        for name, clean in _CLEAN.items():
            if (told := getattr(self, name)) is not NOT_TOLD:
                columns[name] = clean(told)
        if "registered_on" in columns and columns["registered_on"] > today:
            raise Invalid(_("Nobody is registered later than today."), code="registered_later")
        told = self.birthday
        if not isinstance(told, NotTold):
            columns["birthday"] = told if told is None else life_dates.usable(told, today=today)
        return columns


class UnusableContact(Invalid):
    """A phone, e-mail or address that is the subject of the request cannot be used."""

    status = 422

    def __init__(self, message: str, *, code: str, kind: str) -> None:
        super().__init__(message, code=code)
        self.kind = kind


def usable(kind: str, value: str) -> str:
    """The normal form. Raises UnusableContact."""
    try:
        return contact_points.normalise(kind, value)
    except Invalid as refusal:
        raise UnusableContact(str(refusal), code=refusal.code, kind=str(kind)) from None


def _line(most: int) -> Callable[[str], str]:
    def clean(value: str) -> str:
        text = contact_points.plain(value)
        if len(text) > most:
            raise Invalid(_("At most %(most)d characters.") % {"most": most}, code="too_long")
        return text

    return clean


def _text(value: str) -> str:
    text = value.replace("\r\n", "\n").strip()
    if len(text) > LONGEST_NOTES:
        raise Invalid(_("At most %(most)d characters.") % {"most": LONGEST_NOTES}, code="too_long")
    return text


def _interests(value: tuple[str, ...]) -> list[str]:
    words = list(dict.fromkeys(word for text in value if (word := _line(40)(text))))
    if len(words) > MOST_INTERESTS:
        raise Invalid(_("At most %(most)d interests.") % {"most": MOST_INTERESTS}, code="too_many_interests")
    return words


def _one_of(choices: type[Customer.Mindset] | type[Customer.Channel]) -> Callable[[str], str]:
    def clean(value: str) -> str:
        if value not in choices.values:
            raise Invalid(_("Choose one of %(choices)s.") % {"choices": ", ".join(choices.values)}, code="no_choice")
        return value

    return clean


_CLEAN: dict[str, Callable[[Any], Any]] = {
    "name": _line(120),
    "region": _line(60),
    "city": _line(60),
    "registered_on": lambda day: day,
    "interests": _interests,
    "mindset": _one_of(Customer.Mindset),
    "preferred_channel": _one_of(Customer.Channel),
    "is_reseller": bool,
    "influencers": _text,
    "notes": _text,
    "custom": custom_fields.answers,
}
