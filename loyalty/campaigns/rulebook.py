"""A campaign of coupons as the rulebook changes it: what it would have been used for, by the orders of late."""

from collections.abc import Mapping
from copy import copy, deepcopy
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Count, Q, Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts.models import User
from core.accounts.roles import Permission
from core.lib import mall
from core.lib.errors import DomainError, Invalid
from core.lib.money import from_minor, to_minor
from core.lib.periods import mall_day, mall_midnight
from core.rulebook import changes
from core.rulebook.kinds import Content, Foretold, Kind, Number, Version
from core.rulebook.models import RuleChange
from customers.models import Standing
from loyalty.campaigns import asked, coupon_campaigns, foreseen, groups, terms, versions
from loyalty.campaigns.coupons import NOTHING
from loyalty.models import Coupon, CouponCampaign, CouponRedemption, CouponTerms
from loyalty.tiers import membership

Status = CouponCampaign.Status
MONEY = ("amount", "min_spend", "most_off", "budget")
LONGEST_ABSENCE, HIGHEST_LEVEL, MOST_DIGITS = 9999, 100, 10
GROUP = ("customer_class", "level", "absent_days", "region")
# Whether it runs; whom its coupons go to on the first day, in whose reach, and what telling them costs.
MORE = ("running", "group", "reach", "cost")
PREFIX = "coupons-"


class CampaignKind(Kind):
    """The rules of one campaign. Version 0 is that nothing is accepted: a roll back of the first one leads there."""

    edits = Permission.RUN_CAMPAIGNS
    confirms = Permission.RUN_CAMPAIGNS
    figures = {
        "days": gettext_lazy("Days looked at"),
        "hands": gettext_lazy("Coupons in customers' hands"),
        "used": gettext_lazy("Coupons used, if everybody uses what they may"),
        "cost": gettext_lazy("What these coupons cost, in yuan"),
        "sales": gettext_lazy("Goods bought with them, in yuan"),
        "per_hundred": gettext_lazy("Cost for 100 of these goods"),
        "refused": gettext_lazy("Orders that limit or budget turn away"),
    }

    def __init__(self, campaign: CouponCampaign) -> None:
        self.campaign = campaign
        self.name = f"{PREFIX}{campaign.pk}"  # type: ignore[misc]
        self.label = campaign.name  # type: ignore[misc, assignment]

    def checked(self, content: Content) -> Content:
        if unknown := sorted(content.keys() - {*terms.SAID, *MORE}):
            raise Invalid(_("There is no rule called “%(name)s”.") % {"name": unknown[0]})
        row = self._saying({**terms.said_by(self.campaign), **content})
        terms.refuse(row)
        return {
            **terms.said_by(row),
            "running": bool(content.get("running", True)),
            "group": _group(content.get("group")),
            "reach": content.get("reach"),
            "cost": _cost(content.get("cost")),
        }

    def written_by(self, content: Content, by: User) -> Content:
        """The first hand-out is for people in the reach of who proposes it."""
        return {**content, "reach": by.pk if content.get("group") is not None else None}

    def versions(self, limit: int) -> list[Version]:
        rows = list(versions.of(self.campaign)[:limit])
        found = [Version(row.version, row.content, row.starts_at, row.reason, row.by) for row in rows]
        if not rows and self.campaign.status != Status.DRAFT:
            found = [Version(1, versions.running(self.campaign), None, "", self.campaign.by)]
        if len(found) < limit:
            first = found[-1].content if found else versions.running(self.campaign)
            found.append(Version(0, {**first, "running": False}, None, "", None))
        return found

    def foretell(self, content: Content, *, starts_on: date, at: datetime, rolls_back: int | None) -> Foretold:
        """The orders of late, as if they came again from that day on, with the coupons that customers then have."""
        self._refuse(content, starts_on=starts_on, rolls_back=rolls_back)
        new, runs = self._saying(content), self.campaign.status != Status.DRAFT
        days = foreseen.days_of(starts_on, new.ends_at)
        days, sold = foreseen.sold_lately(mall_day(at), days, begins=starts_on)
        stand = foreseen.stand_of(self.campaign, at=at)
        before, had = foreseen.Used(), stand.coupons
        if runs:
            before = foreseen.replay(self._saying(self.versions(1)[0].content), deepcopy(stand), sold)
        if not content["running"]:
            return _foretold(days, (had, 0), before, foreseen.Used())
        if not runs and content["group"] is not None and new.needs_code:
            expires_at = terms.expiry(new, max(at, mall_midnight(starts_on)))
            for customer in self._people(content, mall_day(at)):
                stand.hands[customer].append(expires_at)
        have = stand.coupons
        return _foretold(days, (had, have), before, foreseen.replay(new, stand, sold))

    def put_in_force(self, change: RuleChange, *, starts_at: datetime, by: User, at: datetime) -> int:
        """The campaign says it from that moment on; the first version starts it and hands out its coupons."""
        row = versions.add(
            self.campaign.pk,
            change.content,
            starts_at=starts_at,
            reason=change.reason,
            by=change.by,
            at=at,
            taken_back=change.rolls_back is not None,
        )
        self.campaign.refresh_from_db()
        return row.version

    def take_back(self, version: int, *, at: datetime) -> None:
        versions.withdraw(self.campaign.pk, version, at=at)

    def happened(self, version: int, *, at: datetime) -> Mapping[str, Number] | None:
        """What came in as many days as were looked at, from the first day of the version on."""
        row = CouponTerms.objects.get(campaign=self.campaign, version=version)
        if row.begun_at is None or row.starts_at is None:
            return None
        starts_on = mall_day(row.starts_at)
        ends_at = self._saying(row.content).ends_at
        until = mall_midnight(starts_on + timedelta(days=foreseen.days_of(starts_on, ends_at)))
        used = CouponRedemption.objects.filter(campaign=self.campaign, status=CouponRedemption.Status.REDEEMED)
        sums = used.filter(reserved_at__gte=row.starts_at, reserved_at__lt=until).aggregate(
            used=Count("pk"), cost=Sum("worth"), sales=Sum("goods")
        )
        cost, sales = sums["cost"] or NOTHING, sums["sales"] or NOTHING
        return {
            "hands": self._had(row.starts_at),
            "used": sums["used"],
            "cost": float(cost),
            "sales": float(sales),
            "per_hundred": _rate(cost, sales),
        }

    def differences(self, before: Content | None, after: Content) -> list[str]:
        if not after["running"]:
            return [
                _("No order can use it any more; what orders hold is still honoured. Unused coupons are withdrawn.")
            ]
        if before is None or not before["running"]:
            return [f"{label}: {value}" for label, value in self.says(after)]
        old, new = dict(self.says(before)), dict(self.says(after))
        return [
            _("%(option)s: %(after)s instead of %(before)s.")
            % {"option": label, "before": old.get(label, "–"), "after": new.get(label, "–")}
            for label in dict.fromkeys([*old, *new])
            if old.get(label) != new.get(label)
        ]

    def says(self, content: Content) -> list[tuple[str, str]]:
        if not content["running"]:
            return [(str(self.label), _("Nothing is accepted."))]
        rows = [(name, _in_words(name, content[name])) for name in terms.SAID]
        lines = [(str(terms.LABELS[name]), words) for name, words in rows if words]
        if content["group"] is not None:
            lines.append((_("Handed out on the first day"), group_words(content["group"])))
        return lines

    def doubts(self, content: Content, figures: Mapping[str, tuple[Number, Number]]) -> list[str]:
        if not content["running"]:
            return []
        row = self._saying(content)
        return [*asked.of_terms(row), *asked.of_hands(row, int(figures.get("hands", (0, 0))[1]))]

    def stays(self, version: int) -> list[str]:
        used = CouponRedemption.objects.filter(campaign=self.campaign, status=CouponRedemption.Status.REDEEMED)
        row = CouponTerms.objects.filter(campaign=self.campaign, version=version).first()
        if row is not None and row.starts_at is not None:
            used = used.filter(reserved_at__gte=row.starts_at)
        sums = used.aggregate(n=Count("pk"), cost=Sum("worth"))
        return [
            _("Coupons that orders have used under this version, which stay used: %(count)s (%(cost)s).")
            % {"count": f"{sums['n']:,}", "cost": mall.priced(sums["cost"] or NOTHING)}
        ]

    def notice_days(self, content: Content) -> int:
        """What favours customers can begin today; anything else about a running campaign cannot change."""
        return 0

    # Inside ----------------------------------------------------------------------------------------------------------

    def _saying(self, content: Content) -> CouponCampaign:
        """The campaign, as if it said this; not stored."""
        row = copy(self.campaign)
        for name, value in terms.values_of(content).items():
            setattr(row, name, value)
        return row

    def _refuse(self, content: Content, *, starts_on: date, rolls_back: int | None) -> None:
        row, last = self._saying(content), self.versions(1)[0]
        if self.campaign.status == Status.ENDED:
            raise DomainError(_("This campaign has ended. Set up a new one."), code="campaign_over")
        if rolls_back is not None:
            return
        if row.ends_at <= mall_midnight(starts_on):
            raise Invalid(_("A campaign ends after it begins."), code="ends_at")
        if self.campaign.status != Status.DRAFT and last.content["running"]:
            terms.refuse_less(self._saying(last.content), row)

    def _people(self, content: Content, today: date) -> list[int]:
        by = User.objects.get(pk=content["reach"])
        people = groups.people(content["group"], by=by, today=today).values_list("pk", flat=True)
        ids = list(people[: coupon_campaigns.MOST_ISSUED + 1])
        if len(ids) > coupon_campaigns.MOST_ISSUED:
            raise Invalid(
                _("That is more than %(most)d customers. Narrow the group.") % {"most": coupon_campaigns.MOST_ISSUED},
                code="many",
            )
        return ids

    def _had(self, at: datetime) -> int:
        """Coupons that customers had when a version began, those of its own hand-out among them."""
        rows = Coupon.objects.filter(campaign=self.campaign, customer__isnull=False, expires_at__gt=at)
        issued = Q(issued_at__lte=at) | Q(issue__client_key__startswith=versions.HANDED)
        used_before = CouponRedemption.objects.filter(
            campaign=self.campaign, status=CouponRedemption.Status.REDEEMED, redeemed_at__lt=at, coupon__isnull=False
        )
        return rows.filter(issued).exclude(pk__in=used_before.values("coupon")).count()


def of(campaign: CouponCampaign) -> CampaignKind:
    """The rules of this campaign."""
    return CampaignKind(campaign)


def change_draft(campaign: CouponCampaign, *, by: User, at: datetime, **told: Any) -> CouponCampaign:
    """New terms of a draft. Raises DomainError while its start waits for a second person: that says the terms of before."""
    if changes.waiting(of(campaign)).exists():
        raise DomainError(
            _("The start of this campaign waits for a second person. Drop that first, then change it."),
            code="waits_already",
        )
    return coupon_campaigns.change(campaign.pk, by=by, at=at, **told)


def named(name: str) -> CampaignKind | None:
    """The kind of that name; None where there is no such campaign."""
    pk = name.removeprefix(PREFIX)
    if not name.startswith(PREFIX) or not pk.isdecimal() or len(pk) > MOST_DIGITS:
        return None
    campaign = CouponCampaign.objects.select_related("by").filter(pk=int(pk)).first()
    return CampaignKind(campaign) if campaign is not None else None


def group_words(group: Mapping[str, Any]) -> str:
    """The group of a hand-out in one line."""
    rules = membership.applied()
    words = []
    for name, value in group.items():
        if name == "customer_class":
            words.append(str(Standing.Class(int(value)).label))
        elif name == "level":
            rank = int(value)
            words.append(rules.levels[rank]["name"] if rules and rank < len(rules.levels) else str(rank))
        elif name == "absent_days":
            words.append(_("no purchase for more than %(days)s days") % {"days": value})
        else:
            words.append(str(value))
    return " · ".join(words) or _("All customers in reach")


def _foretold(days: int, hands: tuple[int, int], before: foreseen.Used, after: foreseen.Used) -> Foretold:
    return Foretold(
        {
            "days": (days, days),
            "hands": hands,
            "used": (before.used, after.used),
            "cost": (float(before.cost), float(after.cost)),
            "sales": (float(before.sales), float(after.sales)),
            "per_hundred": (_rate(before.cost, before.sales), _rate(after.cost, after.sales)),
            "refused": (before.refused, after.refused),
        }
    )


def _rate(cost: Decimal, sales: Decimal) -> float:
    return round(float(cost * 100 / sales), 2) if sales > 0 else 0.0


def _cost(value: Any) -> str:
    try:
        return str(from_minor(to_minor(value or 0)))
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), code="cost") from None


def _group(value: Any) -> dict[str, Any] | None:
    """The customers of the hand-out; None for nobody. Raises Invalid for what is no group."""
    if value is None:
        return None
    try:
        group = {name: value[name] for name in GROUP if value.get(name) not in ("", None)}
        for name in ("customer_class", "level"):
            if name in group:
                group[name] = str(int(group[name]))
        if "customer_class" in group and int(group["customer_class"]) not in Standing.Class.values:
            raise ValueError(group["customer_class"])
        if "absent_days" in group:
            group["absent_days"] = int(group["absent_days"])
        if "region" in group:
            group["region"] = str(group["region"])[:60]
        if not 0 <= int(group.get("level", 0)) <= HIGHEST_LEVEL:
            raise ValueError(group["level"])
        if value.keys() - set(GROUP) or not 0 <= group.get("absent_days", 0) <= LONGEST_ABSENCE:
            raise ValueError(value)
    except (AttributeError, TypeError, ValueError, OverflowError):
        raise Invalid(_("This is no group of customers."), code="group") from None
    return group


def _in_words(name: str, value: Any) -> str:
    """Empty for what need not be said."""
    if name == "kind":
        return str(CouponCampaign.Kind(value).label)
    if name == "ends_at":
        return mall_day(datetime.fromisoformat(value) - timedelta(microseconds=1)).isoformat()
    if name == "needs_code":
        return str(_("yes") if value else _("no"))
    if name == "categories":
        return ", ".join(value)
    if value in (None, "", 0, "0.00"):
        return ""
    if name in MONEY:
        return mall.priced(Decimal(value))
    return f"{value} %" if name == "percent" else f"{value:,}" if isinstance(value, int) else str(value)
