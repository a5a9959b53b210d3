"""Labels: made, renamed and put away by people; given to customers and taken from them, one or many at a time."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.accounts.permissions import may
from core.accounts.roles import Permission
from core.jobs.models import BulkRun
from core.lib.errors import DomainError, Invalid
from customers import locks
from customers.contact_points import plain
from customers.models import Customer, CustomerLabel, Label, Standing

MOST_IN_USE = 200


# The labels themselves ------------------------------------------------------------------------------------------------


def in_use() -> QuerySet[Label]:
    """The labels that can be given, by name."""
    return Label.objects.filter(archived_at__isnull=True).order_by("name", "pk")


def of(customer: Customer) -> QuerySet[CustomerLabel]:
    """What the customer carries, by name."""
    return customer.labels.select_related("label").order_by("label__name", "pk")


def can_change(label: Label, by: User) -> bool:
    """Whoever made it, and who shares views with others: a label is everybody's word."""
    return label.owner_id == by.pk or may(by, Permission.SHARE_VIEWS)


@transaction.atomic
def make(name: str, colour: str, *, by: User, at: datetime) -> Label:
    """There is one label more. Raises DomainError for a name in use, and beyond 200 of them."""
    if in_use().count() >= MOST_IN_USE:
        raise DomainError(
            _("There are %(most)d labels in use. Put one away first.") % {"most": MOST_IN_USE}, code="too_many"
        )
    label = _stored(Label(name=_name(name), colour=_colour(colour), owner=by, created_at=at))
    audit.record(by, "label.made", label, at=at, name=label.name)
    return label


@transaction.atomic
def change(pk: int, name: str, colour: str, *, by: User, at: datetime) -> Label:
    """The label is called and looks like that, wherever it is."""
    label = _own(pk, by)
    before = label.name
    label.name, label.colour = _name(name), _colour(colour)
    label = _stored(label)
    audit.record(by, "label.changed", label, at=at, before=before, name=label.name)
    return label


@transaction.atomic
def archive(pk: int, *, by: User, at: datetime) -> Label:
    """Nobody is given it any more; who carries it keeps it, and can be found by it."""
    label = _own(pk, by)
    label.archived_at = at
    label.save(update_fields=["archived_at"])
    audit.record(by, "label.archived", label, at=at, name=label.name)
    return label


@transaction.atomic
def restore(pk: int, *, by: User, at: datetime) -> Label:
    """An archived label can be given again. Raises DomainError where another one is called so by now."""
    label = Label.objects.select_for_update().filter(pk=pk, archived_at__isnull=False).first()
    if label is None or not can_change(label, by):
        raise Http404
    label.archived_at = None
    label = _stored(label)
    audit.record(by, "label.restored", label, at=at, name=label.name)
    return label


def carriers(standings: QuerySet[Standing]) -> dict[int, int]:
    """Label -> how many of these customers carry it."""
    rows = CustomerLabel.objects.filter(customer__in=standings.order_by().values("pk")).order_by()
    return dict(rows.values_list("label").annotate(n=Count("pk")))


def _own(pk: int, by: User) -> Label:
    label = Label.objects.select_for_update().filter(pk=pk, archived_at__isnull=True).first()
    if label is None or not can_change(label, by):
        raise Http404
    return label


def _name(name: str) -> str:
    name = plain(name)
    if not name or len(name) > 30:
        raise Invalid(_("Give it a name of at most 30 characters."), code="name")
    return name


def _colour(colour: str) -> str:
    if colour not in Label.Colour.values:
        raise Invalid(_("Choose a colour from the list."), code="colour")
    return colour


def _stored(label: Label) -> Label:
    try:
        with transaction.atomic():
            label.save()
    except IntegrityError:
        raise DomainError(_("There is a label “%(name)s” already.") % {"name": label.name}, code="name") from None
    return label


# On customers ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def give(label: Label, ids: Collection[int], *, by: User, at: datetime, run: BulkRun | None = None) -> list[int]:
    """These customers carry the label; returns those who did not before. Raises DomainError for one that is put away."""
    if not in_use().filter(pk=label.pk).exists():
        raise DomainError(_("The label “%(name)s” is put away.") % {"name": label.name}, code="label_archived")
    locks.hold_customers(ids)
    carried = CustomerLabel.objects.filter(label=label, customer__in=ids)
    new = sorted(set(ids) - set(carried.values_list("customer", flat=True)))
    CustomerLabel.objects.bulk_create(
        [CustomerLabel(label=label, customer_id=pk, by=by, at=at, run=run) for pk in new], batch_size=1000
    )
    if run is None:
        for pk in new:
            audit.record(by, "label.given", Customer(pk=pk), at=at, label=label.pk)
    return new


@transaction.atomic
def take(label: Label, ids: Collection[int], *, by: User, at: datetime, run: BulkRun | None = None) -> list[int]:
    """These customers do not carry the label; returns those who did before."""
    locks.hold_customers(ids)
    rows = CustomerLabel.objects.filter(label=label, customer__in=ids)
    had = sorted(rows.values_list("customer", flat=True))
    rows.delete()
    if run is None:
        for pk in had:
            audit.record(by, "label.taken", Customer(pk=pk), at=at, label=label.pk)
    return had


@transaction.atomic
def take_given(run: BulkRun, ids: Collection[int]) -> list[int]:
    """Of these customers those who still carried what this run gave them carry it no more; returns them."""
    locks.hold_customers(ids)
    rows = CustomerLabel.objects.filter(run=run, customer__in=ids)
    had = sorted(rows.values_list("customer", flat=True))
    rows.delete()
    return had


def present(ids: Collection[int]) -> list[int]:
    """Of these customers those whose record is still one of its own, and somebody's."""
    people = Customer.objects.filter(pk__in=ids, merged_into__isnull=True, erased_at__isnull=True)
    return list(people.values_list("pk", flat=True))


# Two records of one person --------------------------------------------------------------------------------------------


def remember(loser: Customer, winner: Customer) -> list[list[Any]]:
    """What the loser carries, before a merge: the label, by whom, since when, and whether the winner does too."""
    also = set(CustomerLabel.objects.filter(customer=winner).values_list("label", flat=True))
    rows = CustomerLabel.objects.filter(customer=loser).order_by("pk")
    return [[row.label_id, row.by_id, row.at, row.label_id in also] for row in rows]


def merge(loser: Customer, winner: Customer) -> None:
    """The winner carries what either did; what both did as the winner got it."""
    rows = list(CustomerLabel.objects.filter(customer=loser))
    CustomerLabel.objects.filter(customer=loser).delete()
    CustomerLabel.objects.bulk_create(
        [CustomerLabel(label_id=r.label_id, customer=winner, by_id=r.by_id, at=r.at, run_id=r.run_id) for r in rows],
        ignore_conflicts=True,
    )


def unmerge(loser: Customer, winner: Customer, kept: Sequence[Sequence[Any]]) -> None:
    """The loser carries again what it did; the winner no more what it has only from there, unless taken off since."""
    came = [label for label, _by, _at, also in kept if not also]
    CustomerLabel.objects.filter(customer=winner, label__in=came).delete()
    CustomerLabel.objects.bulk_create(
        [CustomerLabel(label_id=label, customer=loser, by_id=by, at=at) for label, by, at, _also in kept],
        ignore_conflicts=True,
    )
