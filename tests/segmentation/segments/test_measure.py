"""An estimate says how far off it may be, and the truth lies within that, 19 times of 20."""

import os
from typing import Any

import numpy as np
import pytest
from django.db.models import BooleanField, Q
from django.db.models.expressions import RawSQL

from core.lib.conditions.catalogue import Catalogue
from core.lib.conditions.fields import Context, Cost, Field
from core.lib.conditions.kinds import Kind
from core.lib.conditions.tree import Leaf
from crm.flows.catalogue import CUSTOMERS
from customers.models import Customer, Standing
from segmentation.segments import measure
from tests.conftest import TODAY, MakeCustomer

MANY = "LAOKE_MANY_TREES" in os.environ
PEOPLE, SHARES = (20_000, 20) if MANY else (2_500, 4)
ROWS = Standing.objects.all()


def test_the_truth_lies_in_the_interval() -> None:
    """12: a thousand draws of 2 % from 50,000 customers, for shares from one in a hundred to nearly all."""
    chance = np.random.default_rng(12)
    for share in (0.01, 0.05, 0.3, 0.7, 0.98):
        inside = 0
        for hits in chance.hypergeometric(int(50_000 * share), int(50_000 * (1 - share)), 1000, 1000):
            low, high = measure.interval(int(hits), 1000)
            inside += low <= share <= high
        assert inside >= 920, share
    assert measure.interval(0, 0) == (0.0, 1.0)
    low, high = measure.interval(0, 1000)
    assert low == 0
    assert 0.003 < high < 0.004


@pytest.mark.django_db
def test_the_truth_lies_in_what_the_database_estimates() -> None:
    """12: each of the fifty samples there are, for several shares of all customers."""
    people = Customer.objects.bulk_create(
        [Customer(pk=n, number=f"N{n:07}", name=f"N{n}", registered_on=TODAY) for n in range(1, PEOPLE + 1)]
    )
    chance = np.random.default_rng(5)
    Standing.objects.bulk_create(
        [
            Standing(customer=person, paid_sum=int(sum_))
            for person, sum_ in zip(people, chance.integers(0, 100, PEOPLE), strict=True)
        ]
    )
    context, inside, draws = Context(TODAY), 0, 0
    for bound in np.linspace(10, 90, SHARES).astype(int):
        node = Leaf("paid", "ge", (f"{bound}.00",))
        truth = measure.measure(ROWS, node, CUSTOMERS, context).size
        for first in range(0, 1000, 20):
            told = measure.estimate(ROWS, node, CUSTOMERS, context, first_bucket=first)
            inside += told.low <= truth <= told.high
            draws += 1
    assert inside >= 0.92 * draws
    again = [measure.estimate(ROWS, node, CUSTOMERS, context).size for _time in range(2)]
    assert again[0] == again[1]


@pytest.mark.django_db
def test_what_takes_longer_than_it_may_is_estimated(
    make_customer: MakeCustomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """12: the exact count ends at its limit, what stays says that it is an estimate, and the connection goes on."""
    make_customer("Ann")
    monkeypatch.setattr(measure, "LONGEST_MS", 60)

    def slow(leaf: Leaf, context: Context) -> Q:
        return Q(RawSQL("EXISTS (SELECT 1 FROM pg_sleep(0.2))", (), BooleanField()))

    catalogue = Catalogue((Field("slow", "Slow", Kind.NUMBER, slow, cost=Cost.HEAVY),))
    node: Any = Leaf("slow", "ge", ("1",))

    told = measure.measure(ROWS, node, catalogue, Context(TODAY))

    assert told.is_estimate
    assert told.few
    monkeypatch.setattr(measure, "LONGEST_MS", 5000)
    assert measure.measure(ROWS, node, catalogue, Context(TODAY)).size == 1
