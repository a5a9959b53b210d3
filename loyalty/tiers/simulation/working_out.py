"""The first night of other rules, worked out in memory by the night that would apply them; nothing is written."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from core.lib.errors import DomainError
from loyalty.maths.tiers import Basis, add_months, totals, window_start
from loyalty.models import TierRules, TierState
from loyalty.tier_rules import Content, rule_of
from loyalty.tiers import figures as facts
from loyalty.tiers import membership
from loyalty.tiers import night as tier_night
from loyalty.tiers.figures import People, Span
from segmentation.frames import day_number

Array = NDArray[Any]
NIGHTS_BEHIND = 7


@dataclass(frozen=True)
class Simulated:
    """The first night of a draft. Arrays are of everybody with a purchase or a level, sorted by customer.

    `held_before` counts in the levels in force until then, `before` and `after` in the draft's.
    """

    ids: Array
    held_before: Array
    before: Array
    after: Array
    reason: Array
    amount: Array
    year: Array
    old: TierRules | None
    content: Content
    starts_on: date

    @property
    def moved(self) -> Array:
        return np.flatnonzero(self.before != self.after)

    def moves(self) -> dict[int, tuple[int, int]]:
        """Customer → rank before and after, of everybody whose level changes that night."""
        at = self.moved
        return {
            int(customer): (int(before), int(after))
            for customer, before, after in zip(self.ids[at], self.before[at], self.after[at], strict=True)
        }


def work_out(content: Content, *, starts_on: date, today: date, restores: TierRules | None = None) -> Simulated:
    """The night of `starts_on` under these rules, if nobody buys anything more until then. Nothing is written.

    The nights between now and then are worked first, in memory, under the rules that are in force on them.
    """
    rule, first_day = rule_of(content), day_number(starts_on)
    state = TierState.objects.select_related("rules").first()
    current = state.rules if state else None
    nights = _nights_until(starts_on, state, today)
    spans = [tier_night.span_of(rules.rule, day_number(night)) for night, rules in nights]
    spans.append(tier_night.span_of(rule, first_day))
    year = int(add_months(np.array([first_day]), -12)[0])
    spans.append(Span(Basis.NET_SPEND, year, first_day, first_day))
    ids, sums = facts.sums(spans)

    bars = [rules.rule.levels[1].qualify for _night, rules in nights] + [rule.levels[1].qualify]
    could_rise = np.zeros(len(ids), bool)
    for amounts, bar in zip(sums, bars, strict=False):
        could_rise |= amounts >= bar
    people = facts.people(ids[could_rise])
    here = np.isin(ids, people.ids, assume_unique=True)
    old, before = current, current.rule if current else None
    refunds = True
    for (night, rules), amounts in zip(nights, sums, strict=False):
        same = old is not None and rules.pk == old.pk
        tonight = before if same and before is not None else rules.rule
        of_people = facts.at(people.ids, ids[here], amounts[here])
        worked = tier_night.work_out(
            day_number(night),
            people,
            of_people,
            before=before,
            rule=tonight,
            restores=rules.rolls_back,
            refunds=refunds,
        )
        people, old, before, refunds = _afterwards(worked), rules, tonight, False
        following = [following_night for following_night, _rules in nights if following_night > night]
        people = _reviews_between(night, min([starts_on, *following]), people, rules)
    amount = facts.at(people.ids, ids[here], sums[-2][here])
    worked = tier_night.work_out(
        first_day, people, amount, before=before, rule=rule, restores=restores, refunds=refunds
    )
    everybody = np.union1d(ids, people.ids)

    def spread(values: Array) -> Array:
        return facts.at(everybody, people.ids, values)

    return Simulated(
        ids=everybody,
        held_before=spread(people.held.rank),
        before=spread(worked.rank_before),
        after=spread(worked.after.rank),
        reason=spread(worked.reason),
        amount=facts.at(everybody, ids, sums[-2]),
        year=facts.at(everybody, ids, sums[-1]),
        old=old,
        content=content,
        starts_on=starts_on,
    )


def _nights_until(starts_on: date, state: TierState | None, today: date) -> list[tuple[date, TierRules]]:
    """Nights before `starts_on` that can raise somebody: up to tomorrow's, and the first night of scheduled rules."""
    if state is None:
        return []
    nights: list[tuple[date, TierRules]] = []
    rules, night = state.rules, state.evaluated_on + timedelta(days=1)
    while night < starts_on:
        tonight = membership.in_force(night) or rules
        if night <= today + timedelta(days=1) or tonight.pk != rules.pk:
            nights.append((night, tonight))
        if len(nights) > NIGHTS_BEHIND:
            raise DomainError(_("The nights are behind. Let them run first, then simulate."), code="nights_behind")
        rules, night = tonight, night + timedelta(days=1)
    return nights


def _afterwards(worked: tier_night.Worked) -> People:
    seq = worked.people.seq.copy()
    for place, _line in worked.lines():
        seq[place] += 1
    return People(worked.people.ids, worked.after, seq)


def _reviews_between(night: date, until: date, people: People, rules: TierRules) -> People:
    """The nights after `night` and before `until`, on which only reviews and ends of grace can come."""
    rule = rules.rule
    for day in range(day_number(night) + 1, day_number(until)):
        due = np.flatnonzero((people.held.rank > 0) & (people.held.review <= day))
        if not len(due):
            continue
        some = People(people.ids[due], people.held.of(due), people.seq[due])
        ends = np.full(len(due), day, np.int64)
        bought = facts.events(some.ids, rule.basis)
        amount = totals(bought, window_start(rule, ends), ends, ends)
        worked = tier_night.work_out(day, some, amount, before=rule, rule=rule, refunds=False)
        after = _afterwards(worked)
        seq = people.seq.copy()
        seq[due] = after.seq
        people = People(people.ids, people.held.put(due, after.held), seq)
    return people
