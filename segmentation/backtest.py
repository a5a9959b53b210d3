"""The rules measured on the shop's own history up to a cut, and what then really happened."""

from datetime import date, datetime
from typing import Any

import numpy as np
from django.db.models import Max
from django.utils.translation import gettext as _

from core.accounts.models import User
from core.lib.errors import Invalid
from core.lib.periods import mall_day
from customers.models import Order
from segmentation import fitting, frames, rules
from segmentation.maths import backtest as maths
from segmentation.maths import classes, purchases, rolling
from segmentation.maths.histories import Histories, State, profit_between, purchases_between, state_at
from segmentation.models import Backtest

LEAST_DAYS = 60


def run(cut_on: date, *, by: User | None, at: datetime) -> Backtest:
    """Fit on orders up to `cut_on`, forecast the days since, compare; the table is stored.

    Nothing up to the cut is measured. The alert is measured as it works, by gaps that are fitted anew every eight weeks;
    `chosen` is what the fit at the cut had chosen from what it knew.

    Raises Invalid unless at least 60 days lie on both sides of the cut and somebody bought before it.
    """
    last_on = Order.objects.filter(status=Order.Status.PAID).aggregate(day=Max("ordered_on"))["day"]
    history = fitting.history_days(cut_on)
    if last_on is None or (last_on - cut_on).days < LEAST_DAYS or history < LEAST_DAYS:
        raise Invalid(_("Choose a day with at least 60 days of orders before and after it."))
    constants = rules.constants(mall_day(at))
    sample = frames.purchases(last_on)
    histories = Histories(
        sample.customer, sample.day, sample.profit, sample.category_mask, customers=len(sample.customer_id)
    )
    cut, end = frames.day_number(cut_on), frames.day_number(last_on)
    before = histories.until(cut)
    parameters = fitting.with_chances(
        fitting.fit_histories(before, cut, history, constants), before, cut, history, constants
    )
    alerts = rolling.rows(
        histories,
        from_day=cut,
        until_day=end,
        accepted=constants["false_alarms_a_year"],
        least_gaps=int(constants["least_gaps"]),
    )
    level, dial = parameters.a_max, parameters.dial
    table: dict[str, Any] = {
        "cut_on": cut_on.isoformat(),
        "until": last_on.isoformat(),
        "customers": len(np.unique(histories.until(cut).customer)),
        "alerts": [
            {**row.to_dict(), "chosen": (row.a_max, row.dial) == (level, dial)}
            for row in alerts
            if row.dial == 1.0 or (row.a_max, row.dial) == (level, dial)
        ],
        "chosen": level,
        "floor": constants["precision_floor"],
        "misses_floor": parameters.misses_floor(constants),
        "windows": parameters.windows.to_json() if parameters.windows else None,
        "value": [],
        "calibration": [],
    }
    if parameters.bgnbd is not None:
        table |= _value_rows(histories, parameters, cut, end, history, constants)
    return Backtest.objects.create(cut_on=cut_on, at=at, by=by, table=table)


def _value_rows(
    histories: Histories, parameters: fitting.Parameters, cut: int, end: int, history: int, constants: dict[str, float]
) -> dict[str, Any]:
    """Errors of the value against simpler methods, what the top fifth held, and calibration of P(no purchase)."""
    state = state_at(histories, cut, parameters.half_life_days)
    days = end - cut
    real = profit_between(histories, cut, end)[state.customer]
    forecast = fitting.forecast_profit(state, parameters, cut, days)
    window = np.maximum(cut - state.first_day, 1) if history >= 730 else np.full(len(real), history)
    methods = {
        "value": forecast.value,
        "orders": forecast.from_orders,
        "own_rate": forecast.from_own_rate,
        "past_times_horizon": state.profit_sum * days / window,
    }
    big = classes.big_bar(forecast.value, constants["big_share"], constants["big_cap"])
    chosen = forecast.value >= big.bar
    positive = np.maximum(real, 0).sum()
    return {
        "value": [row.to_dict() for row in maths.value_rows(real, methods)],
        "big": {
            "customers": float(chosen.mean()),
            "profit": float(np.maximum(real[chosen], 0).sum() / positive) if positive > 0 else 0.0,
        },
        "calibration": _calibration(histories, parameters, state, cut, end),
    }


def _calibration(
    histories: Histories, parameters: fitting.Parameters, state: State, cut: int, end: int
) -> list[dict[str, float]]:
    """Ten bins of forecast P(no purchase until the end): forecast, observed, customers."""
    if parameters.bgnbd is None:
        return []
    forecast = purchases.p_no_purchase(
        parameters.bgnbd,
        state.gap_count.astype(float),
        (state.last_day - state.first_day) / 7,
        (cut - state.first_day) / 7,
        (end - cut) / 7,
    )
    none = purchases_between(histories, cut, end)[state.customer] == 0
    return [row.to_dict() for row in maths.calibration(forecast, none)]
