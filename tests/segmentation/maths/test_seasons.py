"""A season counts as the months it sells as much as, in the past as in what is to come."""

import numpy as np
import pytest

from bench import shops
from bench.replay import known_on
from segmentation import fitting, rules
from segmentation.maths import seasons, value
from segmentation.maths.histories import state_at

DOUBLE_ELEVEN = seasons.Season(first_day=300, times=30.0)


def test_each_year_has_one_season_wherever_it_begins() -> None:
    begins = np.arange(-1000, 1000)

    lengths = DOUBLE_ELEVEN.counted(begins + seasons.YEAR) - DOUBLE_ELEVEN.counted(begins)

    assert lengths == pytest.approx(np.full(2000, seasons.YEAR + 29 * seasons.DAYS))


@pytest.mark.parametrize(
    ("first", "last", "days"), [(100, 200, 100), (300, 314, 420), (290, 307, 10 + 210), (0, 400, 806)]
)
def test_a_day_of_the_season_counts_as_thirty(first: int, last: int, days: float) -> None:
    assert DOUBLE_ELEVEN.counted(last) - DOUBLE_ELEVEN.counted(first) == pytest.approx(days)


@pytest.mark.parametrize("name", ["small", "young", "once only", "on one day", "CDNOW", "three weeks"])
def test_a_shop_without_a_season_has_none(name: str) -> None:
    shop = shops.SHOPS[name]()
    histories = known_on(shop, shop.nights, returned=False)

    assert seasons.find(histories.customer, histories.day, shop.nights) is None


def test_right_after_a_season_nobody_is_worth_four_times_what_comes() -> None:
    shop, night = shops.season(), 300
    histories = known_on(shop, night, returned=False)
    parameters = fitting.fit_histories(histories, night, night + 1, rules.DEFAULTS)
    state = state_at(histories, night, parameters.half_life_days)
    later = (shop.day > night) & (shop.day <= night + shops.HORIZON) & np.isin(shop.customer, state.customer)
    came = (shop.cents[later] * 1.1 ** (-(shop.day[later] - night) / 365)).sum()

    said = fitting.worth(state, parameters, night, 0.10).value.sum()

    assert parameters.season is not None
    assert parameters.season.first_day == 280
    assert 0.8 < said / came < 2
    assert fitting.Parameters.from_json(parameters.to_json()) == parameters
    assert len(parameters.horizons(night)) == len(value.MONTHS)
