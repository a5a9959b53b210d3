"""An import taken back: its orders go, what it changed is as it was, whom it made and nobody knows otherwise goes."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import chain, islice
from typing import Any

from django.db import connection, models, transaction
from django.db.models import F, Model
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib import sql
from core.lib.errors import DomainError
from customers import locks, orders
from customers.imports import runs
from customers.models import (
    Bought,
    ContactPoint,
    Customer,
    ExternalIdentity,
    GuestOrder,
    Import,
    ImportChange,
    ImportPart,
    ImportPlan,
    ImportRecord,
    Order,
    OrderLine,
    Refund,
    Standing,
    Summary,
)
from customers.record import changes
from customers.record.changes import Changed, Door

State, Step = Import.State, Import.Step
TOLD = (ContactPoint, ExternalIdentity)
CHUNK = 1_000
Follow = Callable[[Sequence[int]], object]
_STEPS = sql.steps(__file__, "undo")


def can_be_undone(run_: Import, *, at: datetime) -> bool:
    """It has been run, no worker is at it, and its seven days are not over."""
    idle = run_.state in (State.DONE, State.FAILED, State.CANCELLED, State.CHECKED)
    return idle and run_.undo_until is not None and at < run_.undo_until


def undo(
    run_: Import,
    *,
    by: User | None,
    at: datetime,
    today: date,
    follow: Follow,
    of_the_night: Iterable[type[Model]] = (),
) -> Import:
    """Orders it made are gone, orders it changed are what they were, customers it made who have nothing else are gone.

    What the shop, a person or another import has told of an order since stays, and is counted. An order that other
    books speak of (points, coupons) stays as a cancelled one. `follow` is told the ids of the orders that changed,
    inside the transaction that changed them; rows of `of_the_night` do not keep a customer. Killed half-way, or
    undone again, the rest is done. Raises DomainError when the seven days are over.
    """
    if run_.state == State.UNDONE:
        return run_
    refuse_late(run_, at=at)
    counts: Counter[str] = Counter(run_.undone)
    concerned: set[int] = set()
    with runs.alone(run_, Import.Task.UNDO) as progress:
        todo = run_.changes.count() + sum(len(ids) for ids in run_.parts.values_list("order_ids", flat=True))
        for ids, verb in _batches(run_):
            with transaction.atomic():
                locks.hold_off_everyone()
                verb(run_, ids, counts, concerned, follow, at)
                Import.objects.filter(pk=run_.pk).update(undone=counts)
            progress.tell(Step.UNDOING, (counts.total() - counts["customers"] - counts["contacts"]) / max(todo, 1))
        for ids in _slices(_known_before(run_)):
            with transaction.atomic():
                locks.hold_off_everyone()
                counts["contacts"] += _restore_people(run_, ids, by, at)
        for ids in _slices(_made(run_, "customer_ids")):
            with transaction.atomic():
                locks.hold_off_everyone()
                gone = _forget_people(ids, of_the_night)
                counts["customers"] += len(gone)
                concerned -= set(gone)
        with transaction.atomic():
            orders.refresh(concerned, today=today)
            _close(run_, counts, by, at)
    return run_


def refuse_late(run_: Import, *, at: datetime) -> None:
    """Raises DomainError when its seven days are over."""
    if run_.undo_until is None or at >= run_.undo_until:
        raise DomainError(_("An import can be undone for seven days."), code="undo_is_over")


def remember(run_: Import, order_ids: Sequence[int]) -> None:
    """What these orders are now is kept, unless this import has changed them before, to undo it by."""
    with connection.cursor() as cursor:
        cursor.execute(_STEPS["remember"], {"run": run_.pk, "ids": list(order_ids)})


def forget(*, at: datetime) -> int:
    """Imports whose seven days are over can no longer be undone, and what was kept for that is gone; how many."""
    over = Import.objects.filter(undo_until__lte=at).exclude(state=State.RUNNING)
    ids = list(over.values_list("pk", flat=True))
    ImportPart.objects.filter(run__in=ids).delete()
    ImportChange.objects.filter(run__in=ids).delete()
    ImportPlan.objects.filter(run__in=ids).delete()
    ImportRecord.objects.filter(run__in=ids).delete()
    keep_what_it_told(ids)
    Import.objects.filter(pk__in=ids).update(undo_until=None)
    return len(ids)


# Steps --------------------------------------------------------------------------------------------------------------

_Verb = Callable[[Import, list[int], "Counter[str]", set[int], Follow, datetime], None]


def _batches(run_: Import) -> Iterator[tuple[list[int], _Verb]]:
    made = set(_made(run_, "order_ids"))
    changed = run_.changes.order_by("pk").values_list("order_id", flat=True)
    for ids in _slices(order_id for order_id in list(changed) if order_id not in made):
        yield ids, _restore
    for ids in _slices(sorted(made)):
        yield ids, _remove


def _made(run_: Import, column: str) -> Iterator[int]:
    for ids in run_.parts.order_by("pk").values_list(column, flat=True):
        yield from ids


def _slices(ids: Iterable[int]) -> Iterator[list[int]]:
    rest = iter(ids)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def _restore(
    run_: Import, ids: list[int], counts: Counter[str], concerned: set[int], follow: Follow, at: datetime
) -> None:
    ours, owners = _still_ours(run_, ids, counts)
    with connection.cursor() as cursor:
        cursor.execute(_STEPS["restore"], {"run": run_.pk, "ids": ours, "at": at})
    concerned.update(owners, Order.objects.filter(pk__in=ours).values_list("customer_id", flat=True))
    follow(ours)
    run_.changes.filter(order_id__in=ids).delete()
    counts["restored"] += len(ours)


def _remove(
    run_: Import, ids: list[int], counts: Counter[str], concerned: set[int], follow: Follow, at: datetime
) -> None:
    ours, owners = _still_ours(run_, ids, counts)
    concerned.update(owners)
    spoken_of = referred_to(Order, ours, besides=(OrderLine, Refund))
    Order.objects.filter(pk__in=spoken_of).update(
        status=Order.Status.CANCELLED, file_changes=F("file_changes") + 1, import_run=None, received_at=at
    )
    follow(sorted(spoken_of))
    free = [pk for pk in ours if pk not in spoken_of]
    for model in (OrderLine, Refund):
        model.objects.filter(order__in=free).delete()
    Order.objects.filter(pk__in=free).delete()
    run_.changes.filter(order_id__in=ids).delete()
    counts["removed"] += len(free)
    counts["cancelled"] += len(spoken_of)


def _still_ours(run_: Import, ids: list[int], counts: Counter[str]) -> tuple[list[int], set[int]]:
    """(orders of which this import had the last word, whose they are); the others are counted as kept."""
    mine = Order.objects.filter(pk__in=ids, import_run=run_.pk, is_test=False)
    rows = dict(mine.order_by("pk").values_list("pk", "customer_id"))
    counts["kept"] += Order.objects.filter(pk__in=ids).exclude(pk__in=rows).count()
    return list(rows), set(rows.values())


def referred_to(model: type[Model], ids: list[int], *, besides: Iterable[type[Model]]) -> set[int]:
    """Which of these rows something else in the database speaks of."""
    found: set[int] = set()
    for relation in model._meta.get_fields(include_hidden=True):
        if isinstance(relation, models.ForeignObjectRel) and relation.related_model not in besides:
            field = relation.field.name
            rows: Any = relation.related_model._base_manager
            found.update(rows.filter(**{f"{field}__in": ids}).values_list(field, flat=True))
    return found


def _known_before(run_: Import) -> list[int]:
    """Customers who were known before the import, and of whom it has told something."""
    told = (model.objects.filter(import_run=run_.pk).values_list("customer_id", flat=True) for model in TOLD)
    ids = {*chain(*told), *run_.records.values_list("record_id", flat=True)}
    return sorted(ids - set(_made(run_, "customer_ids")))


def _restore_people(run_: Import, ids: list[int], by: User | None, at: datetime) -> int:
    """They are known and reached as they were before, but for what somebody else has said since; how much that is."""
    locks.hold_customers(ids)
    lines = take_what_it_told(run_, ids)
    people = Customer.objects.in_bulk(ids)
    first = dict(Order.objects.filter(customer__in=ids).values_list("customer").annotate(models.Min("ordered_on")))
    for row in run_.records.filter(record_id__in=ids):
        customer = people.get(row.record_id)
        if customer and customer.registered_on.isoformat() == row.after["registered_on"]:
            before = date.fromisoformat(row.before["registered_on"])
            customer.registered_on = min(before, first.get(customer.pk, before))
            customer.save(update_fields=["registered_on"])
    for pk, taken in lines.items():
        changes.record(people[pk], taken, by=by, door=Door.FILE, at=at)
    run_.records.filter(record_id__in=ids).delete()
    return sum(map(len, lines.values()))


def take_what_it_told(run_: Import, ids: Sequence[int]) -> "defaultdict[int, list[Changed]]":
    """Phones, e-mails, addresses and ids of these customers that the import alone has told are gone.

    Call with the customers held. Returns customer id -> lines of the history.
    """
    lines: defaultdict[int, list[Changed]] = defaultdict(list)
    points = ContactPoint.objects.filter(import_run=run_.pk, customer__in=ids).order_by("pk")
    identities = ExternalIdentity.objects.filter(import_run=run_.pk, customer__in=ids).order_by("pk")
    for point in points:
        lines[point.customer_id].append(Changed(point.kind, point.mask, ""))
    for known in identities:
        lines[known.customer_id].append(Changed("identity", f"{known.source}:{known.external_id}", ""))
    points.delete()
    identities.delete()
    return lines


def keep_what_it_told(runs_: Iterable[int]) -> None:
    """What these imports have told stays for good."""
    for model in TOLD:
        model.objects.filter(import_run__in=list(runs_)).update(import_run=None)


def _forget_people(ids: list[int], of_the_night: Iterable[type[Model]]) -> list[int]:
    locks.hold_customers(ids, against_new_rows=True)
    derived: tuple[type[Model], ...] = (ContactPoint, ExternalIdentity, Standing, Summary, Bought, *of_the_night)
    known = referred_to(Customer, ids, besides=derived)
    nobody = list(
        Customer.objects.filter(pk__in=ids, merged_into=None, manager=None)
        .exclude(pk__in=known)
        .values_list("pk", flat=True)
    )
    Customer.objects.filter(pk__in=nobody).delete()
    return nobody


def _close(run_: Import, counts: Counter[str], by: User | None, at: datetime) -> None:
    run_.parts.all().delete()
    run_.changes.all().delete()
    run_.questions.all().delete()
    run_.state, run_.undo_until, run_.percent = State.UNDONE, None, 100
    run_.records.all().delete()
    keep_what_it_told([run_.pk])
    run_.undone = {name: counts[name] for name in ("removed", "cancelled", "restored", "kept", "customers", "contacts")}
    ImportPlan.objects.filter(run=run_).delete()
    GuestOrder.objects.filter(source=run_.source, fact__import_run=run_.pk).delete()
    run_.planned = {}
    run_.save(update_fields=["state", "undo_until", "percent", "undone", "planned"])
    audit.record(by, "import.undone", run_, at=at, **run_.undone)
