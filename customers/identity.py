"""Who is meant: one customer behind the numbers, phones and addresses that different departments know."""

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from django.db import connection, transaction
from django.utils.translation import gettext as _
from pypinyin import lazy_pinyin

from core.lib.errors import DomainError, Invalid
from customers import contact_points, keys, locks
from customers.contact_points import Kind
from customers.models import Customer, ExternalIdentity, Standing

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


@transaction.atomic
def find_or_create(ref: CustomerRef, *, today: date) -> Customer:
    """The one customer that `ref` means, made when missing; it then knows the reference's identity, phone and e-mail.

    Asked in this order: our number, the source's own id, the phone, the e-mail.
    """
    ref = in_normal_form(ref)
    phone = contact_points.normalise_phone(ref.phone) if ref.phone else ""
    email = contact_points.normalise_email(ref.email) if ref.email else ""
    if not (ref.number or ref.external_id or phone or email):
        if ref.left_out:
            raise Invalid(ref.left_out[0].detail, code=ref.left_out[0].code)
        raise Invalid(_("Say who the customer is: by number, external id, phone or e-mail."), code="customer_missing")
    names = [
        f"{name}:{value}" for name, value in (("id", ref.external_id), ("phone", phone), ("email", email)) if value
    ]
    locks.hold_off_imports()
    locks.hold(*(f"customer:{ref.source if key.startswith('id') else ''}:{key}" for key in names))

    customer = _found(ref, phone, email)
    if customer is None and not ref.create_if_missing:
        raise DomainError(
            _("No customer is known by this reference. Send the customer first."), code="unknown_customer"
        )
    if customer is None:
        customer = create(ref, today=today)
    _complete(customer, ref, phone, email)
    return customer


def _found(ref: CustomerRef, phone: str, email: str) -> Customer | None:
    if ref.number:
        customer = Customer.objects.select_related("merged_into").filter(number=ref.number).first()
        if customer is None:
            raise DomainError(_("There is no customer with this number."), code="unknown_customer")
        return customer.merged_into or customer
    if ref.external_id:
        known = ExternalIdentity.objects.filter(source=ref.source, external_id=ref.external_id).select_related(
            "customer"
        )
        if identity := known.first():
            return identity.customer
    for kind, value in ((Kind.PHONE, phone), (Kind.EMAIL, email)):
        if not value:
            continue
        people = Customer.objects.filter(pk__in=contact_points.find(kind, value)).order_by("pk")
        if ref.external_id:
            # Somebody whom the source knows under another id only shares the phone.
            people = people.exclude(identities__source=ref.source)
        matches = list(people[:2])
        if len(matches) == 1:
            return matches[0]
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
    Standing.objects.create(customer=customer)
    return customer


def _complete(customer: Customer, ref: CustomerRef, phone: str, email: str) -> None:
    """Fill what the record did not know; what is known stays."""
    if ref.external_id:
        known, _is_new = ExternalIdentity.objects.get_or_create(
            source=ref.source, external_id=ref.external_id, defaults={"customer": customer}
        )
        if known.import_run is not None:  # not told by an import alone any more
            ExternalIdentity.objects.filter(pk=known.pk).update(import_run=None)
    reached_by = [(customer.pk, kind, value) for kind, value in ((Kind.PHONE, phone), (Kind.EMAIL, email)) if value]
    if reached_by:
        contact_points.add_many(reached_by)
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
