"""The vault: how a customer is reached, encrypted, masked, and findable without being readable.

Each row holds the AES-GCM ciphertext, the mask everyone sees, and keyed HMACs of the whole value and of
the last four digits. Only `reveal` gives a value back, for one customer, with a purpose, and leaves a line.
"""

import hmac
import re
import unicodedata
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

import phonenumbers
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts import audit
from core.accounts.models import AuditEntry, User
from core.accounts.permissions import may
from core.accounts.roles import Permission
from core.lib import mall, rows, sealing
from core.lib.errors import DomainError, Invalid
from customers import locks
from customers.models import ContactPoint, Customer

Kind = ContactPoint.Kind

INDEX_BYTES = 16
REVEALS_A_DAY = 60
LONGEST_ADDRESS = 300
REVEALED = "contact_point.revealed"
# Numbers of Hong Kong, Macau and Taiwan as shops of the mainland write them: with their code, without a plus.
_NEIGHBOURS = re.compile(r"(?:852[5-9]\d{7}|8536\d{7}|8869\d{8})")
# Why somebody of the staff looks, as the page offers it.
PURPOSES = (
    ("call", gettext_lazy("To call the customer")),
    ("delivery", gettext_lazy("To sort out a delivery")),
    ("correct", gettext_lazy("To correct the record")),
)
# What stands where there is no phone, no name before the @, no domain behind it.
_NO_PHONE = "0" * 7
_NO_NAMES = {
    *("guest", "none", "null", "nil", "na", "nan", "no", "noname", "unknown", "anonymous", "undefined"),
    *("noemail", "nomail", "nomailaddress", "noemailaddress", "withoutemail", "noreply", "donotreply"),
}
_NO_DOMAINS = {"none.com", "noemail.com", "nomail.com", "null.com", "noreply.com"}


# Normal forms -------------------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """Compatibility forms folded (full-width digits), invisible and control characters dropped, blanks collapsed."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    folded = unicodedata.normalize("NFKC", text)
    if folded.isprintable():
        return " ".join(folded.split())
    return " ".join("".join(" " if c.isspace() else c for c in folded if c.isspace() or c.isprintable()).split())


def normalise_phone(text: str) -> str:
    """The E.164 form. A number that a spreadsheet turned into a float is refused, never guessed back."""
    value = re.sub(r"[‐-―−]", "-", plain(text)).lstrip("'")
    if re.fullmatch(r"[+-]?\d*\.\d+|[+-]?\d+\.|.*\d[eE][+-]?\d+.*", value):
        raise Invalid(
            _("This phone number was damaged by a spreadsheet. Format the column as text and copy it again."),
            code="phone_damaged",
        )
    refusal = Invalid(_("This is not a phone number that can be called."), code="phone_invalid")
    if not re.fullmatch(r"\+?[\d ().\-/]{3,40}", value):
        raise refusal
    try:
        number = phonenumbers.parse(value, mall.facts().phone_region)
        if not phonenumbers.is_valid_number(number) and _NEIGHBOURS.fullmatch(value):
            number = phonenumbers.parse(f"+{value}")
    except phonenumbers.NumberParseException:
        raise refusal from None
    if not phonenumbers.is_valid_number(number) or str(number.national_number).endswith(_NO_PHONE):
        raise refusal
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def normalise_email(text: str) -> str:
    """The address in lower case. One that programs write for people without any is refused: many would share it."""
    value = plain(text).lower()
    try:
        validate_email(value.replace("*", " "))  # a mask is no address
    except ValidationError:
        raise Invalid(_("This is not an e-mail address."), code="email_invalid") from None
    name, _at, domain = value.partition("@")
    if re.sub(r"[._+-]", "", name) in _NO_NAMES or domain in _NO_DOMAINS:
        raise Invalid(_("This e-mail address stands for a missing one."), code="email_placeholder")
    return value


def normalise_address(text: str) -> str:
    value = plain(text)
    if not 2 <= len(value) <= LONGEST_ADDRESS:
        raise Invalid(_("An address has between 2 and %(most)d characters.") % {"most": LONGEST_ADDRESS})
    return value


_NORMALISE = {Kind.PHONE: normalise_phone, Kind.EMAIL: normalise_email, Kind.ADDRESS: normalise_address}


def normalise(kind: str, value: str) -> str:
    return _NORMALISE[Kind(kind)](value)


# Masks --------------------------------------------------------------------------------------------------------------


def mask_phone(e164: str) -> str:
    """138****5678; never more than the first three and the last four digits."""
    number = phonenumbers.parse(e164)
    digits = phonenumbers.national_significant_number(number)
    head = digits[: min(3, max(0, len(digits) - 8))]
    home = number.country_code == phonenumbers.country_code_for_region(mall.facts().phone_region)
    return f"{'' if home else f'+{number.country_code} '}{head}****{digits[-4:]}"


def mask_email(email: str) -> str:
    name, _at, domain = email.rpartition("@")
    return f"{name[:1]}***@{domain}"[:120]


def mask_address(address: str) -> str:
    """Down to the city or county where the text says so, else the first two characters."""
    match = re.match(r"(?:[^省市区縣县區]{1,8}[省市区縣县區]){1,2}", address)
    return f"{(match.group() if match else address[:2])[:20]}****"


LEAST_PHONE_DIGITS = 10


def veil(text: str) -> str:
    """The text as it may be shown: masked where it is a phone or an e-mail, otherwise as it is."""
    if "@" not in text and sum(character.isdigit() for character in text) < LEAST_PHONE_DIGITS:
        return text
    for kind in (Kind.EMAIL, Kind.PHONE):
        try:
            return _MASK[kind](normalise(kind, text))
        except Invalid:
            continue
    return text


_MASK = {Kind.PHONE: mask_phone, Kind.EMAIL: mask_email, Kind.ADDRESS: mask_address}


# Keys ---------------------------------------------------------------------------------------------------------------


def blind_index(kind: str, normal: str) -> bytes:
    """What a value is found by: under the current key."""
    return indexes(kind, normal)[0]


def indexes(kind: str, normal: str) -> list[bytes]:
    """What a value in normal form may be found by: one for each key that rows may be under, the current one first."""
    text = f"{kind}:{normal}".encode()
    return [hmac.digest(key, text, "sha256")[:INDEX_BYTES] for key in sealing.keys(sealing.CONTACT_INDEX)]


def tail_index(digits: str) -> bytes:
    return blind_index("tail", digits)


def _encrypt(kind: str, normal: str) -> bytes:
    return sealing.encrypt(normal.encode(), use=sealing.CONTACTS, about=str(kind).encode())


def opened(kind: str, encrypted: bytes) -> str:
    """The normal form that was sealed as one of this kind."""
    return sealing.decrypt(encrypted, use=sealing.CONTACTS, about=kind.encode()).decode()


def _decrypt(point: ContactPoint) -> str:
    return opened(point.kind, bytes(point.encrypted))


def several_keys() -> bool:
    """Whether rows may be under another key than the current one."""
    return len(sealing.keys(sealing.CONTACT_INDEX)) > 1


class Sealed(NamedTuple):
    """What is stored of one value."""

    kind: str
    mask: str
    encrypted: bytes
    blind_index: bytes
    tail_index: bytes | None


def seal(kind: str, value: str) -> Sealed:
    """Normalise and encrypt. Raises Invalid when the value is not one of its kind."""
    return _sealed(kind, normalise(kind, value))


def _sealed(kind: str, normal: str) -> Sealed:
    tail = tail_index(normal[-4:]) if kind == Kind.PHONE else None
    return Sealed(str(kind), _MASK[Kind(kind)](normal), _encrypt(kind, normal), blind_index(kind, normal), tail)


# Verbs --------------------------------------------------------------------------------------------------------------


def add(customer: Customer, kind: str, value: str) -> None:
    """The customer can be reached by this value; adding it twice changes nothing."""
    add_many([(customer.pk, kind, value)])


def add_many(points: Iterable[tuple[int, str, str]]) -> None:
    """Rows of (customer id, kind, clear value). One bad value refuses them all.

    What was on record already, told by an import alone, is not any more: it stays when that is undone.
    """
    normal = list(dict.fromkeys((customer_id, kind, normalise(kind, value)) for customer_id, kind, value in points))
    bring_up([row[1:] for row in normal], of={row[0] for row in normal})
    ContactPoint.objects.bulk_create(
        [
            ContactPoint(customer_id=customer_id, **_sealed(kind, value)._asdict())
            for customer_id, kind, value in normal
        ],
        update_conflicts=True,
        unique_fields=["customer", "kind", "blind_index"],
        update_fields=["import_run"],
        batch_size=1000,
    )


def said_again(points: QuerySet[ContactPoint]) -> None:
    """These are not told by an import alone any more: they stay when it is undone."""
    points.filter(import_run__isnull=False).update(import_run=None)


@transaction.atomic
def reveal(customer: Customer, *, by: User, purpose: str, at: datetime) -> list[tuple[str, str]]:
    """The clear values of one customer, for a stated purpose. The look is audited and counts against a limit."""
    if not may(by, Permission.REVEAL_CONTACT):
        raise PermissionDenied
    if not purpose.strip():
        raise Invalid(_("Say why you need the number."), code="purpose_missing")
    User.objects.select_for_update(no_key=True).get(pk=by.pk)
    looks = AuditEntry.objects.filter(actor=by, action=REVEALED, at__gt=at - timedelta(days=1)).count()
    if looks >= REVEALS_A_DAY:
        raise DomainError(
            _("You have looked at %(count)d contacts within a day. Ask your team lead.") % {"count": looks},
            code="reveal_limit",
        )
    points = list(customer.contact_points.order_by("kind", "id"))
    audit.record(by, REVEALED, customer, at=at, purpose=purpose.strip()[:200], count=len(points))
    return [(point.kind, _decrypt(point)) for point in points]


def find(kind: str, value: str) -> list[int]:
    """Ids of the customers with exactly this value, however it was written and whichever key it is under.

    One that was retired, wrong or no longer theirs, recognises nobody.
    """
    return list(
        ContactPoint.objects.filter(kind=kind, blind_index__in=indexes(kind, normalise(kind, value)), retired="")
        .order_by("customer_id")
        .values_list("customer_id", flat=True)
        .distinct()
    )


def who_have(points: Iterable[Sealed]) -> dict[tuple[str, bytes], set[int]]:
    """(kind, blind index) of each of these values -> ids of the customers with it, as `find` finds them."""
    stands_for: dict[tuple[str, bytes], tuple[str, bytes]] = {}
    for point in points:
        value = (point.kind, point.blind_index)
        keys = indexes(point.kind, opened(point.kind, point.encrypted)) if several_keys() else [point.blind_index]
        stands_for |= {(point.kind, index): value for index in keys}
    found: dict[tuple[str, bytes], set[int]] = {value: set() for value in stands_for.values()}
    rows = ContactPoint.objects.filter(
        kind__in={kind for kind, _index in stands_for},
        blind_index__in=[index for _kind, index in stands_for],
        retired="",
    )
    for kind, stored, customer_id in rows.values_list("kind", "blind_index", "customer_id"):
        if (kind, bytes(stored)) in stands_for:
            found[stands_for[kind, bytes(stored)]].add(customer_id)
    return found


def point_of(customer: Customer, kind: str, value: str) -> ContactPoint | None:
    """The customer's own point with exactly this value, however it was written."""
    return customer.contact_points.filter(kind=kind, blind_index__in=indexes(kind, normalise(kind, value))).first()


def find_by_last_four(digits: str) -> list[int]:
    """Ids of the customers with a phone that ends in these four digits."""
    if not re.fullmatch(r"[0-9]{4}", digits):
        raise Invalid(_("Type the last four digits."))
    return list(
        ContactPoint.objects.filter(tail_index__in=indexes("tail", digits), retired="")
        .order_by("customer_id")
        .values_list("customer_id", flat=True)
        .distinct()
    )


def spellings(points: Iterable[ContactPoint]) -> set[tuple[str, bytes]]:
    """(kind, blind index) under which these values stand, here or with other customers."""
    if not several_keys():
        return {(point.kind, bytes(point.blind_index)) for point in points}
    return {(point.kind, index) for point in points for index in indexes(point.kind, _decrypt(point))}


def values_of(points: Iterable[ContactPoint]) -> set[tuple[str, bytes]]:
    """(kind, blind index under the current key): two points are of the same value when these are equal."""
    if not several_keys():
        return {(point.kind, bytes(point.blind_index)) for point in points}
    return {(point.kind, blind_index(point.kind, _decrypt(point))) for point in points}


# Changing the key ---------------------------------------------------------------------------------------------------


def bring_up(values: Iterable[tuple[str, str]], *, of: Collection[int] | None = None) -> None:
    """Rows with these values (kind, normal form), of these customers or of anybody, are under the current key."""
    if not several_keys():
        return
    wanted = {(kind, index) for kind, normal in values for index in indexes(kind, normal)[1:]}
    old = ContactPoint.objects.filter(
        kind__in={kind for kind, _index in wanted}, blind_index__in={index for _kind, index in wanted}
    )
    if of is not None:
        old = old.filter(customer__in=of)
    with transaction.atomic():
        _reseal([point for point in _held(old) if (point.kind, bytes(point.blind_index)) in wanted])


def bring_up_customers(ids: Iterable[int]) -> None:
    """Everything these customers are reached by is under the current key."""
    if several_keys():
        with transaction.atomic():
            _reseal(_held(ContactPoint.objects.filter(customer__in=ids)))


@transaction.atomic
def reseal(after: int, most: int) -> sealing.Resealed:
    """The next rows after this id are under the current key, found and readable by it alone."""
    locks.hold_off_imports()
    points = _held(ContactPoint.objects.filter(pk__gt=after), most)
    return sealing.Resealed(points[-1].pk if points else None, len(points), _reseal(points))


def _held(points: QuerySet[ContactPoint], most: int | None = None) -> list[ContactPoint]:
    return list(points.select_for_update(no_key=True).order_by("pk")[:most])


def _reseal(points: list[ContactPoint]) -> int:
    """Call with the rows locked; returns how many were under an old key."""
    before = {point.pk: bytes(point.blind_index) for point in points}
    fresh = [point for point in points if _bring_up(point)]
    if not fresh:
        return 0
    twice = _twice(fresh)
    ContactPoint.objects.filter(pk__in=twice).delete()
    rows.update([p for p in fresh if p.pk not in twice], ["encrypted", "blind_index", "tail_index"])
    _rename_orders([(point, before[point.pk]) for point in fresh if point.kind in (Kind.PHONE, Kind.EMAIL)])
    return len(fresh)


def _bring_up(point: ContactPoint) -> bool:
    """The object has what stands for its value under the current key; False when it had that already."""
    plain = sealing.if_old(bytes(point.encrypted), use=sealing.CONTACTS, about=point.kind.encode())
    if plain is not None:
        sealed = _sealed(point.kind, plain.decode())
        point.encrypted, point.blind_index, point.tail_index = sealed.encrypted, sealed.blind_index, sealed.tail_index
    return plain is not None


def _twice(points: list[ContactPoint]) -> set[int]:
    """Those of these points, under their new index, whose customer has the same value once more."""
    theirs = ContactPoint.objects.filter(
        customer__in={point.customer_id for point in points}, blind_index__in=[point.blind_index for point in points]
    ).values_list("customer_id", "kind", "blind_index")
    known = {(customer_id, kind, bytes(index)) for customer_id, kind, index in theirs}
    twice = set()
    for point in points:
        value = (point.customer_id, point.kind, bytes(point.blind_index))
        if value in known:
            twice.add(point.pk)
        known.add(value)
    return twice


def order_prefix(index: bytes) -> str:
    """What the order numbers begin with that an import makes for somebody known by a phone or an e-mail only."""
    return index.hex()[:16]


def _rename_orders(points: list[tuple[ContactPoint, bytes]]) -> None:
    """The same file still makes the same numbers afterwards."""
    if not points:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE customers_order o
               SET external_id = told.fresh || substr(o.external_id, 17)
              FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS told (customer_id, old, fresh)
             WHERE o.customer_id = told.customer_id AND o.external_id LIKE told.old || '/____-__-__/%%'
            """,
            [
                [point.customer_id for point, _old in points],
                [order_prefix(old) for _point, old in points],
                [order_prefix(bytes(point.blind_index)) for point, _old in points],
            ],
        )
