"""Why a customer has this level, what the next one takes, and who is about to lose theirs.

By the functions of the evaluator itself: what is said here cannot disagree with what the night does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from django.db.models import QuerySet
from numpy.typing import NDArray

from core.lib.money import from_minor
from core.lib.periods import mall_day
from core.outbox import webhooks
from core.outbox.webhooks import Event
from customers import todo
from customers.models import Customer, Todo
from loyalty import notices
from loyalty.maths.tiers import (
    NEVER,
    Basis,
    Downgrade,
    Events,
    Held,
    Rule,
    Window,
    figures,
    replay,
    totals,
    window_start,
)
from loyalty.models import Membership, TierChange
from loyalty.notices import Kind
from loyalty.tier_rules import LevelTerms
from loyalty.tiers import figures as facts
from loyalty.tiers import membership
from loyalty.tiers.membership import Standing
from segmentation.frames import day_number, from_day_number

Array = NDArray[Any]
SOON = 30
SHOWN = 5
# A to-do for the account manager this long before the review.
NOTICE = timedelta(days=60)
# So many are named one by one; more are found by their review.
MANY = 1000


@dataclass(frozen=True)
class Purchase:
    """What one purchase day counts, after refunds."""

    on: date
    amount: Decimal | int


@dataclass(frozen=True)
class Explanation:
    """Amounts are yuan, or orders where the rules count orders. A purchase of `gap` reaches `next_level`, less does not.

    `purchases` are the largest; with the `other_days`, which bring `others`, they make `amount`.
    `leaving` is what falls out of the window within 30 days. `keep_missing` is still to be bought before `keep_by`
    (its last day) to keep the level; `projected` is the level after the review if nothing is bought.
    """

    standing: Standing
    counts_orders: bool
    window_from: date | None
    amount: Decimal | int
    purchases: list[Purchase]
    purchase_days: int
    other_days: int
    others: Decimal | int
    next_level: LevelTerms | None
    gap: Decimal | int | None
    leaving: list[Purchase]
    leaving_total: Decimal | int
    keep_missing: Decimal | int | None
    keep_by: date | None
    in_grace: bool
    projected: LevelTerms | None
    history: list[TierChange]

    @property
    def threshold(self) -> Decimal | int | None:
        """What the next level asks."""
        if self.next_level is None:
            return None
        threshold = Decimal(self.next_level["qualify"])
        return int(threshold) if self.counts_orders else threshold

    @property
    def progress(self) -> int:
        """Per cent of the way to the next level, 100 at the top."""
        if self.next_level is None:
            return 100
        share = Decimal(100) * self.amount / Decimal(self.next_level["qualify"])
        return min(99, max(0, int(share)))


class Asked(NamedTuple):
    """What `explain` reads of a customer beside the purchases, to be read with other things."""

    standing: membership.Asked
    history: QuerySet[TierChange]


def asked(customer: Customer, *, on: date) -> Asked:
    return Asked(membership.asked(customer, on=on), membership.history_until(customer, on)[:SHOWN])


def explain(
    customer: Customer, *, at: datetime, as_of: date | None = None, read: Asked | None = None
) -> Explanation | None:
    """Everything up to this moment counted, or up to the end of an earlier day; None as long as the mall has no tiers.

    Of an earlier day: the rules and the level of then, and no purchase or refund that came later.
    """
    today = mall_day(at)
    if as_of is not None and as_of < today:
        today = as_of
        standing = membership.standing_then(customer, on=today)
    else:
        standing = membership.standing(customer, on=today, read=read.standing if read else None)
    if standing is None:
        return None
    rule, levels = standing.rules.rule, standing.rules.levels
    held = facts.held_by(standing.member)
    day = day_number(today) + 1
    bought = facts.events(np.array([customer.pk]), rule.basis)
    bought = bought.of((bought.day < day) & (bought.known < day))
    qualifying = int(figures(rule, held, bought, day, day)[0][0])
    start = int(window_start(rule, np.array([day]))[0])
    by_day = _by_day(bought, start, day)
    largest = sorted(by_day, key=lambda p: -p[1])
    next_rank = standing.rank + 1 if standing.rank + 1 < len(levels) else None
    later = int(window_start(rule, np.array([day + SOON]))[0])
    leaving = [(on, amount) for on, amount in by_day if on < later and amount]
    missing, by = _to_keep(rule, held, bought, day)
    return Explanation(
        standing=standing,
        counts_orders=rule.basis == Basis.ORDERS,
        window_from=None if rule.window == Window.LIFETIME else from_day_number(start),
        amount=_unit(rule, qualifying),
        purchases=[Purchase(from_day_number(on), _unit(rule, amount)) for on, amount in largest[:SHOWN]],
        purchase_days=len(by_day),
        other_days=len(largest[SHOWN:]),
        others=_unit(rule, sum(amount for _on, amount in largest[SHOWN:])),
        next_level=levels[next_rank] if next_rank is not None else None,
        gap=None if next_rank is None else _unit(rule, max(0, rule.levels[next_rank].qualify - qualifying)),
        leaving=[Purchase(from_day_number(on), _unit(rule, amount)) for on, amount in leaving],
        leaving_total=_unit(rule, sum(amount for _on, amount in leaving)),
        keep_missing=None if missing is None else _unit(rule, missing),
        keep_by=by,
        in_grace=bool(standing.member and standing.member.grace_until),
        projected=levels[_projected(rule, held, bought, day)] if by else None,
        history=list(read.history if read else membership.history_until(customer, today)[:SHOWN]),
    )


def _unit(rule: Rule, amount: int) -> Decimal | int:
    return amount if rule.basis == Basis.ORDERS else from_minor(amount)


def _by_day(bought: Events, start: int, end: int) -> list[tuple[int, int]]:
    """Purchase days of [start, end) with what is left of them after the refunds known before `end`."""
    counts = (bought.day >= start) & (bought.day < end) & (bought.known < end)
    days, place = np.unique(bought.day[counts], return_inverse=True)
    left = np.bincount(place, weights=bought.amount[counts], minlength=len(days)).astype(np.int64)
    return [(on, amount) for on, amount in zip(days.tolist(), left.tolist(), strict=True) if amount]


def _to_keep(rule: Rule, held: Held, bought: Events, day: int) -> tuple[int | None, date | None]:
    """What is still missing for the review, and the last day on which a purchase counts for it."""
    if held.review[0] == NEVER or rule.downgrade == Downgrade.NEVER:
        return None, None
    counted = int(totals(bought, window_start(rule, held.review), np.array([day]), np.array([day]))[0])
    missing = max(0, int(rule.retain[held.rank[0]]) - counted)
    return missing, from_day_number(int(decides(held)[0]) - 1)


def decides(held: Held) -> Array:
    """The night until which a purchase still counts: the review, or the end of the grace that it opened."""
    return np.where(held.grace == NEVER, held.review, held.grace)


def _projected(rule: Rule, held: Held, bought: Events, day: int) -> int:
    """The rank after the review and its grace, if nothing more is bought."""
    last = int(held.review[0]) + rule.grace_days + 1
    rank = int(held.rank[0])
    for _night, outcome in replay(rule, held, bought, day - 1, max(last, day), as_if_never_bought=False):
        rank = int(outcome.held.rank[0])
    return rank


# At risk ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AtRisk:
    """A member whose level ends unless `missing` more is bought up to `by`."""

    customer_id: int
    level: LevelTerms
    missing: Decimal | int
    by: date
    in_grace: bool


def at_risk(*, on: date, among: QuerySet[Membership] | None = None) -> list[AtRisk]:
    """Members in grace, or reviewed within 60 days, who have not enough to keep their level; the soonest first."""
    rules = membership.applied()
    if rules is None or rules.rule.downgrade == Downgrade.NEVER:
        return []
    until = on + NOTICE
    rows = (Membership.objects.all() if among is None else among).filter(review_on__lte=until, rank__gt=0)
    ids = np.array(sorted(rows.values_list("pk", flat=True)), dtype=np.int64)
    if not len(ids):
        return []
    rule, day = rules.rule, day_number(on) + 1
    due = until if len(ids) > MANY else None
    everybody = facts.people(ids, None if due else ids.tolist(), due=due)
    held = everybody.held.of(np.searchsorted(everybody.ids, ids))
    bought = facts.events(ids, rule.basis, due=due)
    ends = np.full(len(ids), day, np.int64)
    missing = rule.retain[held.rank] - totals(bought, window_start(rule, held.review), ends, ends)
    in_grace, by = held.grace != NEVER, decides(held) - 1
    risks = [
        AtRisk(
            int(ids[n]),
            rules.levels[int(held.rank[n])],
            _unit(rule, int(missing[n])),
            from_day_number(by[n]),
            bool(in_grace[n]),
        )
        for n in np.flatnonzero(missing > 0)
    ]
    return sorted(risks, key=lambda risk: (risk.by, risk.customer_id))


def open_todos(*, on: date, at: datetime, among: QuerySet[Membership] | None = None) -> int:
    """Every member at risk who has an account manager is a to-do of theirs, one per review; returns how many are new."""
    risks = {risk.customer_id: risk for risk in at_risk(on=on, among=among)}
    rows = Customer.objects.filter(pk__in=risks, manager__isnull=False).select_related("standing")
    review = dict(Membership.objects.filter(pk__in=risks).values_list("pk", "review_on"))
    return todo.open_many(_todo(customer, risks[customer.pk], review[customer.pk], on, at) for customer in rows)


def _todo(customer: Customer, risk: AtRisk, review_on: date | None, on: date, at: datetime) -> Todo:
    return Todo(
        customer=customer,
        reason=Todo.Reason.TIER,
        text={"level": risk.level["name"], "missing": str(risk.missing), "by": risk.by.isoformat()},
        due_on=on,
        at_stake=max(customer.standing.value, Decimal(0)),
        dedupe_key=f"tier:{customer.pk}:{review_on}",
        opened_at=at,
    )


def tell_at_risk(*, on: date, at: datetime) -> None:
    """Who loses a level within 30 days unless they buy is told to the mall's systems, once per review and per grace."""

    def events() -> Iterator[Event]:
        risks = [risk for risk in at_risk(on=on) if risk.by <= on + timedelta(days=SOON)]
        ids = [risk.customer_id for risk in risks]
        numbers = dict(Customer.objects.filter(pk__in=ids).values_list("pk", "number"))
        for risk in risks:
            number = numbers[risk.customer_id]
            yield Event(
                Kind.TIER_WILL_DOWNGRADE,
                at,
                {
                    "customer": number,
                    "level": risk.level["code"],
                    "missing": str(risk.missing),
                    "by": risk.by.isoformat(),
                    "in_grace": risk.in_grace,
                },
                webhooks.id_of(Kind.TIER_WILL_DOWNGRADE, f"{number}:{risk.by}"),
            )

    notices.tell(Kind.TIER_WILL_DOWNGRADE, events, at=at)


def drop_settled_todos(*, on: date, at: datetime) -> int:
    """To-dos about levels that are no longer at risk (kept, lost, or refunded away) are not needed any more."""
    open_todos_ = Todo.objects.filter(reason=Todo.Reason.TIER, state=Todo.State.OPEN)
    still = {
        risk.customer_id
        for risk in at_risk(on=on, among=Membership.objects.filter(pk__in=open_todos_.values("customer_id")))
    }
    return open_todos_.exclude(customer_id__in=still).update(state=Todo.State.DROPPED, closed_at=at)
