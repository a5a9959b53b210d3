"""Whom coupons are handed out to: customers who have something in common, in the reach of who hands out."""

from datetime import date
from typing import Any

from django.db.models import QuerySet

from core.accounts.models import User
from core.lib.conditions.catalogue import Catalogue
from core.lib.conditions.fields import Context
from core.lib.conditions.tree import All, Leaf, Node
from customers import queries
from customers.lists import conditions as of_customers
from customers.models import Customer, Standing
from loyalty import conditions as of_loyalty
from loyalty.tiers import membership

KNOWN = Catalogue((*of_customers.FIELDS, *of_loyalty.FIELDS))


def tree(group: dict[str, Any]) -> Node:
    """What the customers of `group` have in common, in the language of conditions; empty is no bound.

    `group` may name `customer_class`, `level` (a rank), `absent_days` and `region`.
    """
    leaves = []
    if group.get("customer_class"):
        name = Standing.Class(int(group["customer_class"])).name.lower()
        leaves.append(Leaf("class", "any", (name,)))
    if region := str(group.get("region", "")).strip():
        leaves.append(Leaf("province", "any", (region,)))
    if group.get("absent_days") is not None:
        leaves.append(Leaf("quiet", "gt", (str(group["absent_days"]),)))
    rules = membership.applied()
    if group.get("level") and rules:
        leaves.append(Leaf("level", "any", (rules.levels[int(group["level"])]["code"],)))
    return All(tuple(leaves))


def people(group: dict[str, Any], *, by: User, today: date) -> QuerySet[Customer]:
    """The customers whom a campaign of this user reaches and who have all of `group` in common."""
    rows = queries.addressed(by, today).filter(KNOWN.compile(tree(group), Context(today, by.pk)))
    return Customer.objects.filter(pk__in=rows.values("pk"))
