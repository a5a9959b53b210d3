"""What depends on the day it is read: how long a customer is quiet, what is usual, when the next purchase is due.

Worked out here alone, rounded here alone, and stored nowhere; the evidence of an alert is what was so on its night.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.accounts.models import User
from core.accounts.permissions import sees
from core.accounts.roles import Field
from core.lib import mall
from core.lib.money import from_minor
from customers.models import Summary
from segmentation import frames, rules
from segmentation.fitting import Parameters
from segmentation.maths import gaps
from segmentation.models import Alert, Night


def whole_days(days: float) -> int:
    """The one rounding of days: half a day is one more."""
    return math.floor(days + 0.5)


def quiet_days(last_on: date, *, on: date) -> int:
    """Days since the last purchase; 0 where that day is still to come."""
    return max((on - last_on).days, 0)


@dataclass(frozen=True)
class Rhythm:
    """The rhythm of a customer as it is on the day `on`, by the parameters of one night; days are whole.

    `known` intervals are the customer's own, which count with `own_share` (0…1), the shop's with the rest. Without
    enough of them it is no `habit`, and where the shop has said too little (`of_the_shop`) not even the shop's.
    `certain`: how many in a hundred are back by the limit, with those who leave for good.
    `own` and `shop` are the usual intervals that are blended to `usual`; `limit` lies beyond it. Both not rounded.
    """

    on: date
    last_on: date
    known: int
    habit: bool
    of_the_shop: bool
    own_share: float
    own: float
    shop: float
    usual: float
    limit: float
    tail_level: float
    certain: int
    usual_days: int
    limit_days: int
    limit_on: date
    quiet_days: int
    lateness: float
    next_on: date
    next_low_on: date
    next_high_on: date


def read(state: frames.State, parameters: Parameters, constants: Mapping[str, float], *, on: date) -> Rhythm:
    """The rhythm of the one customer in `state`, seen on this day."""
    population, known = parameters.gaps, int(state.gap_count[0])
    last_on = frames.from_day_number(int(state.last_day[0]))
    silent = np.array([float(quiet_days(last_on, on=on))])
    interval = gaps.limits(population, state.gap_count, state.log_gap_sum, *parameters.tail(constants))
    median, low, high = gaps.next_purchase(population, state.gap_count, state.log_gap_sum, silent)

    def after(days: float) -> date:
        return last_on + timedelta(days=whole_days(days))

    usual, limit = float(interval.usual[0]), float(interval.limit[0])
    return Rhythm(
        on=on,
        last_on=last_on,
        known=known,
        habit=known >= max(constants["least_gaps"], LEAST_FOR_A_HABIT),
        of_the_shop=population.of_the_shop,
        own_share=float(gaps.own_share(population, state.gap_count)[0]),
        own=math.exp(float(state.log_gap_sum[0]) / known) if known else 0.0,
        shop=math.exp(population.m),
        usual=usual,
        limit=limit,
        tail_level=float(interval.tail_level[0]),
        certain=back_by(float(interval.tail_level[0]), float(parameters.returns(state.gap_count)[0])),
        usual_days=whole_days(usual),
        limit_days=whole_days(limit),
        limit_on=after(limit),
        quiet_days=int(silent[0]),
        lateness=float(gaps.lateness(population, state.gap_count, state.log_gap_sum, silent)[0]),
        next_on=after(float(median[0])),
        next_low_on=after(float(low[0])),
        next_high_on=after(float(high[0])),
    )


LEAST_FOR_A_HABIT = 2


def back_by(tail_level: float, returns: float) -> int:
    """How many in a hundred are back by such a limit, where such a share comes back at all."""
    return round(100 * (1 - tail_level) * returns)


class Limits(NamedTuple):
    """What is usual and the limit beyond it as they are today, in whole days: those of the customer's page."""

    usual: int
    limit: int


def limits_of(customer_ids: Collection[int]) -> dict[int, Limits]:
    """Of each of these customers who has bought, by the parameters of the last night."""
    night = Night.objects.select_related("rules", "fit").order_by("-as_of").first() if customer_ids else None
    if night is None:
        return {}
    rows = list(Summary.objects.filter(pk__in=customer_ids).values_list("pk", "purchase_days", "log_gap_sum"))
    parameters = Parameters.from_json(night.fit.parameters)
    count = np.array([days - 1 for _pk, days, _sum in rows], dtype=np.int64)
    gap_sum = np.array([total for _pk, _days, total in rows], dtype=np.float64) / 1e9
    found = gaps.limits(parameters.gaps, count, gap_sum, *parameters.tail({**rules.DEFAULTS, **night.rules.parameters}))
    return {
        row[0]: Limits(whole_days(usual), whole_days(limit))
        for row, usual, limit in zip(rows, found.usual.tolist(), found.limit.tolist(), strict=True)
    }


class Silence(NamedTuple):
    """A silence that a night found, with the evidence of that night, read on `on`.

    `over` once it has ended: nothing is said of today then.
    """

    kind: str
    evidence: Mapping[str, Any]
    last_on: date
    on: date
    over: bool = False

    @property
    def then(self) -> int:
        """Days it had lasted on its night."""
        return int(self.evidence["quiet_days"])

    @property
    def night_on(self) -> date:
        return self.last_on + timedelta(days=self.then)

    @property
    def now(self) -> int:
        return self.then if self.over else quiet_days(self.last_on, on=self.on)

    @property
    def usual(self) -> int:
        return whole_days(self.evidence.get("usual_days", 0))

    @property
    def limit(self) -> int:
        return whole_days(self.evidence.get("limit_days", 0))


def silence_of(alert: Alert, *, on: date) -> Silence:
    """What the alert speaks of, read on this day."""
    evidence = {"quiet_days": quiet_days(alert.last_on, on=alert.opened_on), **alert.evidence}
    return Silence(alert.kind, evidence, alert.last_on, on, alert.state != Alert.State.OPEN)


def silence_of_task(text: Mapping[str, Any], *, opened_on: date, on: date) -> Silence | None:
    """The same of the work that an alert made on `opened_on`; None where nothing of a silence is written on it."""
    if "usual_days" not in text or "quiet_days" not in text:
        return None
    last_on = date.fromisoformat(text["last_on"]) if "last_on" in text else opened_on - timedelta(text["quiet_days"])
    return Silence(str(text.get("kind", Alert.Kind.QUIET)), text, last_on, on)


def in_short(silence: Silence, today: Limits | None = None) -> str:
    """One line: how long it is now beside the limits of `today`, and what was so on its night."""
    return " ".join(filter(None, [_heard(silence.kind), _in_short(silence, today), _then(silence)]))


def _heard(kind: str) -> str:
    return _("A colleague has heard that they may be leaving.") if kind == Alert.Kind.SUSPECTED else ""


def _in_short(silence: Silence, today: Limits | None) -> str:
    limits = today if today and not silence.over else Limits(silence.usual, silence.limit)
    if silence.kind == Alert.Kind.LONG_ABSENCE:
        return _absence(silence, limits)
    if not _is_habit(silence.evidence):
        return _("Quiet for %(quiet)d days, longer than is typical; too few purchases to know a habit.") % {
            "quiet": silence.now
        }
    return _("Usually buys every %(usual)d days; quiet for %(quiet)d, personal limit %(limit)d.") % {
        "usual": limits.usual,
        "quiet": silence.now,
        "limit": limits.limit,
    }


def sentence(alert: Alert, *, reader: User, on: date, rhythm: Rhythm | None = None) -> str:
    """The evidence of an alert, read on this day, in words an account manager can say on the phone.

    What is usual and the limit are those of `rhythm` while the alert is open, so that they are the page's; what was so
    on the night that opened it is said with its day.
    """
    if "usual_days" not in alert.evidence:
        return _heard(alert.kind)
    silence = silence_of(alert, on=on)
    return " ".join(
        filter(None, [_heard(alert.kind), _sentence(silence, None if silence.over else rhythm, reader), _then(silence)])
    )


def _sentence(silence: Silence, rhythm: Rhythm | None, reader: User) -> str:
    if silence.kind == Alert.Kind.LONG_ABSENCE or not _is_habit(silence.evidence):
        return _in_short(silence, Limits(rhythm.usual_days, rhythm.limit_days) if rhythm else None)
    figures = {
        "usual": rhythm.usual_days if rhythm else silence.usual,
        "limit": rhythm.limit_days if rhythm else silence.limit,
        "certain": rhythm.certain if rhythm else _certain(silence.evidence),
        "quiet": silence.now,
    }
    if not (sees(reader, Field.VALUE) and sees(reader, Field.MARGIN)):
        return (
            _(
                "Usually buys every %(usual)d days and is back within %(limit)d days %(certain)s times in 100; it has been "
                "%(quiet)d days."
            )
            % figures
        )
    return _(
        "Usually buys every %(usual)d days and is back within %(limit)d days %(certain)s times in 100; it has been "
        "%(quiet)d days, and a customer like this brings %(monthly)s a month."
    ) % {**figures, "monthly": mall.priced(from_minor(silence.evidence["monthly_profit"]), 0)}


def _certain(evidence: Mapping[str, Any]) -> int:
    return back_by(evidence["tail_level"], evidence.get("returning", 1.0))


def _is_habit(evidence: Mapping[str, Any]) -> bool:
    """Of evidence from before intervals were counted in it nothing else is known: there were two of them then."""
    return bool(evidence.get("known", LEAST_FOR_A_HABIT) >= LEAST_FOR_A_HABIT)


def _absence(silence: Silence, limits: Limits) -> str:
    """The flat rule in words: its own number of days, the true ones, and that the personal limit is not the reason."""
    figures = {"quiet": silence.now, "flat": silence.evidence.get("flat_days", 0), "limit": limits.limit}
    if silence.now > limits.limit:
        return _("%(quiet)d days without a purchase.") % figures
    if not figures["flat"]:
        return _("%(quiet)d days without a purchase; the own limit of %(limit)d days is not reached.") % figures
    return (
        _(
            "%(quiet)d days without a purchase, more than %(flat)d (flat rule); the own limit of %(limit)d days is not reached."
        )
        % figures
    )


def _then(silence: Silence) -> str:
    """What was so on the night, where that is not today."""
    if silence.over or silence.now == silence.then:
        return ""
    return ngettext(
        "On %(day)s it was %(quiet)d day, with a limit of %(limit)d.",
        "On %(day)s it was %(quiet)d days, with a limit of %(limit)d.",
        silence.then,
    ) % {"day": silence.night_on.isoformat(), "quiet": silence.then, "limit": silence.limit}
