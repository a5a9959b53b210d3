"""Which levels many customers had when something happened, as the history tells it: what comes later changes nothing."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime

from core.lib import rows
from core.lib.periods import mall_day
from loyalty.models import Membership, TierChange, TierOverride, TierRules
from loyalty.tier_rules import LevelTerms
from loyalty.tiers.membership import floor_rank

Moment = tuple[int, datetime]
# (when, rank and level before, rank and level after), the oldest first
Line = tuple[datetime, int, str, int, str]


def levels_at(moments: Iterable[Moment]) -> dict[Moment, LevelTerms]:
    """(customer, moment) -> the level just before that moment by the rules of its day, in one query.

    What raised or lowered somebody counts from when it was written down on. Moments without rules are left out.
    """
    wanted = set(moments)
    people = {customer for customer, _at in wanted}
    versions = TierRules.objects.filter(withdrawn_at__isnull=True).order_by("-starts_on")
    history = TierChange.objects.filter(customer__in=people).order_by("customer", "seq")
    lines = history.values_list("customer", "at", "rank_before", "level_before", "rank_after", "level_after")
    floors = TierOverride.objects.filter(customer__in=people).order_by("pk")
    promised = floors.values_list("customer", "starts_on", "ends_on", "level", "rank")
    held = Membership.objects.filter(pk__in=people).values_list("customer_id", "rank")
    rows.together(versions, lines, promised, held)
    known: dict[int, list[Line]] = defaultdict(list)
    for customer, *line in lines:
        known[customer].append(tuple(line))  # type: ignore[arg-type]
    ranks = dict(held)
    levels = {}
    for customer, at in wanted:
        day = mall_day(at)
        rules = _of(versions, day)
        if rules is None:
            continue
        codes = [level["code"] for level in rules.levels]
        rank = _rank(known[customer], at, codes, ranks.get(customer, 0))
        for person, starts_on, ends_on, code, then in promised:
            if person == customer and starts_on <= day < ends_on:
                rank = max(rank, floor_rank(code, then, codes))
        levels[customer, at] = rules.levels[rank]
    return levels


def _of(versions: Iterable[TierRules], day: date) -> TierRules | None:
    """The newest of them that has begun by then and not ended."""
    begun = (rules for rules in versions if rules.starts_on <= day and (rules.ends_on is None or rules.ends_on > day))
    return next(begun, None)


def _rank(lines: list[Line], at: datetime, codes: list[str], now: int) -> int:
    """The rank just before that moment; what somebody without a history has now they always had."""
    before = [line for line in lines if line[0] < at]
    if before:
        return floor_rank(before[-1][4], before[-1][3], codes)
    if lines:
        return floor_rank(lines[0][2], lines[0][1], codes)
    return min(now, len(codes) - 1)
