"""The alert is measured only after what it was fitted on, and its level and its dial are chosen from that."""

import numpy as np
import pytest

from segmentation.maths import rolling
from segmentation.maths.backtest import AlertRow
from segmentation.maths.histories import Histories


def weekly(customers: int = 120, days: int = 400) -> Histories:
    """Buyers of every week or so, a third of whom leave in the middle."""
    dice = np.random.default_rng(6)
    rows = []
    for who in range(customers):
        day, last = int(dice.integers(0, 14)), days if who % 3 else int(dice.integers(150, 300))
        while day < last:
            rows.append((who, day))
            day += int(dice.integers(4, 11))
    table = np.array(rows)
    return Histories(table[:, 0], table[:, 1], np.ones(len(table)), np.ones(len(table), dtype=np.int64), customers)


def test_nothing_that_fired_before_the_first_fit_is_counted() -> None:
    histories = weekly()

    late = rolling.rows(histories, from_day=350, until_day=400, accepted=1.0, levels=(0.05,), dials=(1.0,))
    all_of_it = rolling.rows(histories, from_day=100, until_day=400, accepted=1.0, levels=(0.05,), dials=(1.0,))

    assert late[0].alerts <= 5
    assert all_of_it[0].alerts >= 30
    assert all_of_it[0].precision > 0.8
    assert all_of_it[0].days == 300


def test_what_comes_later_does_not_change_what_a_stretch_said() -> None:
    histories = weekly()
    known = histories.until(300)

    [row] = rolling.rows(histories, from_day=100, until_day=300, accepted=1.0, levels=(0.1,), dials=(1.0,))
    [same] = rolling.rows(known, from_day=100, until_day=300, accepted=1.0, levels=(0.1,), dials=(1.0,))

    assert row == same


def measured(*figures: tuple[float, float, float, float]) -> list[AlertRow]:
    return [AlertRow(level, 100, 0, precision, reach, 0, dial) for level, dial, precision, reach in figures]


@pytest.mark.parametrize(
    ("rows", "chosen"),
    [
        # Enough is reached by what the rules accept: the largest level that is right often enough.
        ([(0.3, 1, 0.4, 0.9), (0.2, 1, 0.6, 0.7), (0.1, 1, 0.9, 0.6), (0.3, 2, 0.55, 0.95)], (0.2, 1, 0.6)),
        # The level does not bind and reaches eight in a hundred: more false alarms are worth it, while it is right enough.
        ([(0.3, 1, 0.8, 0.08), (0.1, 1, 0.8, 0.08), (0.3, 4, 0.6, 0.7), (0.3, 2, 0.7, 0.4)], (0.3, 4, 0.6)),
        # Wrong too often at any level: fewer.
        ([(0.3, 1, 0.3, 0.9), (0.01, 1, 0.35, 0.8), (0.01, 0.25, 0.6, 0.5)], (0.01, 0.25, 0.6)),
        # No level reaches the floor: the one that is right most often, and how often that is.
        ([(0.3, 1, 0.1, 0.9), (0.01, 0.25, 0.4, 0.2)], (0.01, 0.25, 0.4)),
        ([], (0.10, 1.0, None)),
    ],
)
def test_the_choice(rows: list[tuple[float, float, float, float]], chosen: tuple[float, float, float | None]) -> None:
    assert rolling.choose(measured(*rows), 0.5) == chosen
