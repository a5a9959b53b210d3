"""What the mall sells: products and their categories, corrected by hand. What a source says later does not undo it."""

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import Invalid
from customers import locks
from customers.contact_points import plain
from customers.models import Category, Product

# Fields that an order may tell as well: corrected here, they stay.
TOLD_BY_ORDERS = ("name", "category")
# What the audit trail calls it when somebody writes a product; its `fields` are theirs.
BY_HAND = ("product.created", "product.changed")
# The categories of an order are bits of one number (see customers.orders): written anew where one of them is gone.
_REMASK = """
UPDATE customers_order o
   SET category_mask = fresh.mask
  FROM (SELECT l.order_id, coalesce(bit_or(1::bigint << (p.category_id %% 63)::int), 0) AS mask
          FROM customers_orderline l JOIN customers_product p ON p.id = l.product_id
         WHERE l.order_id IN (SELECT order_id FROM customers_orderline WHERE product_id = ANY(%s))
         GROUP BY 1) fresh
 WHERE o.id = fresh.order_id AND o.category_mask <> fresh.mask
"""


def products(*, text: str = "", category_id: int | None = None) -> QuerySet[Product]:
    """Products whose name or code has the text in it, by name."""
    rows = Product.objects.select_related("category").order_by("name", "pk")
    if text := plain(text):
        rows = rows.filter(Q(name__icontains=text) | Q(external_id__icontains=text))
    return rows.filter(category=category_id) if category_id is not None else rows


def categories() -> QuerySet[Category]:
    """Every category with `count`, the number of its products."""
    return Category.objects.annotate(count=Count("product")).order_by("name")


@transaction.atomic
def create(*, source: str, external_id: str, fields: Mapping[str, Any], by: User, at: datetime) -> Product:
    """A product that no order has told yet. Raises Invalid when the source has one of this code."""
    code = plain(external_id)[:80]
    if not code:
        raise Invalid(_("Give the product its code."), code="code_missing")
    product = Product(source=source, external_id=code)
    return _store(product, fields, by=by, at=at, action="product.created")


@transaction.atomic
def change(product: Product, fields: Mapping[str, Any], *, by: User, at: datetime) -> Product:
    """The product says what the fields say; a name or category given here stays when an order tells another one."""
    return _store(product, fields, by=by, at=at, action="product.changed")


def _store(product: Product, fields: Mapping[str, Any], *, by: User, at: datetime, action: str) -> Product:
    told = dict(fields)
    if "name" in told:
        told["name"] = plain(told["name"])[:200]
        if not told["name"]:
            raise Invalid(_("Give the product a name."), code="name_missing")
    for name in ("price", "cost"):
        if told.get(name) is not None and Decimal(told[name]) < 0:
            raise Invalid(_("A price or a cost is never negative."), code="negative_amount")
    if told.get("picture") and not str(told["picture"]).startswith("https://"):
        raise Invalid(_("The address of a picture begins with https://."), code="picture_not_https")
    changed = sorted(name for name, value in told.items() if getattr(product, name) != value)
    if product.pk and not changed:
        return product
    for name in changed:
        setattr(product, name, told[name])
    product.by_hand = sorted({*product.by_hand, *(name for name in changed if name in TOLD_BY_ORDERS)})
    try:
        with transaction.atomic():
            product.save()
    except IntegrityError:
        raise Invalid(_("This source has a product of this code already."), code="code_taken") from None
    audit.record(by, action, product, at=at, fields=changed)
    return product


@transaction.atomic
def rename_category(category: Category, *, name: str, by: User, at: datetime) -> Category:
    """The category is called so. Raises Invalid when another one is: then they are to be merged."""
    name = plain(name)[:80]
    if not name:
        raise Invalid(_("Give the category a name."), code="name_missing")
    before, category.name = category.name, name
    try:
        with transaction.atomic():
            category.save(update_fields=["name"])
    except IntegrityError:
        raise Invalid(_("There is a category of this name already. Merge the two."), code="name_taken") from None
    audit.record(by, "category.renamed", category, at=at, before=before, after=name)
    return category


@transaction.atomic
def merge_categories(gone: Category, stays: Category, *, by: User, at: datetime) -> int:
    """Every product of `gone` belongs to `stays`, which past orders count too; returns how many products that were."""
    if gone.pk == stays.pk:
        raise Invalid(_("Choose another category."), code="same_category")
    locks.hold_off_everyone()
    rows = list(Product.objects.select_for_update().filter(category=gone))
    for product in rows:  # an order that still tells the old category does not undo it
        product.category, product.by_hand = stays, sorted({*product.by_hand, "category"})
    Product.objects.bulk_update(rows, ["category", "by_hand"], batch_size=500)
    moved = [product.pk for product in rows]
    remask(moved)
    audit.record(by, "category.merged", stays, at=at, gone=gone.name, products=len(moved))
    gone.delete()
    return len(moved)


def remask(product_ids: Collection[int]) -> None:
    """Past orders count these products under the categories that they have now."""
    if product_ids:
        with connection.cursor() as cursor:
            cursor.execute(_REMASK, [list(product_ids)])
