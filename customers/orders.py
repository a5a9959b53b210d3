"""Orders as their sources tell them: any order of arrival, any number of times, the same record afterwards."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from core.lib import rows
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day
from customers import locks, refunds, summary
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


def erased_of(order: Order | None) -> Customer | None:
    """Whose data was erased at their wish: they are not put on record again by a later word about an order of then."""
    return order.customer if order and order.customer.erased_at else None


def hold(facts: Sequence[OrderFact], whos: Iterable[Told]) -> None:
    """Nobody else tells these orders or makes their customers until the transaction ends; read them after this."""
    locks.hold_off_imports(
        {f"order:{fact.source}:{fact.external_id}" for fact in facts}, {name for who in whos for name in who.names}
    )


def stored(source: str, external_ids: Iterable[str]) -> dict[str, Stored]:
    """The orders of these numbers whose customers are known, by number."""
    told = Order.objects.filter(source=source, external_id__in=set(external_ids))
    asked = UnusualOrder.objects.filter(order=OuterRef("pk"))
    refunded = Refund.objects.filter(order=OuterRef("pk"))
    known = told.select_related("customer__standing").annotate(was_asked=Exists(asked), has_refunds=Exists(refunded))
    return {order.external_id: Stored(order, order.was_asked) for order in known}


@dataclass
class Version:
    """What a source says of an order, beside what is stored of the order and whose it is."""

    fact: OrderFact
    customer: Customer
    order: Order | None = None

    def __post_init__(self) -> None:
        if self.order and self.order.is_test:
            self.fact = replace(self.fact, status=Order.Status.CANCELLED)  # whatever its source says of it


def outcome(version: Version, contents: "Contents") -> Outcome:
    """What becomes of a version: an older one is stale and changes nothing; the same one must say the same.

    Unless files have changed the order since: then it is stale too. Whatever files have said, the next version of the
    shop is its last word. Raises DomainError for other content in the same version.
    """
    fact, customer, order = version.fact, version.customer, version.order
    if order is None:
        return Outcome.CREATED
    if fact.version != order.version:
        return Outcome.STALE if fact.version < order.version else Outcome.UPDATED
    content = contents[order.pk]
    if content == _stated(fact, customer):
        return Outcome.UNCHANGED
    if order.file_changes:  # a file has spoken of it since
        return Outcome.STALE
    if order.import_run is None or _in_short(content) != _in_short(_stated(fact, customer)):
        raise _conflict(fact)
    # A file that knows versions knows neither all lines nor the refunds one by one.
    return Outcome.UPDATED


def record(versions: Sequence[Version], *, at: datetime, today: date) -> list[Recorded]:
    """These versions, each of another order of one source and of other customers, are stored with lines and refunds.

    The customers' summaries agree. The caller holds orders and customers, also those who had the orders before, has
    read both since, and knows that each version is new or newer.
    """
    if not versions:
        return []
    before = [version.order.customer_id if version.order else None for version in versions]
    outcomes = [Outcome.UPDATED if version.order else Outcome.CREATED for version in versions]
    stored_ = _store(versions, at)
    concerned = {order.customer_id for order in stored_} | {pk for pk in before if pk}
    summary.refresh_live(sorted(concerned), today=today, held=True)
    return [
        Recorded(outcome_, order, version.customer, left if left != order.customer_id else None)
        for version, order, outcome_, left in zip(versions, stored_, outcomes, before, strict=True)
    ]


def refresh(customer_ids: Iterable[int], *, today: date) -> None:
    """Summaries, and the last purchase day that lists filter by, follow the orders at once."""
    summary.refresh_live(sorted(set(customer_ids)), today=today)


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


Content = tuple[Any, ...]
Contents = Mapping[int, Content]


def _stated(fact: OrderFact, customer: Customer) -> Content:
    return (
        customer.pk,
        fact.status,
        fact.ordered_at,
        fact.paid,
        fact.cost,
        sorted((line.product, line.quantity, line.amount) for line in fact.lines),
        sorted((r.external_id, r.refunded_at, r.amount, r.profit_effect) for r in fact.refunds),
    )


def contents(orders: Collection[Order]) -> Contents:
    """What is stored of these orders, by their ids."""
    if not orders:
        return {}
    lines: dict[int, list[Any]] = defaultdict(list)
    told = OrderLine.objects.filter(order__in=orders)
    for order_id, *line in told.values_list("order_id", "product__external_id", "quantity", "amount"):
        lines[order_id].append(tuple(line))
    back: dict[int, list[Any]] = defaultdict(list)
    refunded = Refund.objects.filter(order__in=orders)
    for order_id, *refund in refunded.values_list("order_id", "external_id", "refunded_at", "amount", "profit_effect"):
        back[order_id].append(tuple(refund))
    return {
        order.pk: (
            order.customer_id,
            order.status,
            order.ordered_at,
            order.paid,
            order.cost,
            sorted(lines[order.pk]),
            sorted(back[order.pk]),
        )
        for order in orders
    }


def _in_short(content: Content) -> Content:
    *said, _cost, _lines, back = content
    return *said, sum((amount for _id, _at, amount, _profit_effect in back), NOTHING)


def _conflict(fact: OrderFact) -> DomainError:
    return DomainError(
        _("Version %(version)d of this order is stored with other content. Send a higher version.")
        % {"version": fact.version},
        code="version_conflict",
    )


# Storing ------------------------------------------------------------------------------------------------------------


# What a newer version changes of an order.
_TOLD = (
    *("version", "import_run", "file_changes", "customer_id", "status", "ordered_at", "ordered_on"),
    *("paid", "cost", "profit", "category_mask", "fully_refunded_on", "received_at"),
)


def _store(versions: Sequence[Version], at: datetime) -> list[Order]:
    products = _products([version.fact for version in versions])
    stored_: list[Order] = []
    fresh = []
    for version in versions:
        fact = version.fact
        if version.order is None:
            fresh.append(len(stored_))
        order = version.order or Order(source=fact.source, external_id=fact.external_id)
        order.version, order.import_run = fact.version, None
        order.file_changes = int(fact.of_a_file)
        order.customer = version.customer
        order.status = fact.status
        order.ordered_at = fact.ordered_at
        order.ordered_on = mall_day(fact.ordered_at)
        order.paid, order.cost, order.profit = fact.paid, fact.cost, fact.paid - fact.cost
        order.category_mask = mask_of(products[line.product].category_id for line in fact.lines)
        order.fully_refunded_on = refunds.fully_refunded_on(fact.refunds, paid=fact.paid)
        order.received_at = at
        stored_.append(order)
    Order.objects.bulk_create([stored_[place] for place in fresh])
    older = [version.order for version in versions if version.order]
    rows.update(older, _TOLD)
    _store_lines(list(zip(stored_, (version.fact for version in versions), strict=True)), older, products)
    _store_refunds(list(zip(stored_, (version.fact for version in versions), strict=True)), older)
    return stored_


def _store_lines(
    told: Sequence[tuple[Order, OrderFact]], older: Collection[Order], products: Mapping[str, Product]
) -> None:
    """The lines are those that are told; those of older versions that say the same stay as they are."""
    known: dict[int, list[Any]] = {order.pk: [] for order in older}
    lines = OrderLine.objects.filter(order__in=known)
    for order_id, *line in lines.values_list("order_id", "product_id", "quantity", "amount") if known else ():
        known[order_id].append(tuple(line))
    others = [
        (order, fact)
        for order, fact in told
        if order.pk not in known
        or sorted(known[order.pk]) != sorted((products[x.product].pk, x.quantity, x.amount) for x in fact.lines)
    ]
    if gone := [order.pk for order, _fact in others if known.get(order.pk)]:
        OrderLine.objects.filter(order__in=gone).delete()
    OrderLine.objects.bulk_create(
        OrderLine(order=order, product=products[line.product], quantity=line.quantity, amount=line.amount)
        for order, fact in others
        for line in fact.lines
    )


def _store_refunds(told: Sequence[tuple[Order, OrderFact]], older: Collection[Order]) -> None:
    """The refunds are those that are told. What a file has said of why stays."""
    refunded = [order.pk for order in older if getattr(order, "has_refunds", True)]
    reasons: dict[tuple[int, str], str] = {}
    if refunded:
        before = Refund.objects.filter(order__in=refunded)
        if any(fact.refunds for order, fact in told if order.pk in refunded):
            with_reason = before.exclude(reason="").values_list("order_id", "external_id", "reason")
            reasons = {(order_id, external_id): reason for order_id, external_id, reason in with_reason}
        before.delete()
    refunds.store(
        (order, replace(refund, reason=refund.reason or reasons.get((order.pk, refund.external_id), "")))
        for order, fact in told
        for refund in fact.refunds
    )


def mask_of(category_ids: Iterable[int | None]) -> int:
    mask = 0
    for category_id in category_ids:
        if category_id is not None:
            mask |= 1 << (category_id % CATEGORY_BITS)
    return mask


def _products(facts: Sequence[OrderFact]) -> dict[str, Product]:
    """The products of the lines by their external id; what the source says of them last is stored."""
    lines = {line.product: line for fact in facts for line in fact.lines}
    if not lines:
        return {}
    source = facts[0].source
    known = Product.objects.filter(source=source, external_id__in=lines).select_related("category")
    products = {product.external_id: product for product in known}
    categories = {product.category.name: product.category for product in products.values() if product.category}
    names = {line.category for line in lines.values() if line.category}
    if missing := sorted(names - categories.keys()):
        categories |= _categories(missing)
    if len(products) < len(lines):
        Product.objects.bulk_create(
            [
                Product(source=source, external_id=id_, name=line.name or id_, category=categories.get(line.category))
                for id_, line in sorted(lines.items())
                if id_ not in products
            ],
            ignore_conflicts=True,
        )
        products = {product.external_id: product for product in known.all()}
    changed = []
    for external_id, product in sorted(products.items()):
        line = lines[external_id]
        # What somebody has corrected by hand stays.
        category = None if "category" in product.by_hand else categories.get(line.category)
        name = product.name if "name" in product.by_hand else line.name or product.name
        if name != product.name or (category and category.pk != product.category_id):
            product.name, product.category = name, category or product.category
            changed.append(product)
    rows.update(changed, ["name", "category_id"])
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
