"""What conditions may say of what a customer was given: level, points, coupons, clubs."""

from collections.abc import Sequence

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from core.lib.conditions import fields as of
from core.lib.conditions.fields import Context, Cost, Field, Fresh
from core.lib.conditions.kinds import Kind, Words
from core.lib.conditions.tree import Leaf
from core.lib.periods import mall_midnight
from customers.lists.happenings import happening, of_zero, times_of
from loyalty.models import (
    Club,
    ClubMember,
    Coupon,
    CouponCampaign,
    CouponRedemption,
    Membership,
    NextLevel,
    PointAccount,
    PointLot,
)
from loyalty.tiers import membership

GROUP = _("Levels, points and coupons")
REDEEMED = (CouponRedemption.Status.REDEEMED,)


def _levels() -> list[tuple[str, Words]]:
    rules = membership.applied()
    return [(level["code"], level["name"]) for level in rules.levels] if rules else []


def _level(leaf: Leaf, context: Context) -> Q:
    """By the rank that the rules gave; who was never looked at is at the lowest level."""
    codes = [code for code, _name in _levels()]
    chosen = {codes.index(value) for value in leaf.values if value in codes}
    ranks = chosen if leaf.op == "any" else set(range(len(codes))) - chosen
    held = Membership.objects.filter(customer=OuterRef("customer_id"))
    among = Q(Exists(held.filter(rank__in=sorted(ranks))))
    return among | Q(~Exists(held)) if 0 in ranks else among


def _on_the_way(leaf: Leaf, context: Context) -> Q:
    rows = NextLevel.objects.filter(customer=OuterRef("customer_id"))
    if leaf.op == "unknown":
        return Q(~Exists(rows))
    return Q(Exists(rows.filter(of.compare(leaf.op, "per_cent", [int(value) for value in leaf.values]))))


def _review(leaf: Leaf, context: Context) -> Q:
    reviewed = Membership.objects.filter(customer=OuterRef("customer_id"), review_on__isnull=False)
    if leaf.op == "unknown":
        return Q(~Exists(reviewed))
    return Q(Exists(reviewed.filter(of.between_days("review_on", *of.span(leaf, context.today)))))


def _points(leaf: Leaf, context: Context) -> Q:
    accounts = PointAccount.objects.filter(customer=OuterRef("customer_id"))
    return of_zero(leaf.op, [int(value) for value in leaf.values], accounts.filter, "available")


def _expiring(leaf: Leaf, context: Context) -> Q:
    """Whether any of the points that can be used expire on one of the days that are meant."""
    lots = PointLot.objects.filter(account=OuterRef("customer_id"), available__gt=0, expires_at__isnull=False)
    if leaf.op == "unknown":
        return Q(~Exists(lots))
    first, after = of.span(leaf, context.today)
    bounds = (mall_midnight(first) if first else None, mall_midnight(after) if after else None)
    return Q(Exists(lots.filter(of.between_days("expires_at", *bounds))))


def _coupons(leaf: Leaf, context: Context) -> Q:
    """How many coupons they could still use today."""
    usable = Coupon.objects.filter(
        customer=OuterRef("customer_id"),
        status=Coupon.Status.ISSUED,
        expires_at__gt=mall_midnight(context.today),
    )
    return times_of(usable, leaf)


def _used(values: Sequence[str]) -> QuerySet[CouponRedemption]:
    redeemed = CouponRedemption.objects.filter(status__in=REDEEMED)
    return redeemed.filter(campaign__code__in=values) if values else redeemed


def _campaigns() -> list[tuple[str, Words]]:
    campaigns = CouponCampaign.objects.exclude(status=CouponCampaign.Status.DRAFT).order_by("-pk")
    return [(code, name) for code, name in campaigns.values_list("code", "name")]


def _clubs() -> list[tuple[str, Words]]:
    return [(str(pk), name) for pk, name in Club.objects.order_by("name").values_list("pk", "name")]


def _in_clubs(leaf: Leaf, context: Context) -> Q:
    member = ClubMember.objects.filter(customer=OuterRef("customer_id"), left_on__isnull=True)
    clubs = [int(value) for value in leaf.values]
    if leaf.op == "all":
        return Q(*(Exists(member.filter(club=club)) for club in clubs))
    among = Exists(member.filter(club__in=clubs))
    return Q(among) if leaf.op == "any" else Q(~among)


FIELDS: tuple[Field, ...] = (
    Field(
        "level",
        _("Level"),
        Kind.CHOICE,
        _level,
        group=GROUP,
        fresh=Fresh.NIGHT,
        cost=Cost.PROBE,
        options=_levels,
    ),
    Field(
        "next_level",
        _("Of the way to the next level (%)"),
        Kind.NUMBER,
        _on_the_way,
        group=GROUP,
        fresh=Fresh.NIGHT,
        cost=Cost.PROBE,
        unknown=True,
        says={"unknown": _("on no way to another level")},
        note=_("By what counts for it. Who has the highest level, or bought nothing that counts, is on no way."),
    ),
    Field(
        "level_review",
        _("Level looked at again"),
        Kind.DAY,
        _review,
        group=GROUP,
        cost=Cost.PROBE,
        unknown=True,
    ),
    Field("points", _("Points"), Kind.NUMBER, _points, group=GROUP, cost=Cost.PROBE),
    Field(
        "points_expire",
        _("Points that expire"),
        Kind.DAY,
        _expiring,
        group=GROUP,
        cost=Cost.PROBE,
        unknown=True,
        says={"next": _("points expire in the next %(value)s days"), "unknown": _("no points that expire")},
    ),
    Field("coupons", _("Coupons they can use"), Kind.NUMBER, _coupons, group=GROUP, cost=Cost.PROBE),
    Field(
        "used",
        _("Used a coupon"),
        Kind.HAPPENING,
        happening(_used, at="redeemed_at", paid="discount"),
        group=GROUP,
        cost=Cost.PROBE,
        options=_campaigns,
        says={"has": _("used a coupon of %(value)s"), "never": _("never used a coupon of %(value)s")},
    ),
    Field(
        "club",
        _("Club"),
        Kind.SET,
        _in_clubs,
        group=GROUP,
        cost=Cost.PROBE,
        options=_clubs,
    ),
)
