"""Who is on the line: people told apart by little, a number that others have, what was typed to find somebody."""

from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from django.core import signing
from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _

from core.accounts.models import User
from core.accounts.permissions import may, sees
from core.accounts.roles import Field, Permission
from core.lib import sealing
from core.lib.errors import Invalid
from crm.desk.today import now, today
from customers import keys
from customers import queries as people
from customers.access import customer_for, in_reach
from customers.models import Customer
from customers.record import newcomers

CHOICE_HOURS = 4
SOUGHT = "caller"
_USE = b"caller"


# People offered -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hint:
    """What tells one caller from another without showing more than the agent must ask for anyway."""

    token: str
    name: str
    hints: str
    class_value: int

    @classmethod
    def of(cls, user: User, person: Customer, *, in_reach: bool = True) -> "Hint":
        masks = [p.mask for p in person.contact_points.all() if p.kind == "phone"] if sees(user, Field.CONTACT) else []
        return cls(
            signing.dumps([user.pk, person.pk], salt="caller"),
            person.name if in_reach and may(user, Permission.LIST_CUSTOMERS) else f"{person.name[:1]}**",
            " · ".join([*masks[:2], person.city or person.region or ""]).strip(" ·"),
            person.standing.customer_class,
        )


def offered(user: User, token: str) -> Customer:
    """The person behind the token of a `Hint`, whom this user may open until midnight. Http404 for anybody else's."""
    try:
        user_id, customer_id = signing.loads(token, salt="caller", max_age=timedelta(hours=CHOICE_HOURS))
    except (signing.BadSignature, ValueError):
        raise Http404 from None
    if user_id != user.pk:
        raise Http404
    people.look_up(user, customer_id, today())
    return customer_for(user, customer_id, today())


def is_nobody(text: str) -> bool:
    """Whether somebody typed that the caller does not say who they are: 0, 匿名, anonymous."""
    return bool(text.strip()) and keys.is_nobody(text)


# A number that others are known by ------------------------------------------------------------------------------------


class Answer(NamedTuple):
    """One of the answers to: whose number is this now?"""

    value: str
    text: str
    chosen: bool


class Asked(NamedTuple):
    """A phone is known, and it is not said whether the caller is who had it."""

    owners: list[Hint]
    answers: list[Answer]


def question(user: User, phone: str, chosen: str = "") -> Asked | None:
    """Whose number it is, to be answered by the agent; None for a phone nobody is known by."""
    owners = _owners(phone)
    if not owners:
        return None
    # A phone, which anybody may type, tells nobody the name of a customer whom they may not see.
    mine = in_reach([user], [owner.pk for owner in owners], today())[user.pk]
    hints = [Hint.of(user, owner, in_reach=owner.pk in mine) for owner in owners]
    offers = [(f"is:{pk}", _("It is %(name)s") % {"name": hint.name}) for pk, hint in _each(owners, hints)]
    offers.append(("share", _("Somebody else, who shares the phone")))
    offers += [
        (f"gone:{pk}", _("The number is new to the caller: no longer %(name)s’s") % {"name": hint.name})
        for pk, hint in _each(owners, hints)
    ]
    return Asked(hints, [Answer(value, text, value == chosen) for value, text in offers])


def _each(owners: Iterable[Customer], hints: Iterable[Hint]) -> list[tuple[int, Hint]]:
    return [(owner.pk, hint) for owner, hint in zip(owners, hints, strict=True)]


def _owners(phone: str) -> list[Customer]:
    try:
        return newcomers.owners(phone) if phone.strip() else []
    except Invalid:
        return []


class WhoIsIt(Invalid):
    """The phone is somebody's, and what was typed does not say whether the caller is that person."""

    code = "whose_number"

    def __init__(self) -> None:
        super().__init__(_("This number is known. Say whether it is the same person."))


def stranger(user: User, *, phone: str, name: str, answer: str) -> Customer:
    """The caller of a form without a customer: found by the phone, or put on record.

    Raises WhoIsIt for a phone that somebody else seems to be known by, Invalid for one that cannot be called.
    """
    owners = newcomers.owners(phone)
    verb, _colon, pk = answer.partition(":")
    named = [owner for owner in owners if str(owner.pk) == pk]
    if verb == "is" and named:
        caller = named[0]
    elif verb == "share" or (verb == "gone" and named) or not owners:
        gone = named if verb == "gone" else []
        told = name.strip() or _("Caller")
        caller = newcomers.welcome(phone, told, gone=gone, by=user, at=now(), today=today())
    elif len(owners) == 1 and (not name.strip() or _same(name, owners[0].name)):
        caller = owners[0]
    else:
        raise WhoIsIt
    people.look_up(user, caller.pk, today())
    return caller


def _same(one: str, other: str) -> bool:
    return "".join(one.split()).casefold() == "".join(other.split()).casefold()


# What was typed -------------------------------------------------------------------------------------------------------


def remember(request: HttpRequest, text: str) -> None:
    """What found the caller is known for the next page, sealed: never in an address, gone at sign-out."""
    plain = text.encode("utf-8", "surrogatepass")
    request.session[SOUGHT] = b64encode(sealing.encrypt(plain, use=_USE, about=_USE)).decode()


def sought(request: HttpRequest) -> str:
    """What was typed to find the caller last; empty when nothing was."""
    if not (stored := request.session.get(SOUGHT, "")):
        return ""
    try:
        return sealing.decrypt(b64decode(stored), use=_USE, about=_USE).decode("utf-8", "surrogatepass")
    except (InvalidTag, ValueError):
        return ""
