"""The alert measured as it would have worked: on each stretch of the past by what was fitted before it, then chosen."""

from collections.abc import Sequence
from typing import NamedTuple

from segmentation.maths import backtest, gaps
from segmentation.maths.backtest import AlertRow
from segmentation.maths.histories import Histories, state_at

# A stretch of the past between two fits.
STRETCH = 56
# Times the false alarms that the rules accept.
DIALS = (0.25, 0.5, 1.0, 2.0, 4.0)
# As much of who is gone is enough to leave the dial alone.
ENOUGH = 0.6
# Of so many silences in a stretch the shares are known well enough.
MOST = 100_000


def rows(
    histories: Histories,
    *,
    from_day: int,
    until_day: int,
    accepted: float,
    least_gaps: int = 2,
    levels: Sequence[float] = backtest.LEVELS,
    dials: Sequence[float] = DIALS,
) -> list[AlertRow]:
    """One row per level and dial: the alerts from `from_day` on, each by the gaps known at the start of its stretch.

    Empty where nothing was known at the start. `accepted` are the false alarms per customer and year of the rules.
    """
    total: dict[tuple[float, float], AlertRow] = {}
    for start in range(from_day, until_day, STRETCH):
        known = state_at(histories, start, half_life_days=30.0)
        population = gaps.learnt(known.gap_count, known.log_gap_sum, known.log_gap_square_sum)
        stretch = backtest.alert_rows(
            histories,
            population,
            from_day=start,
            until_day=until_day,
            before_day=min(start + STRETCH, until_day + 1),
            budget=accepted,
            least_gaps=least_gaps,
            levels=levels,
            dials=dials,
            most=MOST,
        )
        for row in stretch:
            before = total.get((row.a_max, row.dial))
            total[row.a_max, row.dial] = before + row if before else row
    return list(total.values())


class Choice(NamedTuple):
    """The level and the dial of the alert; how often it was right, None while too little could be measured."""

    a_max: float
    dial: float
    precision: float | None


def choose(measured: Sequence[AlertRow], floor: float) -> Choice:
    """The largest level that was right often enough, the dial moved only where that reaches too few of who is gone.

    Where nothing was right often enough, what was right most often; 10 % while there is too little to measure.
    """
    known = [row for row in measured if row.alerts >= backtest.LEAST_ALERTS]
    if not known:
        return Choice(backtest.FALLBACK_LEVEL, 1.0, None)
    good = [row for row in known if row.precision >= floor]
    asked = [row for row in known if row.dial == 1.0]
    level = backtest.choose_level(asked, floor)
    best = next((row for row in good if (row.a_max, row.dial) == (level, 1.0)), None)
    if best and max(row.reach for row in good if row.dial == 1.0) >= ENOUGH:
        return Choice(best.a_max, best.dial, best.precision)
    if good:
        best = max(good, key=lambda row: (round(row.reach, 2), -abs(row.dial - 1), row.a_max))
    else:
        best = max(known, key=lambda row: (row.precision, row.alerts))
    return Choice(best.a_max, best.dial, best.precision)
