"""Why a figure is what it is: the score of one customer worked out again from stored inputs, piece by piece.

Every text is made for a reader: figures of value or margin that the reader's role does not see are not in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.accounts.models import User
from core.accounts.permissions import sees
from core.accounts.roles import Field
from core.lib.money import from_minor
from customers.models import Customer, Standing
from segmentation import fitting, frames, rules, scoring
from segmentation.maths import gaps, potential, value
from segmentation.models import Alert, Night
from segmentation.shop import feeds


@dataclass(frozen=True)
class Explanation:
    """The figures of one customer as of `as_of`, with the pieces they are made of. Days count from the last purchase.

    Value and potential are None, and their parts and reason empty, for a reader who does not see values.
    """

    as_of: date
    value: Decimal | None
    value_parts: list[tuple[str, str]]
    usual_days: float
    limit_days: float
    quiet_days: int
    lateness: float
    tail_level: float
    typical_only: bool
    last_on: date
    next_on: date
    next_low_on: date
    next_high_on: date
    class_reason: str
    potential: Decimal | None
    potential_reason: str
    stale: bool


def night_of(standing: Standing) -> QuerySet[Night]:
    """The night that wrote these figures, with all that they were worked out by."""
    nights, valued_on = Night.objects.select_related("rules", "fit"), standing.valued_on
    return nights.filter(as_of=valued_on)[:1] if valued_on else nights.none()


def explain(
    customer: Customer, *, reader: User, night: Night | None = None, standing: Standing | None = None
) -> Explanation | None:
    """None for a customer without purchase or before the first night.

    Uses the night that wrote the stored figures, so the sum of the parts is the figure on the page; `stale` says
    that orders have come in since and the next night will say something new. `standing` and `night` where they have
    been read already.
    """
    if standing is None:
        standing = Standing.objects.filter(pk=customer.pk).first()
    if standing is None or standing.valued_on is None:
        return None
    state = frames.state(customer.pk)
    if not len(state):
        return None
    night = night or next(iter(night_of(standing)), None)
    if night is None:
        return None
    state = frames.seen_through(state, feeds.of_night(night.figures), as_of=night.as_of, one=customer.pk)
    parameters = fitting.Parameters.from_json(night.fit.parameters)
    constants = {**rules.DEFAULTS, **night.rules.parameters}
    before = scoring.Bars(**night.figures["bars"])
    scores = scoring.score(state, parameters, constants, as_of=night.as_of, bars_before=before)
    quiet = scores.quiet_days
    median, low, high = gaps.next_purchase(parameters.gaps, state.gap_count, state.log_gap_sum, quiet)
    last_day = int(state.last_day[0])
    sees_value = sees(reader, Field.VALUE)
    return Explanation(
        as_of=night.as_of,
        value=from_minor(int(scores.value[0])) if sees_value else None,
        value_parts=_value_parts(scores, parameters, constants, reader) if sees_value else [],
        usual_days=float(scores.usual_days[0]),
        limit_days=float(scores.limit_days[0]),
        quiet_days=int(quiet[0]),
        lateness=float(scores.lateness[0]),
        tail_level=float(scores.tail_level[0]),
        typical_only=bool(state.gap_count[0] < constants["least_gaps"]),
        last_on=frames.from_day_number(last_day),
        next_on=frames.from_day_number(last_day + round(float(median[0]))),
        next_low_on=frames.from_day_number(last_day + round(float(low[0]))),
        next_high_on=frames.from_day_number(last_day + round(float(high[0]))),
        class_reason=_class_reason(standing, state, scores, night if sees_value else None, constants),
        potential=from_minor(int(scores.potential[0])) if sees_value else None,
        potential_reason=_potential_reason(state, scores, parameters) if sees_value else "",
        stale=int(state.inputs[0]) != standing.inputs,
    )


def absence(evidence: Mapping[str, Any], *, quiet_days: int) -> str:
    """The flat rule in words: its own number of days, the true ones, and that the personal limit is not the reason."""
    if "flat_days" not in evidence:
        return _("%(quiet)d days without a purchase; the own limit of %(limit)d days is not reached.") % {
            "quiet": quiet_days,
            "limit": round(evidence["limit_days"]),
        }
    return _(
        "%(quiet)d days without a purchase, more than %(flat)d (flat rule); the own limit of %(limit)d days is not reached."
    ) % {"quiet": quiet_days, "flat": evidence["flat_days"], "limit": round(evidence["limit_days"])}


def sentence(alert: Alert, *, reader: User, on: date) -> str:
    """The evidence of an alert, read on this day, in words an account manager can say on the phone."""
    evidence = alert.evidence
    if "usual_days" not in evidence:
        return ""
    if alert.kind == Alert.Kind.LONG_ABSENCE:
        return absence(evidence, quiet_days=(on - alert.last_on).days)
    figures = {
        "usual": round(evidence["usual_days"]),
        "limit": round(evidence["limit_days"]),
        "certain": round(100 * (1 - evidence["tail_level"])),
        "quiet": evidence["quiet_days"],
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
        "%(quiet)d days, and a customer like this brings ¥%(monthly)s a month."
    ) % {**figures, "monthly": f"{from_minor(evidence['monthly_profit']):,.0f}"}


def _money(minor: float) -> str:
    return f"{from_minor(round(minor)):,.2f}"


def _value_parts(
    scores: scoring.Scores, parameters: fitting.Parameters, constants: dict[str, float], reader: User
) -> list[tuple[str, str]]:
    year, both = scores.expected_orders[0, value.MONTHS.index(12)], scores.expected_orders[0, -1]
    margins = [
        (_("Profit per order, drawn towards the shop's mean"), _money(scores.profit_per_order[0])),
        (_("Own profit a month, recent months counting more"), _money(scores.daily_profit[0] * value.DAYS_A_MONTH)),
    ]
    return [
        (_("Orders expected in 12 months"), f"{year:.2f}"),
        (_("Orders expected in 24 months"), f"{both:.2f}"),
        *(margins if sees(reader, Field.MARGIN) else []),
        (_("Share of the own rate in the blend"), f"{parameters.weight:.0%}"),
        (_("Discount rate a year"), f"{constants['discount']:.0%}"),
        (_("Present value of 24 months"), _money(float(scores.value[0]))),
    ]


def _class_reason(
    standing: Standing, state: frames.State, scores: scoring.Scores, night: Night | None, constants: dict[str, float]
) -> str:
    """Without a night, whose bar is a value, no figure of value is told."""
    bar = _money(night.value_bar) if night else ""
    if standing.customer_class == Standing.Class.BIG:
        if night is None:
            return _("One of the customers who together bring most of the shop's value.")
        return _("Value %(value)s; big customers start at %(bar)s and stay until they fall below %(leave)s.") % {
            "value": _money(float(scores.value[0])),
            "bar": bar,
            "leave": _money(night.value_bar * constants["big_leave"]),
        }
    if standing.customer_class == Standing.Class.ACTIVE:
        return ngettext(
            "Buys regularly: %(count)d known interval, and a silence of %(quiet)d days is still usual for them.",
            "Buys regularly: %(count)d known intervals, and a silence of %(quiet)d days is still usual for them.",
            int(state.gap_count[0]),
        ) % {"count": int(state.gap_count[0]), "quiet": int(scores.quiet_days[0])}
    if state.gap_count[0] < 2:
        if night is None:
            return _("Too few purchases to know a habit.")
        return _("Too few purchases to know a habit; the bar to big is %(bar)s.") % {"bar": bar}
    if night is None:
        return _("Quiet for %(quiet)d days, longer than is usual for them.") % {"quiet": int(scores.quiet_days[0])}
    return _("Quiet for %(quiet)d days, longer than is usual for them; the bar to big is %(bar)s.") % {
        "quiet": int(scores.quiet_days[0]),
        "bar": bar,
    }


def _potential_reason(state: frames.State, scores: scoring.Scores, parameters: fitting.Parameters) -> str:
    table = parameters.potential
    if table is None:
        return _("The shop is too young to compare look-alikes.")
    decile, tercile, quieter = potential.cells(table, scores.value.astype(np.float64), state.breadth, scores.quiet_days)
    d, t, q = int(decile[0]), int(tercile[0]), int(quieter[0])
    return _(
        "Of %(size)d customers of the same value who buy as widely as this one, the best fifth went on to bring "
        "%(best)s in the period; the average at this value brought %(mean)s. The difference is the potential: "
        "a ceiling to aim at, not a forecast."
    ) % {"size": table.sizes[d][t][q], "best": _money(table.ranges[d][t][q]), "mean": _money(table.means[d])}
