"""The weekly fit: what the shop's own history says about gaps, purchases, profit, potential and the alert level."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
from django.db.models import Min
from numpy.typing import NDArray

from customers.models import Order
from segmentation import chances, frames
from segmentation.maths import backtest, gaps, potential, profit, purchases, rolling, seasons, value
from segmentation.maths.histories import Histories, State, profit_between, state_at
from segmentation.models import Fit
from segmentation.shop import feeds, notes

Array = NDArray[Any]
log = logging.getLogger(__name__)

EVERY = timedelta(days=7)
WEIGHTS = tuple(step / 20 for step in range(21))
# Customers who came back count beside so many of whom nothing is known; no shorter a period says anything.
WITHOUT, LEAST_PERIOD = 200, 20
EXACT_UP_TO = 20_000
# The look-alikes are taken as of so many days before the last day that a period has passed since.
LOOKED_BACK = (0, 14, 28, 42, 56)
# Of what is stored: a fit of another form is kept for its nights, and used for none to come.
FORM = 3
FORM_OF_POTENTIAL = 2


@dataclass(frozen=True)
class Parameters:
    """Everything the score of a customer depends on besides the customer and the rules."""

    gaps: gaps.GapPopulation
    bgnbd: purchases.BgNbd | None
    credibility: profit.Credibility
    weight: float
    a_max: float
    half_life_days: float
    history_days: int
    potential: potential.PotentialTable | None
    # Times the false alarms that the rules accept, and how often the alert was right so; None where not measured.
    dial: float = 1.0
    precision: float | None = None
    # Of the purchases that are expected of all: how unsure they are (deviation of the logarithm), and how much of what
    # is known of them the shop has said itself.
    spread: float = 0.0
    shop_share: float = 1.0
    season: seasons.Season | None = None
    # What the shop's closed windows say of the chance of no purchase; None: the formula alone.
    windows: chances.Learnt | None = None
    # Times as many as gaps and leaving together expect were back by their limit; None: not asked.
    returning: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "form": FORM,
            "gaps": vars(self.gaps),
            "bgnbd": vars(self.bgnbd) if self.bgnbd else None,
            "credibility": vars(self.credibility),
            "weight": self.weight,
            "a_max": self.a_max,
            "half_life_days": self.half_life_days,
            "history_days": self.history_days,
            "potential": self.potential.to_dict() if self.potential else None,
            "dial": self.dial,
            "precision": self.precision,
            "spread": self.spread,
            "shop_share": self.shop_share,
            "season": vars(self.season) if self.season else None,
            "windows": self.windows.to_json() if self.windows else None,
            "returning": self.returning,
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Parameters":
        table = stored["potential"] if stored.get("form", 1) >= FORM_OF_POTENTIAL else None
        return cls(
            gaps=gaps.GapPopulation(**stored["gaps"]),
            bgnbd=purchases.BgNbd(**stored["bgnbd"]) if stored["bgnbd"] else None,
            credibility=profit.Credibility(**stored["credibility"]),
            weight=stored["weight"],
            a_max=stored["a_max"],
            half_life_days=stored["half_life_days"],
            history_days=stored["history_days"],
            potential=potential.PotentialTable.from_dict(table) if table else None,
            dial=stored.get("dial", 1.0),
            precision=stored.get("precision"),
            spread=stored.get("spread", 0.0),
            shop_share=stored.get("shop_share", 1.0),
            season=seasons.Season(**stored["season"]) if stored.get("season") else None,
            windows=chances.Learnt.from_json(stored["windows"]) if stored.get("windows") else None,
            returning=stored.get("returning"),
        )

    def weeks(self, from_day: Array, until_day: Array | int) -> Array:
        """From one day to the other, as they count for purchases: a day of a season for many."""
        return _weeks(self.season, from_day, until_day)

    def horizons(self, today: int) -> Array:
        """Weeks from that day to the ends of value.MONTHS, counted in the same way."""
        return self.weeks(np.array(float(today)), today + np.array(value.MONTHS) * value.WEEKS_A_MONTH * 7)

    def tail(self, rules: Mapping[str, float]) -> tuple[float, float]:
        """The tail level and the false alarms accepted: as the rules say, or as the backtest chose where they leave it."""
        accepted = rules["false_alarms_a_year"]
        return (rules["a_max"], accepted) if rules["a_max"] else (self.a_max, self.dial * accepted)

    def returns(self, gap_count: Array) -> Array:
        """Of the silences within the limit, the share that ends in a purchase: some leave for good, which no gap tells."""
        if self.returning is None or self.bgnbd is None:
            return np.ones(len(gap_count))
        return np.minimum(self.returning * purchases.stays(self.bgnbd, gap_count), 1.0)

    def misses_floor(self, rules: Mapping[str, float]) -> bool:
        """Whether the backtest chose, and nothing it could choose was right as often as the rules ask."""
        return not rules["a_max"] and self.precision is not None and self.precision < rules["precision_floor"]


def _weeks(season: seasons.Season | None, from_day: Array, until_day: Array | int) -> Array:
    days: Array = season.counted(until_day) - season.counted(from_day) if season else until_day - from_day
    return days / 7


def for_night(as_of: date, rules: Mapping[str, float]) -> Fit:
    """The fit that the night of `as_of` uses: the newest one of the last week, or a new one made now.

    While the shop's data says too little nothing is learnt from it: the newest one stays, however old.
    """
    return _usable(as_of) or Fit.objects.update_or_create(as_of=as_of, defaults=make(as_of, rules))[0]


def _usable(as_of: date) -> Fit | None:
    newest = Fit.objects.filter(as_of__lte=as_of, parameters__form=FORM).order_by("-as_of").first()
    if newest is None or newest.as_of > as_of - EVERY:
        return newest
    yesterday = as_of - timedelta(days=1)
    return newest if feeds.says_too_little(feeds.with_silent_days(yesterday, over=True), yesterday) else None


def half_life_for(as_of: date) -> float:
    """The half-life of the fit the night will use; it moves with the fit, not every day."""
    recent = _usable(as_of)
    return recent.parameters["half_life_days"] if recent else profit.half_life(history_days(as_of))


def history_days(as_of: date) -> int:
    """Days from the first paid order to `as_of`, at most 730."""
    first = Order.objects.filter(status=Order.Status.PAID, ordered_on__lte=as_of).aggregate(day=Min("ordered_on"))
    return min((as_of - first["day"]).days + 1, 730) if first["day"] else 1


def make(as_of: date, rules: Mapping[str, float]) -> dict[str, Any]:
    """The columns of a Fit made from the orders up to `as_of`; the defaults of a young shop where too little is known."""
    sample = frames.purchases(as_of)
    histories = Histories(
        sample.customer, sample.day, sample.profit, sample.category_mask, customers=len(sample.customer_id)
    )
    today = frames.day_number(as_of)
    history = history_days(as_of)
    parameters = with_chances(fit_histories(histories, today, history, rules), histories, today, history, rules)
    return {"parameters": parameters.to_json(), "diagnostics": {"season": notes.season(histories.day, until=today)}}


def fit_histories(histories: Histories, today: int, history: int, rules: Mapping[str, float]) -> Parameters:
    """All parameters from the purchase days up to `today`; those of money from what is within the shop's own reach."""
    histories = histories.ordinary()
    half_life = profit.half_life(history)
    now = state_at(histories, today, half_life)
    measured = rolling.rows(
        histories,
        from_day=max(today - 365, today - history * 2 // 3),
        until_day=today,
        accepted=rules["false_alarms_a_year"],
        least_gaps=int(rules["least_gaps"]),
    )
    chosen = rolling.choose(measured, rules["precision_floor"])
    period = int(rules["potential_period_days"])
    money = histories.within_reach()
    season = seasons.find(money.customer, money.day, today)
    # Right after a season the own rate is that of the season.
    weight = 0.0 if season else _weight(money, today, period, history, half_life)
    earned = state_at(money, today, half_life)
    learnt = _learnt(earned, today, season)
    basic = Parameters(
        gaps=gaps.learnt(now.gap_count, now.log_gap_sum, now.log_gap_square_sum),
        bgnbd=learnt.params if learnt else None,
        spread=learnt.spread if learnt else 0.0,
        shop_share=learnt.own_share if learnt else 0.0,
        season=season,
        credibility=profit.learnt(earned.purchase_days, earned.profit_sum, earned.profit_square_sum),
        weight=weight,
        a_max=chosen.a_max,
        dial=chosen.dial,
        precision=chosen.precision,
        half_life_days=half_life,
        history_days=history,
        potential=None,
    )
    return _with_potential(basic, money, today, period, rules)


def with_chances(
    parameters: Parameters, histories: Histories, today: int, history: int, rules: Mapping[str, float]
) -> Parameters:
    """The same, with what the shop's closed windows and silences say of who comes back.

    Trees are for shops without a season: windows that closed outside one say little of those inside. Where learning
    fails the formula stands alone.
    """
    histories, first_day = histories.ordinary(), today - history + 1
    trees = parameters.season is None and parameters.bgnbd is not None
    try:
        learnt = chances.learn(histories, today, first_day, trees=trees)
    except (ArithmeticError, ValueError, np.linalg.LinAlgError):
        log.exception("the chances were not learnt: the formula stands alone")
        learnt = chances.Learnt()
    returning = chances.returning(histories, parameters.gaps, parameters.bgnbd, parameters.tail(rules), today=today)
    return replace(parameters, windows=learnt, returning=returning)


def worth(state: State, parameters: Parameters, today: int, discount: float) -> value.Worth:
    """Current value of every customer of a state, as the night works it out."""
    return value.of(
        bgnbd=parameters.bgnbd,
        credibility=parameters.credibility,
        weight=parameters.weight,
        half_life_days=parameters.half_life_days,
        history_days=parameters.history_days,
        discount=discount,
        purchase_days=state.purchase_days,
        quiet_days=(today - state.last_day).astype(float),
        span_days=(state.last_day - state.first_day).astype(float),
        profit_sum=state.profit_sum,
        decayed_profit=state.decayed_profit,
        weeks=(parameters.weeks(state.first_day, state.last_day), parameters.weeks(state.first_day, today)),
        horizons=parameters.horizons(today),
    )


def _learnt(state: State, today: int, season: seasons.Season | None = None) -> purchases.Learnt | None:
    """How customers go on; None where there is none."""
    if not len(state.customer):
        return None
    # Rounding to whole weeks is for large samples: it shifts the parameters by up to two percent.
    exact = len(state.customer) <= EXACT_UP_TO
    span, age = _weeks(season, state.first_day, state.last_day), _weeks(season, state.first_day, today)
    return purchases.learnt(state.gap_count, span, age, exact=exact)


def _weight(histories: Histories, today: int, period: int, history: int, half_life: float) -> float:
    """The share of the own rate, in whole percents: what erred least one period back, a third of the history at most.

    The own rate has to earn it: by how many came back until then, beside WITHOUT of whom nothing is known.
    """
    days = min(period, history // 3)
    if days < LEAST_PERIOD:
        return 0.0
    past = state_at(histories, today - days, half_life)
    learnt = _learnt(past, today - days)
    if learnt is None:
        return 0.0
    parameters = Parameters(
        gaps=gaps.FALLBACK,
        bgnbd=learnt.params,
        credibility=profit.learnt(past.purchase_days, past.profit_sum, past.profit_square_sum),
        weight=0.0,
        a_max=backtest.FALLBACK_LEVEL,
        half_life_days=half_life,
        history_days=history - days,
        potential=None,
    )
    later = profit_between(histories, today - days, today)[past.customer]
    forecast = forecast_profit(past, parameters, today - days, days)
    errors = [
        float(np.abs((1 - w) * forecast.from_orders + w * forecast.from_own_rate - later).mean()) for w in WEIGHTS
    ]
    came_back = int((past.gap_count > 0).sum())
    return round(WEIGHTS[int(np.argmin(errors))] * came_back / (came_back + WITHOUT), 2)


def forecast_profit(state: State, parameters: Parameters, today: int, days: int) -> value.Worth:
    """Undiscounted profit of the next `days`, by orders and by own rate, for backtests; needs a fitted BG/NBD."""
    if parameters.bgnbd is None:
        raise ValueError("a forecast needs fitted purchases")
    x = state.gap_count.astype(float)
    span, age = parameters.weeks(state.first_day, state.last_day), parameters.weeks(state.first_day, today)
    horizons = parameters.weeks(np.array(float(today)), today + np.array([value.WEEKS_A_MONTH * 7, days]))
    expected = purchases.expected_at(parameters.bgnbd, x, span, age, horizons)
    per_order = profit.shrunk(parameters.credibility, state.purchase_days, state.profit_sum / state.purchase_days)
    decayed = state.decayed_profit * np.exp2(-(today - state.last_day) / parameters.half_life_days)
    daily = profit.decayed_rate(decayed, parameters.half_life_days, parameters.history_days)
    from_orders = expected[:, 1] * per_order
    months = expected[:, 1] / np.maximum(expected[:, 0], 1e-12)
    from_own_rate = daily * value.DAYS_A_MONTH * months
    weight = parameters.weight
    blended = (1 - weight) * from_orders + weight * from_own_rate
    return value.Worth(blended, from_orders, from_own_rate, expected, expected[:, 1], months, per_order, daily)


def _with_potential(
    parameters: Parameters, histories: Histories, today: int, period: int, rules: Mapping[str, float]
) -> Parameters:
    """Add the table of look-alikes: customers as they were one period ago, and what each brought since.

    Of several days, so that a week more of history moves the table by a part only.
    """
    cuts = [today - period - back for back in LOOKED_BACK]
    pasts = [state_at(histories, cut, parameters.half_life_days) for cut in cuts]
    worths = [worth(past, parameters, cut, rules["discount"]) for past, cut in zip(pasts, cuts, strict=True)]
    later = [profit_between(histories, cut, cut + period)[past.customer] for past, cut in zip(pasts, cuts, strict=True)]
    table = potential.fit(
        np.concatenate([then.value for then in worths]),
        np.concatenate([past.breadth for past in pasts]),
        np.concatenate(later),
        np.concatenate([then.months for then in worths]),
        period,
        days=len(LOOKED_BACK),
    )
    return replace(parameters, potential=table)
