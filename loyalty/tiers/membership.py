"""Tiers as the mall lives them: the night that reviews, purchases that raise, floors promised, and the reasons why.

Readers ask `standing` (or `levels_held` for many): what the rules gave, with the floor of a promise above it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from django.db import connection, transaction
from django.db.models import FilteredRelation, Q, QuerySet, Subquery
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib.deadlock import joining
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day, mall_midnight
from customers import locks
from customers.models import Customer
from loyalty import notices
from loyalty.maths.tiers import Reason, step
from loyalty.models import Membership, TierChange, TierOverride, TierRules, TierState
from loyalty.tier_rules import BenefitTerms, LevelTerms
from loyalty.tiers import figures as facts
from loyalty.tiers import nearness
from loyalty.tiers import night as tier_night
from segmentation.frames import day_number

LONGEST_FLOOR = timedelta(days=366)
_RULES_UNLESS_A_NIGHT_IS_WORKED = """
    SELECT r.id, r.content::text FROM loyalty_tierstate s JOIN loyalty_tierrules r ON r.id = s.rules_id
       FOR SHARE OF s SKIP LOCKED
"""


def in_force(on: date) -> TierRules | None:
    """The published version of that day, or None."""
    return (
        TierRules.objects.filter(
            Q(ends_on__isnull=True) | Q(ends_on__gt=on), starts_on__lte=on, withdrawn_at__isnull=True
        )
        .order_by("-starts_on")
        .first()
    )


def applied() -> TierRules | None:
    """The version the members' ranks are counted in: that of the last night. None before the first."""
    state = TierState.objects.select_related("rules").first()
    return state.rules if state else None


def _today(at: datetime) -> date:
    return mall_day(at)


# The night ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def review_due(as_of: date, *, at: datetime) -> dict[str, int]:
    """Every night up to `as_of` is worked, each once, in order; new rules begin on their day.

    Returns how many members rose and fell. The same night again changes nothing; before the first published
    version there is nothing to do.
    """
    state = TierState.objects.select_for_update().select_related("rules").first()
    if state is None:
        first = TierRules.objects.filter(withdrawn_at__isnull=True, starts_on__lte=as_of).order_by("starts_on").first()
        if first is None:
            return {"tiers_up": 0, "tiers_down": 0}
        night, before = first.starts_on, None
    else:
        night, before = state.evaluated_on + timedelta(days=1), state.rules
        if as_of == state.evaluated_on:
            night = as_of
    counts = {"tiers_up": 0, "tiers_down": 0}
    while night <= as_of:
        rules = in_force(night) or before
        if rules is None:
            break
        for name, count in _night(night, before, rules, at).items():
            counts[name] += count
        TierState.objects.update_or_create(id=1, defaults={"evaluated_on": night, "rules": rules})
        before, night = rules, night + timedelta(days=1)
    return counts


def _night(night: date, before: TierRules | None, rules: TierRules, at: datetime) -> dict[str, int]:
    day = day_number(night)
    rule = rules.rule
    old = rule if before is not None and before.pk == rules.pk else before.rule if before else None
    ids, [bought] = facts.sums([tier_night.span_of(rule, day)])
    # Nobody else can be raised; whoever holds something comes along anyway.
    could_rise = bought >= rule.levels[1].qualify
    people = facts.people(ids[could_rise])
    here = np.isin(ids, people.ids, assume_unique=True)
    amount = facts.at(people.ids, ids[here], bought[here])
    worked = tier_night.work_out(day, people, amount, before=old, rule=rule, restores=rules.rolls_back)
    nearness.keep(ids, bought, people, worked.after.rank, rule)
    return tier_night.write(worked, rules, at=at)


@joining()
def after_orders(customer_ids: Iterable[int], *, at: datetime, held: bool = False) -> list[TierChange]:
    """Purchases of these customers up to this moment have raised them, where the rules raise at once.

    Never lowers anybody: reviews and refunds are the night's. While a night is being worked nothing happens here, and
    that or the next night raises them. `held`: the caller holds the customers already.
    """
    with connection.cursor() as cursor:
        # Shared, so that callers do not wait for each other; not at all while a night holds the row.
        cursor.execute(_RULES_UNLESS_A_NIGHT_IS_WORKED)
        row = cursor.fetchone()
    if row is None:
        return []
    rules = TierRules(pk=row[0], content=json.loads(row[1]))
    rule, wanted = rules.rule, sorted(set(customer_ids))
    if not rule.upgrade_at_once:
        return []
    if not held:
        locks.hold_customers(wanted)
    day = day_number(_today(at)) + 1
    ids, [amount] = facts.sums([tier_night.span_of(rule, day)], wanted)
    # Whoever has too little for the first level above the lowest is not raised.
    could_rise = amount >= rule.levels[1].qualify
    ids, amount = ids[could_rise], amount[could_rise]
    if not len(ids):
        return []
    people = facts.people(ids, ids.tolist())
    amount = facts.at(people.ids, ids, amount)
    outcome = step(rule, people.held, amount, amount, day, upgrades_only=True)
    worked = tier_night.Worked(day, rule, rule, people, outcome.held, outcome.reason, amount)
    return tier_night.store(worked, rules, at=at)


# Floors -------------------------------------------------------------------------------------------------------------


@transaction.atomic
def promise_floor(
    customer: Customer, *, level: str, ends_on: date, reason: str, by: User, at: datetime
) -> TierOverride:
    """Until the day before `ends_on` the customer has at least this level; the rules go on counting underneath."""
    today = _today(at)
    rules = applied()
    codes = [level["code"] for level in rules.levels] if rules else []
    if rules is None or level not in codes:
        raise Invalid(_("Choose one of the levels in force."), code="level")
    if not reason.strip():
        raise Invalid(_("Say why this customer is promised a level."), code="reason")
    if not today < ends_on <= today + LONGEST_FLOOR:
        raise Invalid(
            _("A promised level ends: choose a day within the next %(days)d days.") % {"days": LONGEST_FLOOR.days},
            code="ends_on",
        )
    locks.hold_customers([customer.pk])
    if TierOverride.objects.filter(customer=customer, ends_on__gt=today).exists():
        raise DomainError(
            _("A level is promised to this customer already. End that promise first."), code="promised_already"
        )
    promised = TierOverride.objects.create(
        customer=customer,
        level=level,
        rank=codes.index(level),
        starts_on=today,
        ends_on=ends_on,
        reason=reason.strip()[:300],
        by=by,
        at=at,
    )
    audit.record(by, "tier.promised", customer, at=at, level=level, ends_on=ends_on.isoformat(), reason=promised.reason)
    return promised


@transaction.atomic
def end_floor(override_id: int, *, by: User, at: datetime) -> TierOverride:
    """The promise ends today: the customer has what the rules gave meanwhile."""
    today = _today(at)
    promised = TierOverride.objects.select_for_update().select_related("customer").get(pk=override_id)
    if promised.ends_on <= today:
        raise DomainError(_("This promise has ended already."), code="ended_already")
    promised.ends_on = max(today, promised.starts_on)
    promised.save(update_fields=["ends_on"])
    audit.record(by, "tier.promise_ended", promised.customer, at=at, level=promised.level)
    return promised


@transaction.atomic
def merge(loser: Customer, winner: Customer, *, by: User | None, at: datetime) -> None:
    """Two records become one: the winner holds the higher level of the two, and the higher running promise.

    Both histories stay. Doing it again changes nothing. Orders move by the merge of the records itself.
    """
    with connection.cursor() as cursor:
        # A night that is being worked ends first: it may be writing either of the two.
        cursor.execute("SELECT 1 FROM loyalty_tierstate FOR SHARE")
    locks.hold_customers([loser.pk, winner.pk])
    today, rules = _today(at), applied()
    held = {member.customer_id: member for member in Membership.objects.filter(pk__in=[loser.pk, winner.pk])}
    gone, stays = held.get(loser.pk), held.get(winner.pk)
    if gone is not None and rules is not None:
        codes = [level["code"] for level in rules.levels]
        if gone.rank > (stays.rank if stays else 0):
            was = facts.held_by(stays)
            now = stays or Membership(customer=winner, seq=0)
            for name in ("rank", "since", "review_on", "grace_until"):
                setattr(now, name, getattr(gone, name))
            now.earned_from, now.earned_to, now.earned_bar = None, None, 0
            now.seq += 1
            now.save()
            tell_merge(winner, now, was.rank[0], codes, rules, today, at, tier_night.plain(facts.row(was, 0)))
        gone.delete()
    theirs = TierOverride.objects.filter(customer=loser, ends_on__gt=today).first()
    if theirs is not None:
        own = TierOverride.objects.filter(customer=winner, ends_on__gt=today).first()
        ends_on, theirs.ends_on = theirs.ends_on, max(today, theirs.starts_on)
        theirs.save(update_fields=["ends_on"])
        if own is None or own.rank < theirs.rank:
            if own is not None:
                own.ends_on = max(today, own.starts_on)
                own.save(update_fields=["ends_on"])
            TierOverride.objects.create(
                customer=winner,
                level=theirs.level,
                rank=theirs.rank,
                starts_on=today,
                ends_on=ends_on,
                reason=theirs.reason,
                by=theirs.by,
                at=at,
            )
    if gone is not None or theirs is not None:
        audit.record(by, "tier.merged", winner, at=at, loser=loser.pk)


def tell_merge(
    winner: Customer,
    now: Membership,
    rank_before: int,
    codes: list[str],
    rules: TierRules,
    today: date,
    at: datetime,
    before: dict[str, Any],
) -> None:
    """The history has a line that says what the merge made of the level, and the mall's systems are told."""
    line = TierChange.objects.create(
        customer=winner,
        seq=now.seq,
        on=today,
        at=at,
        reason=Reason.MERGE,
        rules=rules,
        rank_before=rank_before,
        rank_after=now.rank,
        level_before=codes[rank_before],
        level_after=codes[now.rank],
        since=now.since,
        review_on=now.review_on,
        grace_until=now.grace_until,
        amount=0,
        before=before,
    )
    notices.levels_changed([line], at=at)


# Reading ------------------------------------------------------------------------------------------------------------


def floor_rank(level: str, rank: int, codes: list[str]) -> int:
    """The rank today of a level that was promised as this one, with this rank then."""
    return codes.index(level) if level in codes else min(rank, len(codes) - 1)


@dataclass(frozen=True)
class Standing:
    """What a customer has today. `earned` is the rank by the rules alone; a promise may lie above it."""

    rules: TierRules
    rank: int
    earned: int
    member: Membership | None
    promised: TierOverride | None
    seniority_years: int

    @property
    def level(self) -> LevelTerms:
        return self.rules.levels[self.rank]

    @property
    def benefits(self) -> list[BenefitTerms]:
        """Those of the level that the customer has been with us long enough for."""
        return [benefit for benefit in self.level["benefits"] if benefit["after_years"] <= self.seniority_years]


class Asked(NamedTuple):
    """What `standing` reads of a customer, so that a page can read it with everything else it shows."""

    state: QuerySet[TierState]
    member: QuerySet[Membership]
    promised: QuerySet[TierOverride]


def asked(customer: Customer, *, on: date) -> Asked:
    return Asked(
        TierState.objects.select_related("rules"),
        Membership.objects.filter(pk=customer.pk),
        TierOverride.objects.filter(customer=customer, starts_on__lte=on, ends_on__gt=on).order_by("pk")[:1],
    )


def standing(customer: Customer, *, on: date, read: Asked | None = None) -> Standing | None:
    """The level and benefits of one customer on that day; None as long as the mall has no tiers."""
    rows = read or asked(customer, on=on)
    rules = next((state.rules for state in rows.state), None)
    if rules is None:
        return None
    member, promised = next(iter(rows.member), None), next(iter(rows.promised), None)
    earned = member.rank if member else 0
    codes = [level["code"] for level in rules.levels]
    rank = max(earned, floor_rank(promised.level, promised.rank, codes)) if promised else earned
    return Standing(rules, rank, earned, member, promised, seniority_years(customer, on))


def standing_then(customer: Customer, *, on: date) -> Standing | None:
    """What the customer had at the end of that past day, as the history tells it; None while the mall had no tiers.

    The purchases behind the level are not in the history: `member` says of them nothing.
    """
    rules = in_force(on)
    if rules is None:
        return None
    line = history_until(customer, on).first()
    codes = [level["code"] for level in rules.levels]
    member, earned = None, 0
    if line is not None:
        known = line.level_after in codes
        earned = codes.index(line.level_after) if known else min(line.rank_after, len(codes) - 1)
        member = Membership(
            customer=customer,
            rank=earned,
            since=line.since,
            review_on=line.review_on,
            grace_until=line.grace_until,
            seq=line.seq,
        )
    promised = TierOverride.objects.filter(customer=customer, starts_on__lte=on, ends_on__gt=on).first()
    rank = max(earned, floor_rank(promised.level, promised.rank, codes)) if promised else earned
    return Standing(rules, rank, earned, member, promised, seniority_years(customer, on))


def history_until(customer: Customer, on: date) -> QuerySet[TierChange]:
    """The lines written up to the end of that day, the newest first."""
    end = mall_midnight(on + timedelta(days=1))
    return customer.tier_changes.filter(at__lt=end).select_related("rules").order_by("-seq")


def levels_held(customer_ids: Iterable[int], *, on: date) -> Mapping[int, LevelTerms]:
    """The levels of these customers, in one query; empty as long as the mall has no tiers."""
    running = Q(tier_overrides__starts_on__lte=on, tier_overrides__ends_on__gt=on)
    people = Customer.objects.filter(pk__in=set(customer_ids)).annotate(
        promised=FilteredRelation("tier_overrides", condition=running),
        rules_content=Subquery(TierState.objects.values("rules__content")[:1]),
    )
    held: dict[int, LevelTerms] = {}
    ranks: dict[int, int] = {}
    columns = ("pk", "membership__rank", "promised__level", "promised__rank", "rules_content")
    for customer_id, earned, level, rank, content in people.values_list(*columns):
        if content is None:
            return {}
        levels = TierRules(content=content).levels
        floor = 0 if level is None else floor_rank(level, rank, [terms["code"] for terms in levels])
        ranks[customer_id] = max(ranks.get(customer_id, 0), earned or 0, floor)
        held[customer_id] = levels[ranks[customer_id]]
    return held


def seniority_years(customer: Customer, on: date) -> int:
    """Whole years since the customer registered; 29 February counts on 1 March of other years."""
    since = customer.registered_on
    return max(0, on.year - since.year - ((on.month, on.day) < (since.month, since.day)))
