"""Which orders a case is about: any number of them, by their numbers, whether the record knows them yet or not."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _

from complaints.models import Case, CaseOrder
from core.lib.errors import Invalid
from customers import keys
from customers.models import Order, OrderLine

MOST = 20
LONGEST = 80
# Between numbers that somebody typed in one box.
_BETWEEN = re.compile(r"[\s,;，；、]+")


class About(NamedTuple):
    """One number of a case, and the order behind it as soon as one has arrived."""

    number: str
    order: Order | None


def typed(text: str) -> list[str]:
    """The numbers in what somebody typed into one box."""
    return numbers(_BETWEEN.split(text))


def numbers(texts: Iterable[str]) -> list[str]:
    """Their normal forms, each once, in the order they were told; what stands for no number is left out.

    Raises Invalid for more than a case is about, for one too long, and for one that a spreadsheet has rounded.
    """
    found: list[str] = []
    for text in texts:
        if keys.damaged(text):
            raise Invalid(
                _("The order number “%(number)s” was damaged by a spreadsheet. Type it as the shop writes it.")
                % {"number": text.strip()[:LONGEST]},
                code="number_damaged",
            )
        number = keys.order_key(text)
        if len(number) > LONGEST:
            raise Invalid(_("An order number has at most %(most)d characters.") % {"most": LONGEST}, code="order_long")
        if number and number not in found:
            found.append(number)
    if len(found) > MOST:
        raise Invalid(_("A case is about %(most)d orders at most.") % {"most": MOST}, code="too_many_orders")
    return found


def put(case: Case, told: Sequence[str]) -> None:
    """The stored case is about these orders and no others. Its `order_ref`, the first one, is set by the caller."""
    CaseOrder.objects.filter(case=case).exclude(number__in=told).delete()
    for position, number in enumerate(told):
        CaseOrder.objects.update_or_create(case=case, number=number, defaults={"position": position})


def numbers_of(case: Case) -> list[str]:
    return list(case.about_orders.order_by("position", "pk").values_list("number", flat=True))


def of(case: Case) -> list[About]:
    """The case's numbers, each with its order: the customer's own where several sources use the number."""
    told = numbers_of(case)
    rows = with_goods(Order.objects.filter(external_id__in=told)).select_related("customer").order_by("pk")
    known: dict[str, Order] = {}
    for order in rows:
        if order.external_id not in known or order.customer_id == case.customer_id:
            known[order.external_id] = order
    return [About(number, known.get(number)) for number in told]


def with_goods(orders: QuerySet[Order]) -> QuerySet[Order]:
    return orders.prefetch_related(Prefetch("lines", OrderLine.objects.select_related("product")))


def goods(order: Order) -> str:
    """What was bought, in a line."""
    return ", ".join(f"{line.product.name} × {line.quantity}" for line in order.lines.all())
