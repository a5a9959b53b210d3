"""What they bought and sent back, and what those facts add up to.

Facts (orders, lines, refunds) are keyed by (source, external_id) with a monotone version.
`Summary` is derived from the facts by one SQL file.
"""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.lib.money import MoneyField
from customers.models.people import Customer


class Category(models.Model):
    name = models.CharField(max_length=80, unique=True)

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    source = models.CharField(max_length=40)
    external_id = models.CharField(max_length=80)
    name = models.CharField(max_length=200)
    category = models.ForeignKey(Category, models.PROTECT, null=True, blank=True)
    price = MoneyField(null=True, blank=True)
    cost = MoneyField(null=True, blank=True)
    picture = models.URLField(max_length=400, blank=True, default="", db_default="")
    # Fields that somebody has corrected here: what a source says of them later does not undo it.
    by_hand = ArrayField(models.CharField(max_length=10), default=list, db_default=[], blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "external_id"], name="one_product_per_identity"),
            models.CheckConstraint(
                condition=Q(picture="") | Q(picture__startswith="https://"), name="product_picture_is_https"
            ),
        ]

    def __str__(self) -> str:
        return self.name


_MARK_TOUCHED = (
    "INSERT INTO customers_dirtymark (customer_id, marked_at) "
    "SELECT customer_id, now() FROM ({touched}) AS touched; RETURN NULL;"
)
_TOUCHED = "SELECT DISTINCT customer_id FROM touched_rows"
_TOUCHED_BEFORE_OR_AFTER = "SELECT customer_id FROM touched_rows_old UNION SELECT customer_id FROM touched_rows_new"


def _marks(name: str, operation: pgtrigger.Operation) -> pgtrigger.Trigger:
    """A statement trigger: whoever changes facts, by whatever door, marks the customers concerned."""
    if operation is pgtrigger.Update:
        tables, touched = {"old": "touched_rows_old", "new": "touched_rows_new"}, _TOUCHED_BEFORE_OR_AFTER
    else:
        tables, touched = {"new" if operation is pgtrigger.Insert else "old": "touched_rows"}, _TOUCHED
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=operation,
        referencing=pgtrigger.Referencing(**tables),  # type: ignore[no-untyped-call]
        func=_MARK_TOUCHED.format(touched=touched),
    )


def _marks_of_facts() -> list[pgtrigger.Trigger]:
    return [
        _marks("mark_inserted", pgtrigger.Insert),
        _marks("mark_updated", pgtrigger.Update),
        _marks("mark_deleted", pgtrigger.Delete),
    ]


class Order(models.Model):
    """A fact of one source. Amounts are net of discounts; `profit` = paid − cost."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Not paid")
        PAID = "paid", _("Paid")
        CANCELLED = "cancelled", _("Cancelled")
        # Ours, never told by a source: its amount has to be confirmed before it counts.
        HELD = "held", _("To be confirmed")

    NO_VERSION = -1

    source = models.CharField(max_length=40)
    external_id = models.CharField(max_length=80)
    # The newest that the shop has told with a version; -1 while only files without versions have spoken of the order.
    version = models.BigIntegerField()
    # How often such files have changed it since, and which import, if one, told it last.
    file_changes = models.PositiveIntegerField(default=0, db_default=0)
    import_run = models.BigIntegerField(null=True, blank=True)
    # As of when the shop had last changed it, by the file that told it last; nothing where that did not say it.
    modified_at = models.DateTimeField(null=True, blank=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="orders", db_index=False)
    status = models.CharField(max_length=10, choices=Status)
    ordered_at = models.DateTimeField()
    ordered_on = models.DateField(help_text="Mall-local day of ordered_at")
    paid = MoneyField()
    cost = MoneyField()
    profit = MoneyField()
    # One bit per category (id modulo 63): breadth without reading the lines.
    category_mask = models.BigIntegerField(default=0)
    fully_refunded_on = models.DateField(null=True, blank=True)
    received_at = models.DateTimeField()
    # Somebody tried the shop: cancelled for ever, whatever its source says of it later.
    is_test = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "external_id"], name="one_order_per_identity"),
            models.CheckConstraint(condition=Q(paid__gte=0), name="order_paid_not_negative"),
            models.CheckConstraint(condition=Q(profit=F("paid") - F("cost")), name="order_profit_is_paid_less_cost"),
            models.CheckConstraint(
                condition=Q(version__gte=0) | Q(version=-1, file_changes__gt=0), name="order_has_a_version_or_a_file"
            ),
        ]
        indexes = [
            models.Index(
                fields=["customer", "ordered_on"],
                include=["paid", "profit", "category_mask", "fully_refunded_on"],
                condition=Q(status="paid"),
                name="order_purchases",
            ),
            models.Index(fields=["customer", "-ordered_at"], name="order_by_customer"),
            models.Index(fields=["-ordered_at", "-id"], name="order_newest"),
            models.Index(fields=["external_id"], name="order_number"),
            BrinIndex(fields=["ordered_on"], name="order_days"),
            BrinIndex(fields=["received_at"], name="order_arrivals"),
        ]
        triggers = [
            *_marks_of_facts(),
            pgtrigger.Trigger(
                name="a_test_stays_cancelled",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(new__is_test=True),
                func="NEW.status := 'cancelled'; RETURN NEW;",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source}:{self.external_id}"


class OrderLine(models.Model):
    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, models.PROTECT)
    quantity = models.PositiveIntegerField()
    amount = MoneyField()

    def __str__(self) -> str:
        return f"{self.quantity} × {self.product}"


class Refund(models.Model):
    """Money back, on its own date. `profit_effect` = cost of the goods that came back − amount."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="refunds", db_index=False)
    external_id = models.CharField(max_length=80)
    customer = models.ForeignKey(Customer, models.PROTECT, db_index=False)
    purchased_on = models.DateField()
    refunded_at = models.DateTimeField()
    refunded_on = models.DateField()
    amount = MoneyField()
    profit_effect = MoneyField()
    reason = models.CharField(max_length=200, blank=True, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "external_id"], name="one_refund_per_identity"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_is_positive"),
        ]
        indexes = [
            models.Index(fields=["customer", "refunded_on"], name="refund_by_customer"),
            BrinIndex(fields=["refunded_on"], name="refund_days"),
        ]
        triggers = _marks_of_facts()

    def __str__(self) -> str:
        return f"{self.order} −{self.amount}"


class Bought(models.Model):
    """What a customer has bought of a product, by the lines of orders that are paid and not sent back as a whole.

    Derived by one SQL file; an order that was told without lines is not in it.
    """

    product = models.ForeignKey(Product, models.CASCADE, db_index=False)
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="bought", db_index=False)
    first_on = models.DateField()
    last_on = models.DateField()
    days = models.IntegerField()
    paid = MoneyField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["product", "customer"], include=["last_on", "days", "paid"], name="bought_once"
            ),
        ]
        indexes = [models.Index(fields=["customer", "product"], name="bought_by_customer")]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.product_id}"


class DirtyMark(models.Model):
    """Append-only: a customer whose facts changed. The night deletes exactly the rows it has seen."""

    customer_id = models.BigIntegerField()
    marked_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.customer_id)


class Summary(models.Model):
    """What the purchase days of one customer add up to, as of `SummaryState.as_of`.

    A row exists exactly for customers with at least one purchase day. Sums of logarithms are
    integers (10⁻⁹) and the float sums are added in the order of the days, so that recomputing
    from the same facts gives the same bits.
    """

    customer = models.OneToOneField(Customer, models.CASCADE, primary_key=True, related_name="summary")
    purchase_days = models.IntegerField()
    order_count = models.IntegerField()
    first_on = models.DateField()
    last_on = models.DateField()
    log_gap_sum = models.BigIntegerField()
    log_gap_square_sum = models.BigIntegerField()
    paid_sum = MoneyField()
    profit_sum = MoneyField(help_text="Of purchase days, net of refunds")
    profit_square_sum = models.FloatField(help_text="Of purchase days, minor units squared")
    decayed_profit = models.FloatField(help_text="Minor units, each day halved every half-life, seen from last_on")
    category_mask = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.purchase_days}"


class SummaryState(models.Model):
    """One row: the day and the half-life that every row of Summary speaks of."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    as_of = models.DateField()
    half_life_days = models.FloatField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_summary_state")]

    def __str__(self) -> str:
        return f"{self.as_of}"
