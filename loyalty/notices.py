"""What the mall's other systems are told of points, levels, coupons and draws, as webhooks.

Each function is called by the one place that writes the change, within its transaction, and costs one small query as long
as nobody wants to be told. Told are customer numbers and figures: no names, no reasons, no coupon codes.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from django.db import models
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from core.outbox import webhooks
from core.outbox.webhooks import Event
from customers.models import Customer
from loyalty.models import Coupon, CouponRedemption, Draw, Posting, TierChange, TierRules
from loyalty.models.points import PointTxn

Bucket = Posting.Bucket


class Kind(models.TextChoices):
    """The events, by the name that travels."""

    POINTS_EARNED = "points.earned", _("Points were earned or given")
    POINTS_HELD = "points.held", _("Points were set aside")
    POINTS_REDEEMED = "points.redeemed", _("Points were redeemed")
    POINTS_EXPIRED = "points.expired", _("Points expired")
    POINTS_EXPIRING_SOON = "points.expiring_soon", _("Points expire in 30 days")
    TIER_UPGRADED = "tier.upgraded", _("A customer rose to a higher level")
    TIER_WILL_DOWNGRADE = "tier.will_downgrade", _("A customer will lose a level within 30 days")
    TIER_DOWNGRADED = "tier.downgraded", _("A customer fell to a lower level")
    TIER_RULES_PUBLISHED = "tier.rules_published", _("New rules of the levels were published")
    TIER_RULES_WITHDRAWN = "tier.rules_withdrawn", _("New rules of the levels will not come after all")
    COUPON_ISSUED = "coupon.issued", _("A coupon was handed to a customer")
    COUPON_REDEEMED = "coupon.redeemed", _("A coupon was redeemed")
    COUPON_EXPIRED = "coupon.expired", _("A coupon of a customer expired")
    LOTTERY_WON = "lottery.won", _("A customer won a prize")


# Points that came into this bucket (out of it: -1) within one transaction of the ledger.
OF_POINTS = {
    Bucket.ISSUED: (-1, Kind.POINTS_EARNED),
    Bucket.HELD: (1, Kind.POINTS_HELD),
    Bucket.REDEEMED: (1, Kind.POINTS_REDEEMED),
    Bucket.EXPIRED: (1, Kind.POINTS_EXPIRED),
}
EARNING = {PointTxn.Kind.EARN, PointTxn.Kind.GRANT}


def tell(kind: Kind, events: Callable[[], Iterable[Event]], *, at: datetime) -> None:
    """What `events` finds is told; it is not even asked while nobody listens."""
    if to := webhooks.wanted(kind):
        webhooks.store(events(), to, at=at)


def listeners(kind: Kind) -> int:
    """How many of the mall's systems would be told such an event now."""
    return len(webhooks.wanted(kind).get(kind, ()))


def points_moved(postings: Sequence[Posting], *, at: datetime) -> None:
    """What these postings did to each account, with what can be used after each transaction."""
    sums: dict[tuple[PointTxn, Kind], int] = defaultdict(int)
    for posting in postings:
        sign, kind = OF_POINTS.get(Bucket(posting.bucket), (0, None))
        if kind and (kind != Kind.POINTS_EARNED or posting.txn.kind in EARNING):
            sums[posting.txn, kind] += sign * posting.points
    webhooks.store_wanted(
        [
            Event(
                kind,
                txn.at,
                {
                    "customer": txn.account.customer.number,
                    "points": points,
                    "available": txn.balance,
                    "line": txn.seq,
                    "order": f"{txn.order.source}:{txn.order.external_id}" if txn.order else None,
                    "hold": f"{txn.hold.purpose}:{txn.hold.ref}" if txn.hold else None,
                },
            )
            for (txn, kind), points in sums.items()
            if points > 0
        ],
        at=at,
    )


def levels_changed(changes: Iterable[TierChange], *, at: datetime) -> None:
    """Who rose and who fell by the rules. A level promised by a person lies above that and is not told."""
    moved = [change for change in changes if change.rank_before != change.rank_after]
    if not moved or not (to := webhooks.wanted(Kind.TIER_UPGRADED, Kind.TIER_DOWNGRADED)):
        return
    numbers = _numbers(change.customer_id for change in moved)
    webhooks.store(
        (
            Event(
                Kind.TIER_UPGRADED if change.rank_after > change.rank_before else Kind.TIER_DOWNGRADED,
                at,
                {
                    "customer": numbers[change.customer_id],
                    "level": change.level_after,
                    "rank": change.rank_after,
                    "level_before": change.level_before,
                    "why": TierChange.Why(change.reason).name.lower(),
                    "since": change.since.isoformat(),
                    "review_on": change.review_on.isoformat() if change.review_on else None,
                },
            )
            for change in moved
        ),
        to,
        at=at,
    )


def rules_published(rules: TierRules, *, at: datetime) -> None:
    """What the members are told of new rules reaches them by the mall's own pages: they have it from here."""

    _tell_of_rules(Kind.TIER_RULES_PUBLISHED, rules, at)


def rules_withdrawn(rules: TierRules, *, at: datetime) -> None:
    """Whoever has told the members of these rules can tell them that they will not come."""
    _tell_of_rules(Kind.TIER_RULES_WITHDRAWN, rules, at)


def _tell_of_rules(kind: Kind, rules: TierRules, at: datetime) -> None:
    data = {"version": rules.version, "starts_on": rules.starts_on.isoformat(), "notice": rules.notice}
    tell(kind, lambda: [Event(kind, at, data)], at=at)


def coupons_issued(coupons: QuerySet[Coupon], *, at: datetime) -> None:
    tell(Kind.COUPON_ISSUED, lambda: _coupons(Kind.COUPON_ISSUED, coupons, at), at=at)


def coupons_expired(coupons: QuerySet[Coupon], *, at: datetime) -> None:
    tell(Kind.COUPON_EXPIRED, lambda: _coupons(Kind.COUPON_EXPIRED, coupons, at), at=at)


def coupon_redeemed(redemption: CouponRedemption, *, at: datetime) -> None:
    def event() -> Iterator[Event]:
        yield Event(
            Kind.COUPON_REDEEMED,
            at,
            {
                "customer": redemption.customer.number,
                "campaign": redemption.campaign.code,
                "coupon": redemption.coupon_id,
                "order": redemption.order_ref,
                "worth": str(redemption.worth),
            },
        )

    tell(Kind.COUPON_REDEEMED, event, at=at)


def prize_won(made: Draw, *, at: datetime) -> None:
    def event() -> Iterator[Event]:
        yield Event(
            Kind.LOTTERY_WON,
            at,
            {
                "customer": made.customer.number,
                "lottery": made.lottery.code,
                "draw": made.pk,
                "prize": made.prize.name,
                "kind": made.prize.kind,
                "claim_by": made.claim_by.isoformat() if made.claim_by else None,
            },
        )

    tell(Kind.LOTTERY_WON, event, at=at)


def _coupons(kind: Kind, coupons: QuerySet[Coupon], at: datetime) -> Iterator[Event]:
    """Those that belong to a customer: nobody knows who carries the others."""
    rows = coupons.filter(customer__isnull=False).order_by("pk")
    for pk, number, campaign, expires_at in rows.values_list("pk", "customer__number", "campaign__code", "expires_at"):
        yield Event(
            kind, at, {"customer": number, "campaign": campaign, "coupon": pk, "expires_at": expires_at.isoformat()}
        )


def _numbers(customer_ids: Iterable[int]) -> dict[int, str]:
    return dict(Customer.objects.filter(pk__in=set(customer_ids)).values_list("pk", "number"))
