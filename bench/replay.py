"""A shop's nights in memory, by the functions of the real night: what each said, raised and changed."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bench.shops import HORIZON, NEVER, Shop
from segmentation import fitting, frames, rules, scoring
from segmentation.maths.histories import Histories, state_at
from segmentation.shop import silence

Array = NDArray[np.int64]
BACK = 60


@dataclass
class Account:
    """What the nights came to. `value`: day → (what was forecast, what then came), in cents; by night the alerts."""

    alerts: dict[int, int] = field(default_factory=dict)
    big: dict[int, float] = field(default_factory=dict)
    active: dict[int, int] = field(default_factory=dict)
    value: dict[int, tuple[float, float]] = field(default_factory=dict)
    classes: list[Array] = field(default_factory=list)
    types: list[Array] = field(default_factory=list)

    def per_night(self, first: int, last: int) -> float:
        """Alerts a night from day `first` to the day before `last`."""
        return sum(n for day, n in self.alerts.items() if first <= day < last) / max(last - first, 1)

    def flaps(self, which: str, *, every: int = 1) -> float:
        """Changes taken back within 60 days, per 100 customer-years."""
        nights = np.array(getattr(self, which))
        back = 0
        for row in nights.T:
            moved = np.flatnonzero((row[1:] != row[:-1]) & (row[:-1] >= 0)) + 1
            back += sum(row[b] == row[a - 1] and (b - a) * every <= BACK for a, b in pairwise(moved))
        return 100 * back / max((nights >= 0).sum() * every / 365, 1e-9)


def known_on(shop: Shop, night: int, *, returned: bool) -> Histories:
    """Purchase days as the data has them that night; without what went back, unless asked for."""
    seen = (shop.arrives <= night) & (shop.day <= night)
    if not returned:
        seen &= shop.returned > night
    keys, place = np.unique(np.stack([shop.customer[seen], shop.day[seen]]), axis=1, return_inverse=True)
    cents = np.bincount(place.ravel(), weights=shop.cents[seen].astype(float), minlength=keys.shape[1])
    return Histories(keys[0], keys[1], cents, np.ones(keys.shape[1], dtype=np.int64), shop.customers)


def worked(shop: Shop, *, first: int = 20, every: int = 1, constants: Mapping[str, float] = rules.DEFAULTS) -> Account:
    """All nights from day `first` on, each `every` days, with a fit a week as the shop's nights have it."""
    account = Account()
    people = shop.customers
    before = {name: np.full(people, start) for name, start in (("classes", -1), ("types", 0))}
    raised: set[tuple[int, int, str]] = set()
    parameters: fitting.Parameters | None = None
    fitted, bars, last = -NEVER, None, 0
    for night in range(first, shop.nights + 1, every):
        orders = np.bincount(shop.day[(shop.arrives <= night) & (shop.day <= night)], minlength=night + 1)[-182:]
        silent_days = np.flatnonzero(silence.of_days(orders).silent) + night + 1 - len(orders)
        histories = known_on(shop, night, returned=False)
        if not len(histories.day):
            continue
        learnt = parameters is None or (night - fitted >= 7 and night - 1 not in silent_days)
        if learnt or parameters is None:
            parameters = fitting.fit_histories(histories, night, min(night + 1 - int(shop.day.min()), 730), constants)
            fitted = night
        state = _state(shop, histories, night, parameters.half_life_days, before, silent_days)
        as_of = frames.EPOCH + timedelta(days=night)
        scores = scoring.score(
            state, parameters, constants, as_of=as_of, bars_before=bars, days=night - last if bars else 1
        )
        bars, last = scores.bars, night
        quiet = scoring.quiet(state, scores, constants)
        absent = scoring.long_absent(state, scores, constants) & ~quiet
        due = {
            (int(state.customer_id[row]), int(state.last_day[row]), kind)
            for kind, mask in (("quiet", quiet), ("absent", absent))
            for row in np.flatnonzero(mask)
        }
        account.alerts[night] = len(due - raised)
        raised |= due
        _note(account, shop, night, state, scores, before)
    return account


def _note(
    account: Account,
    shop: Shop,
    night: int,
    state: frames.State,
    scores: scoring.Scores,
    before: dict[str, Array],
) -> None:
    for name, figures in (("classes", scores.customer_class), ("types", scores.matrix_type)):
        before[name] = np.full(shop.customers, -1 if name == "classes" else 0)
        before[name][state.customer_id] = figures
    account.classes.append(before["classes"])
    account.types.append(np.where(before["types"] == 0, -1, before["types"]))
    counts = Counter(scores.customer_class.tolist())
    account.big[night] = counts[2] / len(state)
    account.active[night] = counts[1]
    later = (shop.day > night) & (shop.day <= night + HORIZON) & (shop.returned > night)
    later &= np.isin(shop.customer, state.customer_id) & (shop.customer != shop.odd)
    worth = shop.cents[later] * 1.1 ** (-(shop.day[later] - night) / 365)
    if night + HORIZON > shop.day.max() + BACK:
        return  # what then came is not known
    account.value[night] = float(scores.value[state.customer_id != shop.odd].sum()), float(worth.sum())


def _state(
    shop: Shop, histories: Histories, night: int, half_life: float, before: dict[str, Array], silent_days: Array
) -> frames.State:
    now = state_at(histories, night, half_life)
    seen = state_at(known_on(shop, night, returned=True), night, half_life)
    seen_day = np.maximum(seen.last_day[np.searchsorted(seen.customer, now.customer)], now.last_day)
    nothing = np.zeros(len(now.customer), dtype=np.int64)
    return frames.State(
        customer_id=now.customer,
        purchase_days=now.purchase_days,
        first_day=now.first_day,
        last_day=now.last_day,
        log_gap_sum=now.log_gap_sum,
        log_gap_square_sum=now.log_gap_square_sum,
        profit_sum=now.profit_sum,
        profit_square_sum=now.profit_square_sum,
        decayed_profit=now.decayed_profit,
        breadth=now.breadth,
        inputs=nothing,
        class_before=before["classes"][now.customer],
        type_before=before["types"][now.customer],
        value_before=nothing,
        potential_before=nothing,
        inputs_before=nothing,
        seen_day=seen_day,
        silent_days=silence.days_after(silent_days, seen_day),
    )
