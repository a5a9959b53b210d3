"""Two records that became one are two again: each holds the level it had, unless something has happened to it since."""

from datetime import date, datetime
from typing import Any

from django.db.models import Max

from core.accounts import audit
from core.accounts.models import User
from core.lib import rows
from core.lib.periods import mall_day
from customers.models import Customer
from loyalty.models import Membership, TierChange, TierOverride, TierRules
from loyalty.tiers import figures as facts
from loyalty.tiers import membership
from loyalty.tiers import night as tier_night

FIELDS = ("rank", "since", "review_on", "grace_until", "earned_from", "earned_to", "earned_bar", "seq")


def remember(loser: Customer, winner: Customer) -> dict[str, Any]:
    """What `unmerge` needs to know of the time before `membership.merge`."""
    held = {row["customer_id"]: row for row in Membership.objects.filter(pk__in=[loser.pk, winner.pk]).values()}
    overrides = TierOverride.objects.filter(customer__in=[loser, winner])
    return {
        "loser": held.get(loser.pk),
        "winner": held.get(winner.pk),
        "overrides": {str(pk): ends_on for pk, ends_on in overrides.values_list("pk", "ends_on")},
        "last_override": TierOverride.objects.aggregate(last=Max("pk"))["last"] or 0,
    }


def remember_after(winner: Customer, kept: dict[str, Any]) -> dict[str, Any]:
    """The last line of the winner's history, and the promises that the merge has given to the winner."""
    made = TierOverride.objects.filter(customer=winner, pk__gt=kept["last_override"])
    seq = Membership.objects.filter(pk=winner.pk).values_list("seq", flat=True).first()
    return {"seq": seq, "made": list(made.values_list("pk", flat=True))}


def unmerge(loser: Customer, winner: Customer, kept: dict[str, Any], *, by: User | None, at: datetime) -> None:
    """Both hold what they held before, and both histories get a line; a level that changed since stays."""
    today, rules = mall_day(at), membership.applied()
    TierOverride.objects.filter(pk__in=kept["made"], customer=winner).delete()
    for pk, ends_on in kept["overrides"].items():
        TierOverride.objects.filter(pk=pk).exclude(ends_on=ends_on).update(ends_on=ends_on)
    if rules is None:
        return
    was = Membership.objects.filter(pk=winner.pk).first()
    had = kept["winner"] or {}
    if was is not None and was.seq == kept["seq"] and had.get("seq") != kept["seq"]:
        _put_back(winner, was, kept["winner"], rules, today, at)
    if kept["loser"] is not None and not Membership.objects.filter(pk=loser.pk).exists():
        _put_back(loser, None, kept["loser"], rules, today, at)
    audit.record(by, "tier.unmerged", winner, at=at, loser=loser.pk)


def _put_back(
    customer: Customer,
    was: Membership | None,
    told: dict[str, Any] | None,
    rules: TierRules,
    today: date,
    at: datetime,
) -> None:
    """The customer holds what was told of the time before, or the lowest level."""
    codes = [level["code"] for level in rules.levels]
    held = facts.held_by(was)
    last = TierChange.objects.filter(customer=customer).aggregate(last=Max("seq"))["last"] or 0
    now = Membership(customer=customer, rank=0, since=today, seq=0)
    for name in FIELDS if told else ():
        setattr(now, name, rows.value(Membership, name, (told or {})[name]))
    now.rank = min(now.rank, len(codes) - 1)
    now.seq = last + 1
    now.save()
    before = min(int(held.rank[0]), len(codes) - 1)
    membership.tell_merge(customer, now, before, codes, rules, today, at, tier_night.plain(facts.row(held, 0)))
