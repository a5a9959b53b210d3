"""What was changed about a customer: a row for each field, with what it said before."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.accounts.models import User
from customers.models import ContactPoint, ContactStop, Customer, CustomerChange, LifeDate

Door = CustomerChange.Door

CREATED = "created"
CUSTOM = "custom:"
BIRTHDAY = "birthday"
LIFE_DATE = "life_date"
# Fields that are not shown to whoever does not see birthdays.
OF_THEIR_LIFE = (BIRTHDAY, LIFE_DATE)
STOP = "stop"
MANAGER = "manager"
LABELS = {
    CREATED: _("Created"),
    "name": _("Name"),
    "region": _("Province"),
    "city": _("City"),
    "registered_on": _("Registered"),
    BIRTHDAY: _("Birthday"),
    LIFE_DATE: _("Day of their life"),
    "interests": _("Interests"),
    "mindset": _("Mindset"),
    "preferred_channel": _("Preferred channel"),
    "is_reseller": _("Buys to resell"),
    "influencers": _("Who influences what they buy"),
    "notes": _("Notes"),
    STOP: _("Not to be reached"),
    MANAGER: _("Manager"),
    "phone": _("Phone"),
    "email": _("E-mail"),
    "address": _("Address"),
    "identity": _("Number at a source"),
}


class Changed(NamedTuple):
    """A field, and what it said before and says now, as a person reads it."""

    field: str
    before: str
    after: str


def record(customer: Customer, rows: Iterable[Changed], *, by: User | None, door: str, at: datetime) -> None:
    """The rows are on record."""
    CustomerChange.objects.bulk_create(unsaved(customer, rows, by=by, door=door, at=at))


def unsaved(
    customer: Customer, rows: Iterable[Changed], *, by: User | None, door: str, at: datetime
) -> list[CustomerChange]:
    """The rows as they are to be put on record."""
    return [
        CustomerChange(
            customer=customer, at=at, by=by, door=door, field=row.field[:60], before=row.before, after=row.after
        )
        for row in rows
    ]


def words(field: str, text: str) -> str:
    """What the record said of this field, in the reader's language."""
    choices: dict[str, dict[str, Any]] = {
        "mindset": dict[str, Any](Customer.Mindset.choices),
        "preferred_channel": dict[str, Any](Customer.Channel.choices),
        STOP: dict[str, Any](ContactStop.Kind.choices),
        "is_reseller": {"yes": gettext("yes"), "no": gettext("no")},
    }
    if field in choices:
        return str(choices[field].get(text, text or "–"))
    if field in OF_THEIR_LIFE:
        return _day_words(field, text)
    if field in ContactPoint.Kind.values:
        value, *states = text.split(" ")
        said = {
            "preferred": gettext("preferred"),
            "confirmed": gettext("confirmed"),
            **dict(ContactPoint.Retired.choices),
        }
        known = [word for word in states if word in said]
        value = " ".join([value, *(word for word in states if word not in said)])
        return f"{value} ({', '.join(str(said[word]) for word in known)})" if known else value or "–"
    return text or "–"


def _day_words(field: str, text: str) -> str:
    if not text:
        return "–"
    kind = ""
    if field == LIFE_DATE:
        kind, _space, text = text.partition(" ")
        kind = f"{dict(LifeDate.Kind.choices).get(kind, kind)} "
    day, dot, of = text.partition(" · ")
    number, _space, calendar = day.partition(" ")
    calendars = {"lunar": gettext("lunar"), "leap": gettext("lunar, leap month")}
    return f"{kind}{number}{f' ({calendars[calendar]})' if calendar in calendars else ''}{dot}{of}"
