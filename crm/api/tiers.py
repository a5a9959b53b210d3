"""REST for the till and the shop: which level a customer has, and what it entitles to."""

from datetime import date
from decimal import Decimal
from typing import Any, TypedDict

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.accounts.roles import ApiScope
from core.lib.errors import Invalid, Unknown
from core.lib.periods import mall_day
from crm.api.base import StrictView, customer_named
from crm.api.serializers.customers import Strict
from loyalty.tier_rules import BENEFIT, Content
from loyalty.tiers import explain as tier_explain
from loyalty.tiers.explain import Explanation


class BenefitOut(serializers.Serializer[Any]):
    """`amount` is in `unit`: % of the price, × of the points, ¥, or d(ays); empty for benefits without amount."""

    kind = serializers.ChoiceField(choices=list(BENEFIT))
    amount = serializers.CharField()
    unit = serializers.CharField()


class LevelOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()


class TierOut(serializers.Serializer[Any]):
    """`gap` is what reaches `next_level` (a purchase of exactly that is enough), in `counted_in`."""

    customer = serializers.CharField()
    level = LevelOut()
    rank = serializers.IntegerField(min_value=0)
    since = serializers.DateField(allow_null=True)
    review_on = serializers.DateField(allow_null=True)
    grace_until = serializers.DateField(allow_null=True)
    promised_until = serializers.DateField(allow_null=True)
    benefits = BenefitOut(many=True)
    next_level = LevelOut(allow_null=True)
    counted_in = serializers.ChoiceField(choices=["money", "orders"])
    amount = serializers.CharField()
    gap = serializers.CharField(allow_null=True)
    keep_missing = serializers.CharField(allow_null=True)
    keep_by = serializers.DateField(allow_null=True)
    seniority_years = serializers.IntegerField(min_value=0)
    rules_version = serializers.IntegerField(min_value=1)


class TierQuery(Strict):
    as_of = serializers.DateField(required=False, help_text="Today, or an earlier day of the mall")


class TierView(StrictView):
    scope = ApiScope.CUSTOMERS_READ
    query = TierQuery

    @extend_schema(
        operation_id="customer_tier_get",
        parameters=[TierQuery],
        responses=TierOut,
        summary="The level of a customer and its benefits",
        description="404 while the mall has no levels. Everything bought up to this moment is counted in `gap`. "
        "`as_of` explains an earlier day: the rules and the level of then, and what had been bought and sent back by its end.",
    )
    def get(self, request: Request, number: str) -> Response:
        at = timezone.now()
        as_of = self.params.get("as_of")
        if as_of is not None and as_of > mall_day(at):
            raise Invalid(_("Ask for today or an earlier day."), code="as_of")
        customer = customer_named(request, number)
        why = tier_explain.explain(customer, at=at, as_of=as_of)
        if why is None:
            raise Unknown(_("The mall had no levels on that day."), code="no_levels")
        return Response(TierOut(_tier_data(customer.number, why)).data)


class BenefitData(TypedDict):
    kind: str
    amount: str
    unit: str


class TierData(TypedDict):
    """What `TierOut` writes."""

    customer: str
    level: Content
    rank: int
    since: date | None
    review_on: date | None
    grace_until: date | None
    promised_until: date | None
    benefits: list[BenefitData]
    next_level: Content | None
    counted_in: str
    amount: str | None
    gap: str | None
    keep_missing: str | None
    keep_by: date | None
    seniority_years: int
    rules_version: int


def _tier_data(number: str, why: Explanation) -> TierData:
    standing = why.standing
    member, promised = standing.member, standing.promised
    return {
        "customer": number,
        "level": standing.level,
        "rank": standing.rank,
        "since": member.since if member else None,
        "review_on": member.review_on if member else None,
        "grace_until": member.grace_until if member else None,
        "promised_until": promised.ends_on if promised else None,
        "benefits": [_benefit(benefit) for benefit in standing.benefits],
        "next_level": why.next_level,
        "counted_in": "orders" if why.counts_orders else "money",
        "amount": _written(why.amount),
        "gap": _written(why.gap),
        "keep_missing": _written(why.keep_missing),
        "keep_by": why.keep_by,
        "seniority_years": standing.seniority_years,
        "rules_version": standing.rules.version,
    }


def _benefit(benefit: Content) -> BenefitData:
    unit = BENEFIT[benefit["kind"]].unit if benefit["amount"] else ""
    return {"kind": benefit["kind"], "amount": benefit["amount"], "unit": unit}


def _written(amount: Decimal | int | None) -> str | None:
    return None if amount is None else str(amount)
