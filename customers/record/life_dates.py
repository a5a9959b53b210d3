"""The record knows the days of somebody's life: their birthday, as every door tells it, and the others."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib import sql
from core.lib.almanac import days, lunar
from core.lib.almanac.days import LifeDay
from core.lib.errors import DomainError, Invalid, Unknown
from customers import locks
from customers.access import visible_to
from customers.models import Customer, LifeDate
from customers.record import changes
from customers.record.changes import Changed, Door

FIRST_YEAR = 1880
MOST = 20
# So many days of a source on one day, and so many times what is to be expected, are a default and no birthdays.
LEAST_DOUBTED, TIMES_EXPECTED = 10, 5
_STEPS = sql.steps(__file__, "life_dates")
Kind, Certainty = LifeDate.Kind, LifeDate.Certainty


def in_march() -> bool:
    """Whether this mall keeps 29 February on 1 March where there is none."""
    return bool(settings.LEAP_DAY_IN_MARCH)


def usable(told: LifeDay, *, today: date) -> LifeDay:
    """The day as it was told. Raises Invalid for one that no calendar has."""
    if not 1 <= told.month <= 12:
        raise Invalid(_("A month is a number from 1 to 12."), code="birthday_invalid")
    if told.year is not None and not FIRST_YEAR <= told.year <= today.year:
        raise Invalid(
            _("The year of birth lies between %(first)d and this year; leave it empty when it is not known.")
            % {"first": FIRST_YEAR},
            code="birthday_invalid",
        )
    last = days.last_day(told.month, is_lunar=told.is_lunar, year=told.year)
    if told.day is not None and not 1 <= told.day <= last:
        raise Invalid(_("This month has no such day: at most %(last)d.") % {"last": last}, code="birthday_invalid")
    if told.is_leap and not told.is_lunar:
        raise Invalid(_("Only the lunar calendar has leap months."), code="birthday_invalid")
    if told.is_leap and told.year and not lunar.month_of(told.year, told.month, is_leap=True).is_leap:
        raise Invalid(_("That year had no such leap month."), code="birthday_invalid")
    return told


# The birthday of the record ---------------------------------------------------------------------------------------------


def read_many(customers: Iterable[Customer]) -> None:
    """Each of these objects knows its birthday, all by one question."""
    people = {customer.pk: customer for customer in customers}
    for customer in people.values():
        customer.birthday = None
    for row in _birthdays(people).order_by("greet", "-pk"):
        people[row.customer_id].birthday = row.life_day


def say_birthday(customer: Customer, day: LifeDay | None, *, by: User | None, at: datetime, source: str) -> None:
    """The record's own birthday is this one; of None no own one is known any more."""
    say_birthdays([customer], {customer.pk: day}, by=by, at=at, source=source)
    customer.birthday = day


def say_birthdays(
    customers: Iterable[Customer],
    told: Mapping[int, LifeDay | None],
    *,
    by: User | None,
    at: datetime,
    source: str,
) -> None:
    """The same for many. Each is greeted on the day that is told, unless somebody has said that they are not to be."""
    known: dict[int, LifeDate] = {}
    for row in _birthdays(told).order_by("greet", "-pk"):
        known[row.customer_id] = row
    gone = [pk for pk, day in told.items() if day is None and pk in known]
    if gone:
        _birthdays(gone).delete()
    fresh: list[LifeDate] = []
    for customer in customers:
        day = told.get(customer.pk)
        if day is None:
            continue
        row = known.get(customer.pk) or LifeDate(customer=customer, kind=Kind.BIRTHDAY)
        _set_day(row, day)
        row.certainty, row.source, row.by, row.at = Certainty.SAID, source, by, at
        if row.pk is None:
            fresh.append(row)
        else:
            row.save()
    LifeDate.objects.bulk_create(fresh, batch_size=1000)


def _birthdays(ids: Iterable[int]) -> QuerySet[LifeDate]:
    return LifeDate.objects.filter(customer__in=list(ids), kind=Kind.BIRTHDAY, of_whom="")


def _set_day(row: LifeDate, day: LifeDay) -> None:
    row.calendar = LifeDate.Calendar.LUNAR if day.is_lunar else LifeDate.Calendar.SOLAR
    row.month, row.day, row.year, row.leap = day.month, day.day, day.year, day.is_leap


# All of them -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """What somebody tells of a day: what it is, of whom (empty: the customer), and whether it is to be greeted."""

    kind: str
    day: LifeDay
    label: str = ""
    of_whom: str = ""
    greet: bool = True


@transaction.atomic
def put(customer: Customer, told: Told, *, by: User, at: datetime, today: date, pk: int | None = None) -> LifeDate:
    """The day is on record, in the place of that with `pk`; the change is in the customer's history.

    A day of mourning is never greeted, and ends the greeting of wedding days. Of several own birthdays the one that is
    greeted last told is greeted. Raises Invalid, Unknown, or DomainError where there are too many.
    """
    usable(told.day, today=today)
    if told.kind not in Kind.values:
        raise Invalid(_("Choose what day it is."), code="no_choice")
    locks.hold_customers([customer.pk])
    row = _of(customer, pk) if pk else LifeDate(customer=customer)
    if row.pk is None and customer.life_dates.count() >= MOST:
        raise DomainError(_("At most %(most)d days are kept of one customer.") % {"most": MOST}, code="too_many")
    before = words(row) if row.pk else ""
    row.kind, row.label, row.of_whom = told.kind, told.label.strip()[:60], told.of_whom.strip()[:60]
    row.greet = told.greet and told.kind != Kind.MEMORIAL
    _set_day(row, told.day)
    row.certainty, row.source, row.by, row.at = Certainty.SURE, Door.PAGE, by, at
    if row.greet and row.kind == Kind.BIRTHDAY and not row.of_whom:
        _birthdays([customer.pk]).exclude(pk=row.pk).update(greet=False)
    if row.kind == Kind.MEMORIAL:
        customer.life_dates.filter(kind=Kind.WEDDING).update(greet=False)
    row.save()
    _record(customer, before, words(row), by=by, at=at)
    return row


@transaction.atomic
def tell(customer: Customer, told: Sequence[Told], *, by: User, at: datetime, today: date) -> bool:
    """What a system of the mall knows of the customer's days is on record: these, and of what it told before no other.

    A day that a colleague has put down or confirmed stays, and so does its word about the same day. Told twice nothing
    changes; returns whether anything did. Raises Invalid for a day that no calendar has, that is told twice, or that is
    the customer's own birthday, which is told with the record; DomainError where there are too many.
    """
    days_told: dict[tuple[str, str, str], Told] = {}
    for day in told:
        usable(day.day, today=today)
        if day.kind == Kind.BIRTHDAY and not day.of_whom.strip():
            raise Invalid(
                _("The customer's own birthday is told with the record: say here whose birthday it is."),
                code="own_birthday",
            )
        what = (day.kind, day.label.strip()[:60], day.of_whom.strip()[:60])
        if what in days_told:
            raise Invalid(_("The same day is told twice: give each a name of its own."), code="told_twice")
        days_told[what] = day
    locks.hold_customers([customer.pk])
    rows = list(customer.life_dates.select_for_update(of=("self",)).order_by("pk"))
    own = {_what(row): row for row in rows if row.source == Door.API and row.certainty != Certainty.SURE}
    kept = [row for row in rows if own.get(_what(row)) is not row]
    fresh = {what: day for what, day in days_told.items() if what not in {_what(row) for row in kept}}
    if len(kept) + len(fresh) > MOST:
        raise DomainError(_("At most %(most)d days are kept of one customer.") % {"most": MOST}, code="too_many")
    changed = False
    for what in own.keys() - fresh.keys():
        row = own[what]
        row.delete()
        _record(customer, words(row), "", by=by, at=at, door=Door.API)
        changed = True
    for what, day in fresh.items():
        changed |= _told_by_system(customer, own.get(what), what, day, by=by, at=at)
    if any(kind == Kind.MEMORIAL for kind, _label, _of in fresh):
        customer.life_dates.filter(kind=Kind.WEDDING).update(greet=False)
    return changed


def _what(row: LifeDate) -> tuple[str, str, str]:
    return (row.kind, row.label, row.of_whom)


def _told_by_system(
    customer: Customer, row: LifeDate | None, what: tuple[str, str, str], day: Told, *, by: User, at: datetime
) -> bool:
    row = row or LifeDate(customer=customer, kind=what[0], label=what[1], of_whom=what[2], source=Door.API)
    before = (words(row), row.greet) if row.pk else ("", None)
    _set_day(row, day.day)
    mourned = row.kind == Kind.WEDDING and customer.life_dates.filter(kind=Kind.MEMORIAL).exists()
    row.greet = day.greet and row.kind != Kind.MEMORIAL and not mourned
    if (words(row), row.greet) == before:
        return False
    row.certainty, row.by, row.at = Certainty.SAID, by, at
    row.save()
    _record(customer, before[0], words(row), by=by, at=at, door=Door.API)
    return True


@transaction.atomic
def remove(customer: Customer, pk: int, *, by: User, at: datetime) -> None:
    """The day is not on record any more; what it was stays in the history. Raises Unknown."""
    locks.hold_customers([customer.pk])
    row = _of(customer, pk)
    before = words(row)
    row.delete()
    _record(customer, before, "", by=by, at=at)


@transaction.atomic
def confirm(customer: Customer, pk: int, *, by: User, at: datetime) -> LifeDate:
    """Somebody has asked: the day is right, and greeted as it says. Raises Unknown."""
    locks.hold_customers([customer.pk])
    row = _of(customer, pk)
    row.certainty, row.by, row.at = Certainty.SURE, by, at
    row.save(update_fields=["certainty", "by", "at"])
    audit.record(by, "life_date.confirmed", customer, at=at, kind=row.kind)
    return row


def doubt() -> int:
    """Days that are a default of some source are doubtful, and not greeted; returns how many became so.

    A source has written its default where at least ten days of it fall on one, more than five times as many as would by
    chance. What somebody has confirmed stays. Doing it again changes nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STEPS["doubt"], {"least": LEAST_DOUBTED, "times": TIMES_EXPECTED})
        return int(cursor.rowcount)


def doubtful(user: User, today: date) -> QuerySet[LifeDate]:
    """The doubtful days of customers whom the user may see, as they stand together."""
    people = visible_to(user, today).values("pk")
    rows = LifeDate.objects.filter(certainty=Certainty.DOUBTFUL, customer__in=people).select_related("customer")
    return rows.order_by("source", "calendar", "month", "day", "pk")


def words(row: LifeDate) -> str:
    """What the history says of it: `kind day`, and whose or what for."""
    of = " · ".join(text for text in (row.label, row.of_whom) if text)
    return f"{row.kind} {row.life_day.text}{f' · {of}' if of else ''}"


def _of(customer: Customer, pk: int) -> LifeDate:
    row = LifeDate.objects.filter(customer=customer, pk=pk).first()
    if row is None:
        raise Unknown(_("This day is not on record any more."), code="life_date_gone")
    return row


def _record(customer: Customer, before: str, after: str, *, by: User, at: datetime, door: Door = Door.PAGE) -> None:
    if before != after:
        changes.record(customer, [Changed(changes.LIFE_DATE, before, after)], by=by, door=door, at=at)
        audit.record(by, "life_date.changed", customer, at=at)
