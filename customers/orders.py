"""Orders as their sources tell them: any order of arrival, any number of times, the same record afterwards."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from core.lib.deadlock import joining
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day
from customers import identity, locks, refunds, summary
from customers.identity import CustomerRef, Told
from customers.models import Category, Customer, Order, OrderLine, Product, Refund, UnusualOrder
from customers.refunds import NOTHING, RefundFact

CATEGORY_BITS = 63


@dataclass(frozen=True)
class LineFact:
    product: str
    quantity: int
    amount: Decimal
    name: str = ""
    category: str = ""


@dataclass(frozen=True)
class OrderFact:
    """The whole order as its source sees it in this version. Without `cost`, profit is what was paid."""

    source: str
    external_id: str
    version: int
    customer: CustomerRef
    ordered_at: datetime
    paid: Decimal
    status: str = Order.Status.PAID
    cost: Decimal = NOTHING
    lines: tuple[LineFact, ...] = ()
    refunds: tuple[RefundFact, ...] = ()
    of_a_file: bool = False  # told without a version, which is then Order.NO_VERSION


class Outcome(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    STALE = "stale"


class Recorded(NamedTuple):
    outcome: Outcome
    order: Order
    customer: Customer
    left: int | None = None  # the customer who had the order before


class Stored(NamedTuple):
    """An order as it is stored, and whether somebody was asked about its amount."""

    order: Order
    was_asked: bool


class Read(NamedTuple):
    """Whose order it is, and the order where it is stored already."""

    customer: Customer
    order: Order | None


@joining()
def record_order(fact: OrderFact, *, at: datetime, today: date, read: Read | None = None) -> Recorded:
    """The newest version of the order is stored, with its lines and refunds, and its customers' summaries agree.

    An older version is stale and changes nothing; the same version must say the same, unless files have changed the
    order since: then it is stale too. Whatever files have said, the next version of the shop is its last word.

    `read` by a caller who holds the order and its customer's names, and the customer of a new order.
    """
    if read is None:
        refuse_impossible(fact)
        who = identity.told(fact.customer)
        hold(fact, who)
        known = stored(fact)
        customer = identity.found_or_created(who, today=today, hold=known is None)
        read = Read(customer, known.order if known else None)
    return _recorded(fact, read.customer, read.order, at=at, today=today)


def hold(fact: OrderFact, who: Told | None) -> None:
    """Nobody else tells this order or makes its customer until the transaction ends; read them after this."""
    locks.hold_off_imports([f"order:{fact.source}:{fact.external_id}"], who.names if who else [])


def stored(fact: OrderFact) -> Stored | None:
    """The order this fact speaks of, where its customer is known."""
    orders = Order.objects.filter(source=fact.source, external_id=fact.external_id).select_related("customer__standing")
    asked = UnusualOrder.objects.filter(order=OuterRef("pk"))
    refunded = Refund.objects.filter(order=OuterRef("pk"))
    order = orders.annotate(was_asked=Exists(asked), has_refunds=Exists(refunded)).first()
    return Stored(order, order.was_asked) if order else None


def _recorded(fact: OrderFact, customer: Customer, order: Order | None, *, at: datetime, today: date) -> Recorded:
    if order and order.is_test:
        fact = replace(fact, status=Order.Status.CANCELLED)  # whatever its source says of it
    concerned = {customer.pk, order.customer_id} if order else {customer.pk}
    day = min(mall_day(fact.ordered_at), today)
    if day < customer.registered_on:
        if order:
            # Both in one order, before one of them is written: the other order may cross this one.
            locks.hold_customers(concerned)
        known_since(customer, day)
    if order and fact.version < order.version:
        return Recorded(Outcome.STALE, order, order.customer)
    if order and fact.version == order.version:
        if _content(order) != _stated(fact, customer):
            if order.file_changes:  # a file has spoken of it since
                return Recorded(Outcome.STALE, order, order.customer)
            if order.import_run is None or _in_short(order) != _stated_in_short(fact, customer):
                raise _conflict(fact)
            # A file that knows versions knows neither all lines nor the refunds one by one.
        else:
            return Recorded(Outcome.UNCHANGED, order, customer)

    left = order.customer_id if order and order.customer_id != customer.pk else None
    outcome = Outcome.UPDATED if order else Outcome.CREATED
    order = _store(order or Order(source=fact.source, external_id=fact.external_id), fact, customer, at)
    summary.refresh_live(sorted(concerned), today=today, held=outcome == Outcome.CREATED)
    return Recorded(outcome, order, customer, left)


def refresh(customer_ids: Iterable[int], *, today: date) -> None:
    """Summaries, and the last purchase day that lists filter by, follow the orders at once."""
    summary.refresh_live(sorted(set(customer_ids)), today=today)


def known_since(customer: Customer, day: date) -> None:
    """Nobody is registered later than their first order, whichever order arrives first."""
    if day < customer.registered_on:
        Customer.objects.filter(pk=customer.pk, registered_on__gt=day).update(registered_on=day)
        customer.registered_on = day


# What may be told ---------------------------------------------------------------------------------------------------


def refuse_impossible(fact: OrderFact) -> None:
    """Raises Invalid or DomainError for amounts, quantities and refunds that no order can have."""
    if fact.paid < 0 or fact.cost < 0:
        raise Invalid(_("Amounts of an order are never negative; money back is a refund."), code="negative_amount")
    if fact.version < 0 and not fact.of_a_file:
        raise Invalid(_("A version is never negative."))
    if any(line.quantity < 1 for line in fact.lines):
        raise Invalid(_("A line has at least one piece."))
    refunds.refuse_impossible(fact.refunds, paid=fact.paid, cost=fact.cost)


def _stated(fact: OrderFact, customer: Customer) -> tuple[object, ...]:
    return (
        customer.pk,
        fact.status,
        fact.ordered_at,
        fact.paid,
        fact.cost,
        sorted((line.product, line.quantity, line.amount) for line in fact.lines),
        sorted((r.external_id, r.refunded_at, r.amount, r.profit_effect) for r in fact.refunds),
    )


def _content(order: Order) -> tuple[object, ...]:
    return (
        order.customer_id,
        order.status,
        order.ordered_at,
        order.paid,
        order.cost,
        sorted(order.lines.values_list("product__external_id", "quantity", "amount")),
        sorted(order.refunds.values_list("external_id", "refunded_at", "amount", "profit_effect")),
    )


def _in_short(order: Order) -> tuple[object, ...]:
    back = sum(order.refunds.values_list("amount", flat=True), NOTHING)
    return order.customer_id, order.status, order.ordered_at, order.paid, back


def _stated_in_short(fact: OrderFact, customer: Customer) -> tuple[object, ...]:
    back = sum((refund.amount for refund in fact.refunds), NOTHING)
    return customer.pk, fact.status, fact.ordered_at, fact.paid, back


def _conflict(fact: OrderFact) -> DomainError:
    return DomainError(
        _("Version %(version)d of this order is stored with other content. Send a higher version.")
        % {"version": fact.version},
        code="version_conflict",
    )


# Storing ------------------------------------------------------------------------------------------------------------


def _store(order: Order, fact: OrderFact, customer: Customer, at: datetime) -> Order:
    is_new = order.pk is None
    products = _products(fact)
    order.version, order.import_run = fact.version, None
    order.file_changes = int(fact.of_a_file)
    order.customer = customer
    order.status = fact.status
    order.ordered_at = fact.ordered_at
    order.ordered_on = mall_day(fact.ordered_at)
    order.paid, order.cost, order.profit = fact.paid, fact.cost, fact.paid - fact.cost
    order.category_mask = mask_of(product.category_id for product in products.values())
    order.fully_refunded_on = refunds.fully_refunded_on(fact.refunds, paid=fact.paid)
    order.received_at = at
    order.save(force_insert=is_new)
    if is_new or _lines_differ(order, fact, products):
        if not is_new:
            order.lines.all().delete()
        OrderLine.objects.bulk_create(
            OrderLine(order=order, product=products[line.product], quantity=line.quantity, amount=line.amount)
            for line in fact.lines
        )
    if not is_new and getattr(order, "has_refunds", True):
        order.refunds.all().delete()
    refunds.store(order, fact.refunds)
    return order


def _lines_differ(order: Order, fact: OrderFact, products: Mapping[str, Product]) -> bool:
    told = sorted((products[line.product].pk, line.quantity, line.amount) for line in fact.lines)
    return sorted(order.lines.values_list("product_id", "quantity", "amount")) != told


def mask_of(category_ids: Iterable[int | None]) -> int:
    mask = 0
    for category_id in category_ids:
        if category_id is not None:
            mask |= 1 << (category_id % CATEGORY_BITS)
    return mask


def _products(fact: OrderFact) -> dict[str, Product]:
    """The products of the lines by their external id; what the source says of them last is stored."""
    if not fact.lines:
        return {}
    lines = {line.product: line for line in fact.lines}
    known = Product.objects.filter(source=fact.source, external_id__in=lines).select_related("category")
    products = {product.external_id: product for product in known}
    categories = {product.category.name: product.category for product in products.values() if product.category}
    names = {line.category for line in lines.values() if line.category}
    if missing := sorted(names - categories.keys()):
        categories |= _categories(missing)
    if len(products) < len(lines):
        Product.objects.bulk_create(
            [
                Product(
                    source=fact.source, external_id=id_, name=line.name or id_, category=categories.get(line.category)
                )
                for id_, line in sorted(lines.items())
                if id_ not in products
            ],
            ignore_conflicts=True,
        )
        products = {product.external_id: product for product in known.all()}
    for external_id, product in sorted(products.items()):
        line = lines[external_id]
        # What somebody has corrected by hand stays.
        category = None if "category" in product.by_hand else categories.get(line.category)
        name = product.name if "name" in product.by_hand else line.name or product.name
        if name != product.name or (category and category.pk != product.category_id):
            product.name, product.category = name, category or product.category
            product.save(update_fields=["name", "category"])
    return products


def _categories(names: list[str]) -> dict[str, Category]:
    """The categories of these names, made where they are missing."""
    known = Category.objects.filter(name__in=names)
    categories = {category.name: category for category in known}
    if len(categories) < len(names):
        fresh = [Category(name=name) for name in names if name not in categories]
        Category.objects.bulk_create(fresh, ignore_conflicts=True)
        categories = {category.name: category for category in known.all()}
    return categories
