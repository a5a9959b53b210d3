"""A file of customers or products taken back: whom it made goes, what it changed is as it was."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import Model, ProtectedError

from core.accounts import audit
from core.accounts.models import User
from core.lib import rows
from core.lib.almanac import days
from core.lib.almanac.days import LifeDay
from customers import locks
from customers.imports import runs, undo
from customers.models import (
    Bought,
    ContactPoint,
    Customer,
    CustomerChange,
    ExternalIdentity,
    Import,
    ImportRecord,
    LifeDate,
    ManagerSpan,
    PossibleDuplicate,
    Product,
    Standing,
    Summary,
)
from customers.record import changes, goods, life_dates, writing
from customers.record.changes import Changed, Door

BATCH = 200
DERIVED = (
    *(ContactPoint, ExternalIdentity, LifeDate, Standing, Summary, Bought),
    *(CustomerChange, PossibleDuplicate, ManagerSpan),
)


def take_back(run_: Import, *, by: User | None, at: datetime, of_the_night: Iterable[type[Model]] = ()) -> Import:
    """Records it made of which nothing else is known are gone; fields it changed say what they said before.

    What somebody, the shop or another file has said since stays, and is counted. Killed half-way, the rest is done.
    Raises DomainError when the seven days are over.
    """
    if run_.state == Import.State.UNDONE:
        return run_
    undo.refuse_late(run_, at=at)
    counts: Counter[str] = Counter(run_.undone)
    with runs.alone(run_, Import.Task.UNDO) as progress:
        todo = max(run_.records.count(), 1)
        for batch in _batches(run_):
            with transaction.atomic():
                locks.hold_off_everyone()
                if run_.kind == "products":
                    _products(batch, counts)
                else:
                    _customers(run_, batch, counts, by=by, at=at, besides=(*DERIVED, *of_the_night))
                run_.records.filter(pk__in=[row.pk for row in batch]).delete()
                Import.objects.filter(pk=run_.pk).update(undone=counts)
            progress.tell(Import.Step.UNDOING, counts.total() / todo)
        with transaction.atomic():
            _close(run_, counts, by, at)
    return run_


def _batches(run_: Import) -> Iterator[list[ImportRecord]]:
    while batch := list(run_.records.order_by("pk")[:BATCH]):
        yield batch


# Customers ----------------------------------------------------------------------------------------------------------


def _customers(
    run_: Import,
    batch: list[ImportRecord],
    counts: Counter[str],
    *,
    by: User | None,
    at: datetime,
    besides: tuple[type[Model], ...],
) -> None:
    ids = [row.record_id for row in batch]
    locks.hold_customers(ids, against_new_rows=True)
    people = Customer.objects.in_bulk(ids)
    known = undo.referred_to(Customer, ids, besides=besides)
    for row in batch:
        customer = people.get(row.record_id)
        if customer is None:
            continue
        if row.is_new and customer.pk not in known and _is_as_made(run_, customer, row):
            customer.delete()
            counts["removed"] += 1
        elif row.is_new or customer.merged_into_id:
            counts["kept"] += 1
        else:
            _restore(run_, customer, row, by, at)
            counts["restored"] += 1


def _is_as_made(run_: Import, customer: Customer, row: ImportRecord) -> bool:
    """Whether nobody has said anything of them since."""
    others = customer.identities.exclude(source=run_.source, external_id__in=row.after.get("identities", []))
    points = customer.contact_points.exclude(pk__in=row.after.get("points", []))
    told = customer.record_changes.exclude(door=Door.FILE)
    return not (others.exists() or points.exists() or told.exists() or customer.merged_into_id) and _says(customer, row)


def _says(customer: Customer, row: ImportRecord) -> bool:
    return all(_value(customer, name) == value for name, value in row.after.items() if name not in _ADDED)


_ADDED = ("points", "identities")


def _restore(run_: Import, customer: Customer, row: ImportRecord, by: User | None, at: datetime) -> None:
    before = writing.words_of(customer)
    had = customer.manager_id
    names = []
    for name, value in row.before.items():
        if name in row.after and _value(customer, name) == row.after[name]:
            if name == "birthday":
                was = days.read(value) if value else None
                life_dates.say_birthday(customer, was, by=by, at=at, source=Door.FILE)
                continue
            setattr(customer, name, rows.value(Customer, name, value))
            names.append(name)
    if "name" in names:
        writing.fill(customer, {"name": ""} | {"name": customer.name})
        names += ["name_pinyin", "name_grams"]
    if names:
        customer.save(update_fields=names)
    if customer.manager_id != had:
        Standing.objects.filter(customer=customer).update(manager=customer.manager_id)
    taken = undo.take_what_it_told(run_, [customer.pk])
    after = writing.words_of(customer)
    said = [Changed(name, before.get(name, ""), after.get(name, "")) for name in sorted(before.keys() | after.keys())]
    changes.record(
        customer, [*(c for c in said if c.before != c.after), *taken[customer.pk]], by=by, door=Door.FILE, at=at
    )


def _value(record: Model, name: str) -> Any:
    value = getattr(record, name)
    if isinstance(value, LifeDay):
        return value.text
    return value.isoformat() if isinstance(value, date) else value


# Products -----------------------------------------------------------------------------------------------------------


def _products(batch: list[ImportRecord], counts: Counter[str]) -> None:
    products = Product.objects.in_bulk([row.record_id for row in batch])
    moved = []
    for row in batch:
        product = products.get(row.record_id)
        if product is None:
            continue
        as_told = [name for name, value in row.after.items() if _text(product, name) == value]
        if row.is_new:
            counts["removed" if len(as_told) == len(row.after) and _gone(product) else "kept"] += 1
            continue
        for name in as_told:
            setattr(product, name, rows.value(Product, name, row.before[name]))
        product.save(update_fields=as_told)
        if "category_id" in as_told:
            moved.append(product.pk)
        counts["restored"] += 1
    goods.remask(moved)


def _gone(product: Product) -> bool:
    """Whether the product could go: nothing else speaks of it."""
    try:
        with transaction.atomic():
            product.delete()
    except ProtectedError:
        return False
    return True


def _text(product: Product, name: str) -> Any:
    value = getattr(product, name)
    return value if value is None or name == "category_id" else str(value)


def _close(run_: Import, counts: Counter[str], by: User | None, at: datetime) -> None:
    undo.keep_what_it_told([run_.pk])
    run_.records.all().delete()
    run_.questions.all().delete()
    run_.state, run_.undo_until, run_.percent = Import.State.UNDONE, None, 100
    run_.undone = {name: counts[name] for name in ("removed", "restored", "kept")}
    run_.planned = {}
    run_.save(update_fields=["state", "undo_until", "percent", "undone", "planned"])
    audit.record(by, "import.undone", run_, at=at, **run_.undone)
