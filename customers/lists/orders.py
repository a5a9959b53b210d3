"""What conditions may say of orders: of the rows, not of the customers who ordered."""

from collections.abc import Sequence

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from core.lib.conditions import fields as of
from core.lib.conditions.fields import Context, Cost, Field
from core.lib.conditions.kinds import Kind, Words
from core.lib.conditions.tree import Leaf
from customers.contact_points import plain
from customers.keys import order_key
from customers.lists import record
from customers.models import Category, Customer, Order, OrderLine, Refund
from customers.record import shop

ORDER, GOODS, CUSTOMER = _("Order"), _("What was ordered"), _("Customer")
_STANDING = "customer__standing__"


def _number(leaf: Leaf, context: Context) -> Q:
    """As a shop writes it, or the number of whom it belongs to."""
    texts = [text for value in leaf.values if (text := plain(value))]
    people = Customer.objects.filter(number__in=[text.upper() for text in texts]).values_list("pk", flat=True)
    numbers = {written for text in texts for written in (text, order_key(text))}
    among = Q(external_id__in=numbers) | Q(customer__in=list(people))
    return among if leaf.op == "any" else ~among


def _status(leaf: Leaf, context: Context) -> Q:
    among = Q(status__in=leaf.values)
    return among if leaf.op == "any" else ~among


def _sources() -> list[tuple[str, Words]]:
    return [(name, name) for name in shop.sources()]


def _categories() -> list[tuple[str, Words]]:
    return [(str(pk), name) for pk, name in Category.objects.order_by("name").values_list("pk", "name")]


def _goods(path: str) -> of.Where:
    """Whether one of its lines is of these goods; an order that was told without lines is of none."""

    def where(leaf: Leaf, context: Context) -> Q:
        lines = OrderLine.objects.filter(order=OuterRef("pk"), **{f"{path}__in": leaf.values})
        return Q(Exists(lines)) if leaf.op == "any" else Q(~Exists(lines))

    return where


def _yes(condition: Q) -> of.Where:
    def where(leaf: Leaf, context: Context) -> Q:
        chosen = Q(*(condition if value == "yes" else ~condition for value in leaf.values), _connector=Q.OR)
        return chosen if leaf.op == "any" else ~chosen

    return where


def _records(values: Sequence[str]) -> dict[str, str]:
    """Never a name: the record may be out of the reader's reach."""
    return {value: _now("record %(id)s") % {"id": value} for value in values}


FIELDS: tuple[Field, ...] = (
    Field("ordered", _("Ordered"), Kind.DAY, of.moment("ordered_at"), group=ORDER, path="ordered_at"),
    Field("number", _("Order or customer number"), Kind.CHOICE, _number, group=ORDER, cost=Cost.PROBE),
    Field("source", _("Source"), Kind.CHOICE, of.choice("source"), group=ORDER, open=True, options=_sources),
    Field(
        "status",
        _("Status"),
        Kind.CHOICE,
        _status,
        group=ORDER,
        options=lambda: [(value, label) for value, label in Order.Status.choices],
    ),
    Field("paid", _("Amount paid"), Kind.MONEY, of.money("paid"), group=ORDER, path="paid"),
    Field(
        "refunded",
        _("Money went back"),
        Kind.CHOICE,
        _yes(Q(Exists(Refund.objects.filter(order=OuterRef("pk"))))),
        group=ORDER,
        cost=Cost.PROBE,
        options=lambda: record.YES_NO,
    ),
    Field("test", _("Only a test"), Kind.CHOICE, _yes(Q(is_test=True)), group=ORDER, options=lambda: record.YES_NO),
    Field("came_in", _("Came in"), Kind.DAY, of.moment("received_at"), group=ORDER),
    Field(
        "product",
        _("Product number"),
        Kind.CHOICE,
        _goods("product__external_id"),
        group=GOODS,
        cost=Cost.PROBE,
    ),
    Field(
        "category",
        _("Category"),
        Kind.CHOICE,
        _goods("product__category"),
        group=GOODS,
        cost=Cost.PROBE,
        options=_categories,
    ),
    Field("customer", _("Customer"), Kind.CHOICE, of.numbered("customer"), group=CUSTOMER, called=_records),
    *record.fields_of(_STANDING, CUSTOMER, "class", "manager"),
)
