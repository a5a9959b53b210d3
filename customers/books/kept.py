"""How many of those somebody looked after a year ago still buy: by the manager of then, whoever has them now."""

from collections.abc import Collection
from datetime import date, timedelta
from typing import NamedTuple

from django.db.models import Count, Exists, OuterRef, Q

from core.accounts.models import User
from customers.models import ManagerSpan, Order

YEAR = timedelta(days=365)


class Kept(NamedTuple):
    """Of `bought` customers of a year ago, who had bought in the year to then, `again` have bought since."""

    again: int = 0
    bought: int = 0


def by_manager(people: Collection[User], *, as_of: date) -> dict[int, Kept]:
    """For each of these people who had such customers on the day a year before `as_of`."""
    then = as_of - YEAR
    orders = Order.objects.filter(
        customer=OuterRef("customer"), status=Order.Status.PAID, fully_refunded_on=None, is_test=False
    )
    before = Exists(orders.filter(ordered_on__gt=then - YEAR, ordered_on__lte=then))
    since = Exists(orders.filter(ordered_on__gt=then, ordered_on__lte=as_of))
    rows = ManagerSpan.objects.filter(
        before, manager__in=[person.pk for person in people], days__contains=then, customer__merged_into=None
    )
    counts = rows.annotate(since=since).order_by().values("manager")
    told = counts.annotate(again=Count("pk", filter=Q(since=True)), bought=Count("pk"))
    return {manager: Kept(again, bought) for manager, again, bought in told.values_list("manager", "again", "bought")}
