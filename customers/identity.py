"""Who is meant: one customer behind the numbers, phones and addresses that different departments know."""

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import F, OuterRef, QuerySet
from django.utils.translation import gettext as _
from pypinyin import lazy_pinyin

from core.lib.deadlock import joining
from core.lib.errors import DomainError, Invalid
from customers import contact_points, keys, locks
from customers.contact_points import Kind
from customers.models import ContactPoint, Customer, ExternalIdentity, Standing

_WORD = re.compile(r"[^\W_]+")
_CHINESE = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")


class LeftOut(NamedTuple):
    """A phone or e-mail that was told and cannot be used, and why."""

    field: str
    code: str
    detail: str


@dataclass(frozen=True)
class CustomerRef:
    """What a source says about the customer of a fact. Anything may be missing, but not everything."""

    source: str = ""
    external_id: str = ""
    number: str = ""
    phone: str = ""
    email: str = ""
    name: str = ""
    region: str = ""
    city: str = ""
    registered_on: date | None = None
    create_if_missing: bool = True
    left_out: tuple[LeftOut, ...] = ()


def usable(ref: CustomerRef) -> CustomerRef:
    """The reference without a phone or e-mail that nobody can be reached by; `left_out` says which and why.

    For a fact that counts without it: an order is not lost for a number that cannot be called.
    """
    left_out: list[LeftOut] = []

    def normal(kind: Kind, text: str) -> str:
        try:
            return contact_points.normalise(kind, text) if text.strip() else ""
        except Invalid as error:
            left_out.append(LeftOut(str(kind), error.code, str(error)))
            return ""

    phone, email = normal(Kind.PHONE, ref.phone), normal(Kind.EMAIL, ref.email)
    return replace(ref, phone=phone, email=email, left_out=(*ref.left_out, *left_out))


def in_normal_form(ref: CustomerRef) -> CustomerRef:
    """The reference with the source's id in the one form that all doors know; a placeholder is nobody's id.

    Raises Invalid for an id that a spreadsheet has rounded.
    """
    external_id = keys.customer_key(ref.external_id)
    if external_id and keys.damaged(ref.external_id):
        raise number_damaged()
    return replace(ref, external_id=external_id)


def number_damaged() -> Invalid:
    return Invalid(
        _("This number was damaged by a spreadsheet. Format the column as text and export it again."),
        code="number_damaged",
    )


# Names --------------------------------------------------------------------------------------------------------------


def _grams(text: str) -> set[str]:
    """Pairs of neighbouring characters of each word; single characters where they carry meaning."""
    grams: set[str] = set()
    for word in _WORD.findall(contact_points.plain(text).lower()):
        grams.update(word[i : i + 2] for i in range(len(word) - 1))
        grams.update(word if len(word) == 1 else _CHINESE.findall(word))
    return grams


def pinyin(name: str) -> str:
    """Li Lei of 李雷; empty for a name without Chinese characters."""
    return " ".join(lazy_pinyin(name))[:240] if _CHINESE.search(name) else ""


def name_grams(name: str) -> list[str]:
    """What the name is found by: its grams, those of its pinyin with and without blanks, and of the initials."""
    syllables = pinyin(name).split()
    spoken = [" ".join(syllables), "".join(syllables), "".join(s[0] for s in syllables)] if syllables else []
    return sorted(set().union(*(_grams(text) for text in (name, *spoken))))


def query_grams(query: str) -> list[str]:
    """Grams that must all be present; a single Chinese character only when it stands alone."""
    words = _WORD.findall(contact_points.plain(query).lower())
    return sorted({w[i : i + 2] for w in words for i in range(len(w) - 1)} | {w for w in words if len(w) == 1})


# Numbers ------------------------------------------------------------------------------------------------------------


def next_ids(count: int) -> list[int]:
    """Ids set aside for new customers; the number people quote is made from the id."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('customers_customer', 'id')) FROM generate_series(1, %s)", [count]
        )
        return [row[0] for row in cursor.fetchall()]


def number_of(customer_id: int) -> str:
    return f"C{customer_id:07d}"


# Finding and creating -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """A reference in normal form, with what is done about it once."""

    ref: CustomerRef
    phone: str
    email: str

    @property
    def names(self) -> list[str]:
        """What is held while it is looked for or made."""
        values = (
            (self.ref.source, "id", self.ref.external_id),
            ("", "phone", self.phone),
            ("", "email", self.email),
        )
        return [f"customer:{source}:{kind}:{value}" for source, kind, value in values if value]

    @property
    def reached_by(self) -> list[tuple[Kind, str]]:
        return [(kind, value) for kind, value in ((Kind.PHONE, self.phone), (Kind.EMAIL, self.email)) if value]


def told(ref: CustomerRef) -> Told:
    """The reference, ready to be looked for. Raises Invalid when it names nobody, or by what cannot be."""
    ref = in_normal_form(ref)
    phone = contact_points.normalise_phone(ref.phone) if ref.phone else ""
    email = contact_points.normalise_email(ref.email) if ref.email else ""
    if not (ref.number or ref.external_id or phone or email):
        if ref.left_out:
            raise Invalid(ref.left_out[0].detail, code=ref.left_out[0].code)
        raise Invalid(_("Say who the customer is: by number, external id, phone or e-mail."), code="customer_missing")
    return Told(ref, phone, email)


@joining()
def find_or_create(ref: CustomerRef, *, today: date) -> Customer:
    """The one customer that `ref` means, made when missing; it then knows the reference's identity, phone and e-mail.

    Asked in this order: our number, the source's own id, the phone, the e-mail.
    """
    who = told(ref)
    locks.hold_off_imports(who.names)
    return found_or_created(who, today=today)


def found_or_created(who: Told, *, today: date, hold: bool = False) -> Customer:
    """`find_or_create` for a caller who holds the names. Nothing is written before it is known who is meant.

    With `hold` the customer is held as by `locks.hold_customers`; not for whoever holds, or will hold, others too.
    """
    known = _found(who, hold)
    if known is None:
        if not who.ref.create_if_missing:
            raise DomainError(
                _("No customer is known by this reference. Send the customer first."), code="unknown_customer"
            )
        known = Found(create(who.ref, today=today))
    _complete(known, who)
    return known.customer


class Found(NamedTuple):
    """A customer, and what of the reference is on record already: its id, and phones and e-mails by their index.

    What an import alone has told is not as if it were on record: it is told again.
    """

    customer: Customer
    has_id: bool = False
    id_by_import: bool = False
    points: frozenset[bytes] = frozenset()


def _people(who: Told, hold: bool) -> QuerySet[Customer]:
    """Customers with their standing, and which of the told phones and e-mails they have."""
    indexes = [contact_points.blind_index(kind, value) for kind, value in who.reached_by]
    own = ContactPoint.objects.filter(customer=OuterRef("pk"), blind_index__in=indexes, import_run=None)
    people = Customer.objects.select_related("standing", "merged_into__standing")
    people = people.annotate(points_known=ArraySubquery(own.values("blind_index")))
    return people.select_for_update(no_key=True, of=("self",)) if hold else people


def _as_found(customer: Customer, *, has_id: bool = False) -> Found:
    points = frozenset(bytes(index) for index in getattr(customer, "points_known", None) or ())
    return Found(customer, has_id, getattr(customer, "id_by_import", None) is not None, points)


def _found(who: Told, hold: bool) -> Found | None:
    ref, people = who.ref, _people(who, hold)
    if ref.number:
        customer = people.filter(number=ref.number).first()
        if customer is None:
            raise DomainError(_("There is no customer with this number."), code="unknown_customer")
        if customer.merged_into is None:
            return _as_found(customer)
        if hold:
            locks.hold_customers([customer.merged_into.pk])
        return Found(customer.merged_into)
    if ref.external_id:
        by_id = people.filter(identities__source=ref.source, identities__external_id=ref.external_id)
        customer = by_id.annotate(id_by_import=F("identities__import_run")).first()
        if customer:
            return _as_found(customer, has_id=True)
    for kind, value in who.reached_by:
        sharing = people.filter(pk__in=contact_points.find(kind, value)).order_by("pk")
        if ref.external_id:
            # Somebody whom the source knows under another id only shares the phone.
            sharing = sharing.exclude(identities__source=ref.source)
        matches = list(sharing[:2])
        if len(matches) == 1:
            return _as_found(matches[0])
        if matches and not ref.external_id:
            raise DomainError(
                _("Several customers share this phone or e-mail. Send the customer's number or external id."),
                code="ambiguous_customer",
            )
    return None


def create(ref: CustomerRef, *, today: date) -> Customer:
    """A new customer with its number and its (empty) standing."""
    customer_id = next_ids(1)[0]
    name = contact_points.plain(ref.name)[:120]
    customer = Customer.objects.create(
        id=customer_id,
        number=number_of(customer_id),
        name=name,
        name_pinyin=pinyin(name),
        name_grams=name_grams(name),
        region=contact_points.plain(ref.region)[:60],
        city=contact_points.plain(ref.city)[:60],
        registered_on=ref.registered_on or today,
    )
    customer.standing = Standing.objects.create(customer=customer)
    return customer


def _complete(known: Found, who: Told) -> None:
    """Fill what the record did not know; what is known stays."""
    customer, ref = known.customer, who.ref
    if ref.external_id and not known.has_id:
        told = ExternalIdentity(customer=customer, source=ref.source, external_id=ref.external_id)
        ExternalIdentity.objects.bulk_create([told], ignore_conflicts=True)
    if known.id_by_import:  # not told by an import alone any more
        ExternalIdentity.objects.filter(source=ref.source, external_id=ref.external_id).update(import_run=None)
    fresh = [point for point in who.reached_by if contact_points.blind_index(*point) not in known.points]
    if fresh:
        contact_points.add_many((customer.pk, kind, value) for kind, value in fresh)
    missing: dict[str, object] = {
        field: value
        for field, value in (
            ("name", contact_points.plain(ref.name)[:120]),
            ("region", contact_points.plain(ref.region)[:60]),
            ("city", contact_points.plain(ref.city)[:60]),
        )
        if value and not getattr(customer, field)
    }
    if "name" in missing:
        name = str(missing["name"])
        missing.update(name_pinyin=pinyin(name), name_grams=name_grams(name))
    if missing:
        for field, value in missing.items():
            setattr(customer, field, value)
        customer.save(update_fields=list(missing))
