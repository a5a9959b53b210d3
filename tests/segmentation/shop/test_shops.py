"""Shops of every kind, worked in memory by the functions of the night: a silence alerts nobody, nobody moves the others."""

from dataclasses import replace

import numpy as np
import pytest

from bench import shops
from bench.replay import worked


def test_sixty_silent_days_raise_hardly_an_alert_and_leave_classes_as_they_were() -> None:
    account = worked(replace(shops.silent(mended=True), nights=370), first=290, every=10)

    usual = account.alerts[300] / 10
    assert sum(account.alerts[night] for night in range(310, 360, 10)) / 50 <= 2 * usual
    assert account.active[350] >= 0.9 * account.active[300]
    assert account.value[350][0] == pytest.approx(account.value[300][0], rel=0.1)
    assert max(account.big.values()) <= 0.30


def test_a_recall_makes_nobody_quiet() -> None:
    account = worked(replace(shops.recall(), nights=300), first=290, every=5)

    assert account.alerts[300] <= 2 * max(account.alerts[295], 5)


def test_one_wholesaler_moves_nobody_else() -> None:
    alone, with_one = shops.people(400, 420, seed=5), shops.wholesaler()

    before, after = (worked(shop, first=400, every=400) for shop in (alone, with_one))

    assert after.value[400][0] == pytest.approx(before.value[400][0], rel=0.02)


@pytest.mark.parametrize("name", ["small", "young", "absurd", "season", "once only", "on one day", "three weeks"])
def test_no_night_makes_more_than_the_cap_big(name: str) -> None:
    shop = shops.SHOPS[name]()

    account = worked(shop, first=max(shop.nights - 30, 20), every=30)

    assert max(account.big.values()) <= 0.30
    assert np.isfinite([figure for pair in account.value.values() for figure in pair]).all()
