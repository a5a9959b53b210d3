"""Why a figure is what it is: the score of one customer worked out again from stored inputs, line by line.

The lines are what the figure is made of, with their operations: whoever works them out by hand gets what the page shows.
Every text is made for a reader: figures of value or margin that the reader's role does not see are not in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from math import exp

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.accounts.models import User
from core.accounts.permissions import sees
from core.accounts.roles import Field
from customers.models import Customer, Standing
from segmentation import chances, fitting, frames, rules, scoring
from segmentation.maths import classes, potential, value
from segmentation.models import Change, Night
from segmentation.reading import rhythm, windows
from segmentation.reading.terms import (
    LEAST_DIGITS,
    MOST_DIGITS,
    Factor,
    Line,
    Lines,
    difference_times,
    money,
    percent,
    product,
    rounded_alike,
)
from segmentation.shop import feeds


@dataclass(frozen=True)
class Explanation:
    """Value and potential as the night of `as_of` wrote them, class and type as the night of `classed_on` said, with the
    lines they are made of, and the rhythm of the day it is read.

    Value, its range and potential are None, and their lines empty, for a reader who does not see values. `stale`:
    orders have come in since, so that the lines would give another figure; there are none until the next night.
    """

    as_of: date
    classed_on: date
    stale: bool
    value: Decimal | None
    value_low: Decimal | None
    value_high: Decimal | None
    value_reason: str
    value_lines: Lines
    potential: Decimal | None
    potential_lines: Lines
    potential_reason: str
    class_reason: str
    class_lines: Lines
    limit_lines: Lines
    chance_lines: Lines
    chance_reason: str
    habit: str
    rhythm: rhythm.Rhythm


# Deviations from the middle within which eight cases of ten lie.
TWO_SIDED = 1.28
DAYS_A_YEAR = 365


@dataclass(frozen=True)
class _Told:
    """One customer by what one night went by."""

    night: Night
    parameters: fitting.Parameters
    constants: Mapping[str, float]
    own: scoring.OwnScores
    worth: value.Worth


def nights_of(standing: Standing) -> QuerySet[Night]:
    """The night that wrote these figures and the last one, with all that they were worked out by; the older first."""
    nights = Night.objects.select_related("rules", "fit")
    if standing.valued_on is None:
        return nights.none()
    newest = Night.objects.order_by("-as_of").values("as_of")[:1]
    return (nights.filter(as_of=standing.valued_on) | nights.filter(as_of=newest)).order_by("as_of")


def explain(
    customer: Customer, *, reader: User, on: date, nights: list[Night] | None = None, standing: Standing | None = None
) -> Explanation | None:
    """The figures as they are on this day; None for a customer without purchase or before the first night.

    `standing` and `nights` (`nights_of`) where they have been read already.
    """
    if standing is None:
        standing = Standing.objects.filter(pk=customer.pk).first()
    if standing is None or standing.valued_on is None:
        return None
    state = frames.state(customer.pk)
    nights = list(nights_of(standing)) if nights is None else nights
    if not len(state) or not nights or nights[0].as_of != standing.valued_on:
        return None
    written = _told(state, nights[0])
    newest = written if len(nights) == 1 else _told(state, nights[-1])
    stale = int(state.inputs[0]) != standing.inputs
    sees_value = sees(reader, Field.VALUE)
    today = rhythm.read(state, newest.parameters, newest.constants, on=on)
    return Explanation(
        as_of=written.night.as_of,
        classed_on=newest.night.as_of,
        stale=stale,
        value=standing.value if sees_value else None,
        value_low=standing.value_low if sees_value else None,
        value_high=standing.value_high if sees_value else None,
        value_reason=_value_reason(written) if sees_value else "",
        value_lines=_value_lines(written, reader) if sees_value and not stale else [],
        potential=standing.potential if sees_value else None,
        potential_lines=_potential_lines(state, written) if sees_value and not stale else [],
        potential_reason=_potential_reason(standing, state, written) if sees_value else "",
        class_reason=" ".join(
            filter(
                None,
                [
                    _class_reason(standing, today, newest.constants),
                    _of_other_night(standing, newest.night) if sees_value else "",
                ],
            )
        ),
        class_lines=_class_lines(standing, state, newest, sees_value) if not stale else [],
        limit_lines=_limit_lines(today),
        chance_lines=_chance_lines(newest) if not stale else [],
        chance_reason=windows.sentence(newest.parameters.windows),
        habit=_habit(today),
        rhythm=today,
    )


def _told(state: frames.State, night: Night) -> _Told:
    parameters = fitting.Parameters.from_json(night.fit.parameters)
    constants = {**rules.DEFAULTS, **night.rules.parameters}
    state = frames.seen_through(state, feeds.of_night(night.figures), as_of=night.as_of, one=int(state.customer_id[0]))
    own = scoring.own_scores(state, parameters, constants, night.as_of)
    return _Told(night, parameters, constants, own, scoring.worth_of(state, parameters, constants, night.as_of))


def _value_lines(told: _Told, reader: User) -> Lines:
    """Two views of the same 24 months, each with its share, that add up to the value."""
    worth, constants = told.worth, told.constants
    own_share = told.parameters.weight if told.parameters.bgnbd else 1.0
    total = round(worth.value[0])
    by_orders = round((1 - own_share) * worth.from_orders[0])
    share = _("Share of this view in the blend")
    lines: Lines = []
    if own_share < 1:
        factors = [
            Factor(_("Orders expected in 24 months, later ones counted less"), float(worth.discounted_orders[0])),
            Factor(_("Profit per order, drawn towards the shop's mean"), float(worth.profit_per_order[0]), "¥"),
            Factor(share, 1 - own_share, "%"),
        ]
        lines += _view(factors, _("By the orders that are expected"), by_orders, reader)
    if own_share > 0:
        monthly = float(worth.daily_profit[0] * value.DAYS_A_MONTH)
        factors = [
            Factor(_("Own profit a month, recent months counting more"), monthly, "¥"),
            Factor(_("Months it lasts, later ones counted less"), float(worth.months[0])),
            Factor(share, own_share, "%"),
        ]
        lines += _view(factors, _("By the customer's own pace"), total - by_orders, reader)
    lines.append(Line("Σ", _("Present value of 24 months"), money(total)))
    if told.parameters.spread:
        low, high = money(told.own.value_low[0]), money(told.own.value_high[0])
        lines.append(Line("", _("Likely range (8 in 10)"), f"{low} … {high}"))
    lines.append(Line("", _("Discount rate a year"), percent(constants["discount"])))
    if told.parameters.bgnbd:
        year = worth.expected[0, value.MONTHS.index(12)]
        lines.append(Line("", _("Orders expected in 12 months"), f"{year:.2f}"))
    return lines


def _value_reason(told: _Told) -> str:
    """How much of it the shop has said itself, and what it cannot know yet."""
    fit, sentences = told.parameters, []
    if fit.bgnbd and fit.spread:
        sentences.append(
            _(
                "How customers go on: %(own)s of it is learnt from this shop's own orders, the rest is what is usual in "
                "other shops. The sum of all values may well be %(times)s times as high or as low."
            )
            % {"own": percent(fit.shop_share), "times": f"{exp(TWO_SIDED * fit.spread):.2f}"}
        )
    if fit.history_days < DAYS_A_YEAR:
        sentences.append(_("The shop has less than a year of orders here: a season cannot be known yet."))
    return " ".join(sentences)


def _view(factors: list[Factor], label: str, minor: int, reader: User) -> Lines:
    """What one view makes; its factors are margins, which not everybody sees."""
    shown = product(factors, minor) if sees(reader, Field.MARGIN) else []
    return [*shown, Line("=", label, money(minor))]


def _potential_lines(state: frames.State, told: _Told) -> Lines:
    table, total = told.parameters.potential, round(told.own.potential[0])
    if table is None or not total:
        return []
    best, mean, _size = (float(figure[0]) for figure in potential.reached(table, told.worth.value, state.breadth))
    days = {"days": int(told.constants["potential_period_days"])}
    return [
        *difference_times(
            Factor(_("What the best fifth of the look-alikes brought in %(days)d days") % days, best, "¥"),
            Factor(_("What the average customer of this value brought"), mean, "¥"),
            Factor(_("Such periods in 24 months, later ones counted less"), table.periods),
            total,
        ),
        Line("Σ", _("Growth potential of 24 months"), money(total)),
    ]


def _potential_reason(standing: Standing, state: frames.State, told: _Told) -> str:
    table, days = told.parameters.potential, int(told.constants["potential_period_days"])
    if table is None and standing.potential:
        return _("Worked out by an earlier version of Laoke: a coming night writes it anew and shows its lines.")
    if table is None:
        return _("The shop is too young to compare look-alikes.")
    if told.night.as_of - frames.from_day_number(int(state.first_day[0])) < timedelta(days=days):
        return _("Bought for the first time too lately to compare with look-alikes.")
    best, mean, size = (float(figure[0]) for figure in potential.reached(table, told.worth.value, state.breadth))
    return _(
        "Of %(size)d customers of the same value who buy as widely as this one, the best fifth went on to bring "
        "%(best)s in the period; the average at this value brought %(mean)s. The difference is the potential: "
        "a ceiling to aim at, not a forecast."
    ) % {"size": size, "best": money(best), "mean": money(mean)}


def _class_lines(standing: Standing, state: frames.State, told: _Told, sees_value: bool) -> Lines:
    """What the last night compared, in its order; without figures of value for who does not see them."""
    constants, own = told.constants, told.own
    moved = Change.objects.filter(customer=standing.pk, on=told.night.as_of).first()
    before = moved.class_before if moved else standing.customer_class
    side, big = classes.Side.of(before), standing.customer_class == Standing.Class.BIG
    factor = classes.factor(side, constants["big_enter"], constants["big_leave"])
    worth, bar = float(own.value[0]), told.night.value_bar
    lines: Lines = []
    if sees_value:
        on = {"day": told.night.as_of.isoformat()}
        lines = [
            *product(
                [Factor(_("Bar of the night of %(day)s") % on, bar, "¥"), Factor(_SIDES[side](), factor)], bar * factor
            ),
            Line("=", _("Big from"), money(bar * factor)),
            Line("≥" if worth >= bar * factor else "<", _("Value of that night"), money(worth)),
        ]
    if told.night.figures.get("bars", {}).get("cap_binds") or (worth >= bar * factor and not big):
        # Whoever would be one too many stands nearest above the bar.
        lines.append(Line("", _("At most so many of all are big: those furthest above"), percent(constants["big_cap"])))
    if big:
        return lines
    floor = classes.active_floor(
        before == Standing.Class.ACTIVE,
        float(own.tail_level[0]),
        enter=constants["active_enter"],
        leave=constants["active_leave"],
    )
    return [
        *lines,
        Line("", _("Own intervals known (active from 2)"), str(int(state.gap_count[0]))),
        Line("", _("Chance that night that the silence would last longer"), percent(float(own.lateness[0]), 2)),
        Line("", _("Active while that chance is above"), percent(floor, 2)),
        Line("", _("Who was served stays active up to a silence of, days"), str(_followed_up(own, constants))),
    ]


def _of_other_night(standing: Standing, night: Night) -> str:
    """That the value of the page is of another night than the one that was compared; empty where it is not."""
    if standing.valued_on is None or standing.valued_on == night.as_of:
        return ""
    return _("The page shows the value of %(day)s: it has moved too little since to be written anew.") % {
        "day": standing.valued_on.isoformat()
    }


def _followed_up(own: scoring.OwnScores, constants: Mapping[str, float]) -> int:
    """The last whole day of a silence on which its alert is still open."""
    return int(own.limit_days[0] + constants["alert_window_days"])


_SIDES = {
    classes.Side.NEW: lambda: _("without a class before"),
    classes.Side.INSIDE: lambda: _("to stay big"),
    classes.Side.OUTSIDE: lambda: _("to become big"),
}


def _class_reason(standing: Standing, today: rhythm.Rhythm, constants: Mapping[str, float]) -> str:
    if standing.customer_class == Standing.Class.BIG:
        return _("One of the customers who together bring most of the shop's value.")
    if standing.customer_class == Standing.Class.ACTIVE and today.quiet_days > today.limit:
        return _(
            "Bought regularly: a silence of %(quiet)d days is past the personal limit of %(limit)d, and is followed up "
            "until %(until)d."
        ) % {
            "quiet": today.quiet_days,
            "limit": today.limit_days,
            "until": int(today.limit + constants["alert_window_days"]),
        }
    if standing.customer_class == Standing.Class.ACTIVE:
        return ngettext(
            "Buys regularly: %(count)d known interval, and a silence of %(quiet)d days is still usual for them.",
            "Buys regularly: %(count)d known intervals, and a silence of %(quiet)d days is still usual for them.",
            today.known,
        ) % {"count": today.known, "quiet": today.quiet_days}
    if today.known < rhythm.LEAST_FOR_A_HABIT:
        return _("Too few purchases to know a habit.")
    return _("Quiet for %(quiet)d days, longer than is usual for them.") % {"quiet": today.quiet_days}


def _habit(today: rhythm.Rhythm) -> str:
    """How much of the rhythm is the customer's own, how much what is typical."""
    typical = _("the shop") if today.of_the_shop else _("shops in general, as this one is too young")
    if not today.known:
        return _("Bought on one day so far: all that is known is what is typical for %(typical)s.") % {
            "typical": typical
        }
    return ngettext(
        "%(n)d interval of the customer's own counts for %(own)s of it, what is typical for %(typical)s for the rest.",
        "%(n)d intervals of the customer's own count for %(own)s of it, what is typical for %(typical)s for the rest.",
        today.known,
    ) % {"n": today.known, "own": percent(today.own_share), "typical": typical}


def _limit_lines(today: rhythm.Rhythm) -> Lines:
    """The customer's usual interval and the shop's, each to its share, and how far beyond it the limit lies."""
    shop = _("Usual interval of the shop") if today.of_the_shop else _("Usual interval of shops, as this one is young")
    usual, limit = rounded_alike(today.usual, today.usual_days), rounded_alike(today.limit, today.limit_days)
    digits = _digits_of_blend(today, float(usual))
    lines = [
        Line("", shop, f"{today.shop:.{digits}f}"),
        Line("^", _("its share"), f"{1 - today.own_share:.{digits + 1}f}"),
    ]
    if today.known:
        known = _("Usual interval of the customer, intervals known: %(n)d") % {"n": today.known}
        lines += [
            Line("×", known, f"{today.own:.{digits}f}"),
            Line("^", _("its share"), f"{today.own_share:.{digits + 1}f}"),
        ]
    certain = _("Back by then %(n)d times in 100") % {"n": today.certain}
    return [
        *lines,
        Line("=", _("Usual interval, days"), usual),
        # Of what is printed, so that whoever multiplies it gets what is printed.
        Line("×", certain, f"{float(limit) / float(usual):.5f}"),
        Line("=", _("Personal limit, days"), limit),
    ]


def _chance_lines(told: _Told) -> Lines:
    """The chance of no purchase that night: of the formula, of the shop's windows, and what is taken of both."""
    own, learnt = told.own, told.parameters.windows
    blended = learnt is not None and learnt.trees is not None
    formula = float(chances.within(own.by_formula)[0] if blended else own.by_formula[0])
    days = {"days": round(float(own.horizon_days[0]))}
    lines = [Line("", _("Chance of no purchase in %(days)d days, by the formula") % days, percent(formula, 3))]
    if learnt is not None and learnt.trees is not None:
        both = chances.mean(own.by_formula, own.by_windows)
        lines += [
            Line(
                "", _("By what came of customers like this one"), percent(float(chances.within(own.by_windows)[0]), 3)
            ),
            Line("=", _("Middle of the two (mean of their log odds)"), percent(float(both[0]), 3)),
        ]
    if learnt is not None:
        lines.append(Line("≥", _("The smallest chance that this shop's past bears out"), percent(learnt.least, 3)))
    return [*lines, Line("=", _("Chance of no purchase"), percent(float(own.no_purchase[0]), 3))]


def _digits_of_blend(today: rhythm.Rhythm, usual: float) -> int:
    """As few digits as give the usual interval to the last one that is printed."""
    for digits in range(LEAST_DIGITS, MOST_DIGITS):
        own, share = round(today.own, digits), round(today.own_share, digits + 1)
        by_hand = round(today.shop, digits) ** round(1 - today.own_share, digits + 1)
        if abs(by_hand * (own**share if today.known else 1.0) - usual) <= 0.0051:
            break
    return digits
