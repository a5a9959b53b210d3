"""Who is meant: one customer behind the numbers, phones and addresses that different departments know."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, NamedTuple

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import OuterRef, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import JSONObject
from django.utils.translation import gettext as _
from pypinyin import lazy_pinyin

from core.lib import rows
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
    people = People.read([who], today=today, hold=hold)
    person = people.meant(who)
    people.learn(person, who)
    people.write()
    return person.customer


@dataclass(eq=False)
class Person:
    """Somebody who is on record, or will be, and what is on record of how they are known.

    What an import alone has told is not as if it were on record: it is told again.
    """

    customer: Customer
    ids: dict[tuple[str, str], bool] = field(default_factory=dict)  # (source, id) -> whether an import alone told it
    points: frozenset[bytes] = frozenset()
    is_new: bool = False

    def is_of(self, source: str) -> bool:
        return any(known == source for known, _external_id in self.ids)


class People:
    """Everybody whom some references can mean, read in one statement; what is learnt of them is written at once.

    The references are of different people: who is made for one of them is not found by the next.
    """

    def __init__(self, today: date) -> None:
        self.today = today
        self._by_pk: dict[int, Person] = {}
        self._by_number: dict[str, Person] = {}
        self._by_id: dict[tuple[str, str], Person] = {}
        self._by_point: dict[tuple[str, bytes], list[Person]] = defaultdict(list)
        self._learnt: dict[Person, Told | None] = {}
        self._changed: dict[Person, set[str]] = defaultdict(set)

    @classmethod
    def read(cls, whos: Sequence[Told], *, today: date, owners: Iterable[int] = (), hold: bool = False) -> "People":
        """As of after the lock with `hold`, which is then had of all of them and of `owners`, in the order of their ids."""
        people = cls(today)
        for customer in _candidates(whos, owners, hold):
            people._add(customer)
        for number, person in people._by_number.items():
            into = person.customer.merged_into_id
            if into is not None:
                people._by_number[number] = people._by_pk.get(into, person)
        return people

    def _add(self, customer: Any) -> None:
        ids = {(row["source"], row["external_id"]): row["run"] is not None for row in customer.identities_known}
        points = [(row["kind"], bytes.fromhex(row["index"][2:]), row) for row in customer.points_known or ()]
        own = frozenset(index for _kind, index, row in points if row["run"] is None)
        person = Person(customer, ids, own)
        self._by_pk[customer.pk] = self._by_number[customer.number] = person
        self._by_id |= dict.fromkeys(ids, person)
        for kind, index, row in points:
            if not row["retired"]:
                self._by_point[kind, index].append(person)

    def of(self, customer_id: int) -> Person:
        """The record of one of the `owners`."""
        return self._by_pk[customer_id]

    def instead_of(self, customer_id: int) -> Person:
        """The record of one of the `owners`, or the one that it was merged into."""
        return self._by_number[self._by_pk[customer_id].customer.number]

    def candidates(self, who: Told) -> set[int]:
        """Ids of everybody whom the reference speaks of in some way."""
        people = [self._by_number.get(who.ref.number), self._by_id.get((who.ref.source, who.ref.external_id))]
        people += [person for point in who.reached_by for person in self._reached(*point)]
        return {person.customer.pk for person in people if person is not None}

    def meant(self, who: Told) -> Person:
        """The one customer that is meant; where nobody is and one may be made, one who is to be learnt of first."""
        person = self._found(who)
        if person is None:
            if not who.ref.create_if_missing:
                raise DomainError(
                    _("No customer is known by this reference. Send the customer first."), code="unknown_customer"
                )
            person = Person(_unsaved(who.ref, self.today), is_new=True)
        return person

    def _found(self, who: Told) -> Person | None:
        ref = who.ref
        if ref.number:
            if ref.number not in self._by_number:
                raise DomainError(_("There is no customer with this number."), code="unknown_customer")
            return self._by_number[ref.number]
        if ref.external_id and (ref.source, ref.external_id) in self._by_id:
            return self._by_id[ref.source, ref.external_id]
        for kind, value in who.reached_by:
            sharing = self._reached(kind, value)
            if ref.external_id:
                # Somebody whom the source knows under another id only shares the phone.
                sharing = [person for person in sharing if not person.is_of(ref.source)]
            if len(sharing) == 1:
                return sharing[0]
            if sharing and not ref.external_id:
                raise DomainError(
                    _("Several customers share this phone or e-mail. Send the customer's number or external id."),
                    code="ambiguous_customer",
                )
        return None

    def _reached(self, kind: Kind, value: str) -> list[Person]:
        indexes = contact_points.indexes(kind, value)
        return list(dict.fromkeys(person for index in indexes for person in self._by_point.get((str(kind), index), ())))

    def learn(self, person: Person, who: Told | None, *, since: date | None = None) -> None:
        """What the record does not know is to be filled, what it knows stays; nobody is registered later than `since`."""
        self._learnt[person] = who
        customer = person.customer
        if since is not None and since < customer.registered_on:
            customer.registered_on = since
            self._changed[person].add("registered_on")
        if who is None or person.is_new:
            return
        for name, value in _described(who.ref).items():
            if value and not getattr(customer, name):
                setattr(customer, name, value)
                self._changed[person].add(name)
                if name == "name":
                    customer.name_pinyin, customer.name_grams = pinyin(value), name_grams(value)
                    self._changed[person] |= {"name_pinyin", "name_grams"}

    def write(self) -> None:
        """What was learnt is on record."""
        insert([person.customer for person in self._learnt if person.is_new])
        known = [person for person in self._changed if not person.is_new]
        names = set().union(*(self._changed[person] for person in known))
        rows.update([person.customer for person in known], sorted(names))
        told = [(person, who) for person, who in self._learnt.items() if who is not None]
        self._write_ids([(person, who.ref) for person, who in told if who.ref.external_id])
        fresh = [
            (person.customer.pk, kind, value)
            for person, who in told
            for kind, value in who.reached_by
            if contact_points.blind_index(kind, value) not in person.points
        ]
        if fresh:
            contact_points.add_many(fresh)

    def _write_ids(self, told: list[tuple[Person, CustomerRef]]) -> None:
        fresh = [
            ExternalIdentity(customer=person.customer, source=ref.source, external_id=ref.external_id)
            for person, ref in told
            if (ref.source, ref.external_id) not in person.ids
        ]
        if fresh:
            ExternalIdentity.objects.bulk_create(fresh, ignore_conflicts=True)
        for person, ref in told:
            if person.ids.get((ref.source, ref.external_id)):  # not told by an import alone any more
                mine = ExternalIdentity.objects.filter(source=ref.source, external_id=ref.external_id)
                mine.update(import_run=None)


def _candidates(whos: Sequence[Told], owners: Iterable[int], hold: bool) -> QuerySet[Any]:
    """Customers with their standing, by id: how sources know them, and which of the told phones and e-mails they have."""
    told = {point for who in whos for point in who.reached_by}
    reached = {(kind, index) for kind, value in told for index in contact_points.indexes(kind, value)}
    ids = sorted({(who.ref.source, who.ref.external_id) for who in whos if who.ref.external_id})
    by: dict[str, list[Any]] = {
        "numbers": sorted({who.ref.number for who in whos if who.ref.number}),
        "sources": [source for source, _external_id in ids],
        "ids": [external_id for _source, external_id in ids],
        "phones": [index for kind, index in reached if kind == Kind.PHONE],
        "emails": [index for kind, index in reached if kind == Kind.EMAIL],
        "owners": sorted(set(owners)),
    }
    points = ContactPoint.objects.filter(customer=OuterRef("pk"), blind_index__in=[index for _kind, index in reached])
    of_point = JSONObject(kind="kind", index="blind_index", retired="retired", run="import_run")
    identities = ExternalIdentity.objects.filter(customer=OuterRef("pk"))
    of_identity = JSONObject(source="source", external_id="external_id", run="import_run")
    meant = RawSQL(*_meant(by))  # noqa: S611 (of constants)
    people = Customer.objects.select_related("standing").filter(pk__in=meant)
    people = people.annotate(
        identities_known=ArraySubquery(identities.values(told=of_identity)),
        points_known=ArraySubquery(points.values(told=of_point)),
    ).order_by("pk")
    return people.select_for_update(no_key=True, of=("self",)) if hold else people


# By what a customer is found, and how; what the references do not say is not looked for.
_WAYS = {
    "numbers": "SELECT id FROM customers_customer WHERE number = ANY(%s) UNION "
    "SELECT merged_into_id FROM customers_customer WHERE number = ANY(%s) AND merged_into_id IS NOT NULL",
    "owners": "SELECT unnest(%s) UNION "
    "SELECT merged_into_id FROM customers_customer WHERE id = ANY(%s) AND merged_into_id IS NOT NULL",
    "phones": "SELECT customer_id FROM customers_contactpoint WHERE kind = 'phone' AND blind_index = ANY(%s)",
    "emails": "SELECT customer_id FROM customers_contactpoint WHERE kind = 'email' AND blind_index = ANY(%s)",
}
# By both columns of the key, whatever the statistics say of a source that is new.
_BY_ID = """
    SELECT i.customer_id FROM unnest(%s, %s) AS told (source, external_id)
     CROSS JOIN LATERAL (SELECT customer_id FROM customers_externalidentity
                          WHERE source = told.source AND external_id = told.external_id LIMIT 1) i
"""


def _meant(by: dict[str, list[Any]]) -> tuple[str, list[Any]]:
    """The statement that finds the ids of these customers, and its parameters."""
    ways, parameters = [], []
    for name, way in _WAYS.items():
        if by[name]:
            ways.append(way)
            parameters += [by[name]] * way.count("%s")
    if by["ids"]:
        ways.append(_BY_ID)
        parameters += [by["sources"], by["ids"]]
    return " UNION ".join(ways) or "SELECT NULL::bigint", parameters


def create(ref: CustomerRef, *, today: date) -> Customer:
    """A new customer with its number and its (empty) standing."""
    customer = _unsaved(ref, today)
    insert([customer])
    return customer


def _unsaved(ref: CustomerRef, today: date) -> Customer:
    described = _described(ref)
    name = described["name"]
    return Customer(
        **described, name_pinyin=pinyin(name), name_grams=name_grams(name), registered_on=ref.registered_on or today
    )


def insert(customers: Sequence[Customer]) -> None:
    """These customers are on record, each with its number and its (empty) standing."""
    if not customers:
        return
    for customer, customer_id in zip(customers, next_ids(len(customers)), strict=True):
        customer.pk, customer.number = customer_id, number_of(customer_id)
    Customer.objects.bulk_create(customers)
    standings = Standing.objects.bulk_create([Standing(customer=customer) for customer in customers])
    for customer, standing in zip(customers, standings, strict=True):
        customer.standing = standing


def _described(ref: CustomerRef) -> dict[str, str]:
    return {
        "name": contact_points.plain(ref.name)[:120],
        "region": contact_points.plain(ref.region)[:60],
        "city": contact_points.plain(ref.city)[:60],
    }
