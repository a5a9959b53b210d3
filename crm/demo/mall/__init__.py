"""A made-up mall for the demo: the same `today` gives the same people, orders and groups.

`imagine` draws the mall without touching the database; `load` stores it. Nobody in it exists: the phone
numbers lie in blocks that end in four zeros before the last four digits, and the e-mails end in example.com.
"""

from datetime import date, timedelta

import numpy as np

from crm.demo.mall import people, purchases, service
from crm.demo.mall.paper import DAYS, FULL, PAID, SEED, SMALL, Group, Mall, Size
from crm.demo.mall.storing import load

__all__ = ["DAYS", "FULL", "PAID", "SMALL", "Group", "Mall", "Size", "imagine", "load"]


def imagine(today: date, size: Size = FULL) -> Mall:
    """Draw the mall whose last orders are of yesterday."""
    rng = np.random.default_rng(SEED)
    first_day = today - timedelta(days=DAYS)
    groups = people.groups(rng, size)
    registered = people.registrations(rng, groups)
    drawn = people.draw(rng, today, groups, registered)
    owner, day = purchases.purchase_days(rng, first_day, groups, registered, size.pace)
    orders, lines = purchases.baskets(rng, first_day, drawn, owner, day)
    refunds = purchases.refunds(rng, drawn, orders, lines)
    mall = Mall(today, drawn, orders, lines, refunds)
    service.books(rng, mall, size)
    service.talks(rng, mall)
    return mall
