"""What the page of the programme shows: the figures, the rules in words, who gave how much by hand."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Min, Q, Sum
from django.utils.translation import gettext as _

from core.accounts.models import User
from core.accounts.permissions import StaffRequest, may
from core.accounts.roles import Permission
from core.lib.periods import mall_day
from crm.desk.loyalty.points.forms import RulesForm
from crm.desk.paging import page_of
from customers.access import reached
from customers.models import Category
from loyalty.models import PointAccount, PointAdjustment, PointRules, PointTxn, Posting
from loyalty.points import accounts

LATELY = timedelta(days=90)
VERSIONS = 20


def context_of(request: StaffRequest, rules: PointRules | None, *, at: datetime) -> dict[str, Any]:
    months = accounts.liability(at=at)
    owed = sum(count for _month, count in months)
    return {
        "rules": rules,
        "rules_in_words": in_words(rules) if rules else [],
        "versions": page_of(request, PointRules.objects.order_by("-version").select_related("by"), VERSIONS),
        "owed": owed,
        "cost": Decimal(owed) * rules.yuan_per_point if rules else None,
        "members": PointAccount.objects.filter(earned__gt=0).count(),
        "debt": PointAccount.objects.aggregate(total=Sum("debt"))["total"] or 0,
        "days": LATELY.days,
        "months": _chart(months),
        "frozen": PointAccount.objects.filter(state=PointAccount.State.FROZEN).count(),
        "me": request.user.pk,
        **_moved(since=at - LATELY),
        **_by_hand(request.user, at=at),
    }


def _moved(*, since: datetime) -> dict[str, int]:
    # What was written before the first of these lines cannot be among them: that much of the ledger is not read.
    first = PointTxn.objects.filter(at__gt=since).aggregate(pk=Min("pk"))["pk"]
    shown = (Posting.Bucket.ISSUED, Posting.Bucket.REDEEMED, Posting.Bucket.EXPIRED)
    lines = Posting.objects.filter(txn__gte=first or 0, txn__at__gt=since, bucket__in=shown)
    moved = lines.values("bucket").annotate(points=Sum("points"))
    lately = {row["bucket"]: row["points"] for row in moved}
    return {
        "issued": -lately.get(Posting.Bucket.ISSUED, 0),
        "redeemed": lately.get(Posting.Bucket.REDEEMED, 0),
        "expired": lately.get(Posting.Bucket.EXPIRED, 0),
    }


def _by_hand(user: User, *, at: datetime) -> dict[str, Any]:
    """What waits is shown, with names, to those who decide it; the sums by person to everybody who sees the page.

    A customer out of reach waits for somebody who can open and decide it.
    """
    by_hand = PointAdjustment.objects.filter(at__gt=at - LATELY)
    mine = reached(user, mall_day(at), "account__customer__")
    waiting = by_hand.filter(mine, state=PointAdjustment.State.WAITING).select_related("account__customer", "by")
    given, taken = Sum("points", filter=Q(points__gt=0)), Sum("points", filter=Q(points__lt=0))
    people = by_hand.exclude(state=PointAdjustment.State.REFUSED).values("by__full_name", "by__username")
    return {
        "waiting": waiting if may(user, Permission.APPROVE_POINTS) else [],
        "by_person": people.annotate(n=Count("pk"), given=given, taken=taken).order_by("-given"),
    }


def in_words(rules: PointRules) -> list[tuple[str, str]]:
    """What the version says, in the words of the form; what it leaves out is left out."""
    named = Category.objects.filter(pk__in=rules.excluded_categories).order_by("name").values_list("name", flat=True)
    words = {
        "rate": f"{rules.rate.normalize():f}",
        "excluded_categories": ", ".join(named),
        "life_ends": PointRules.EndOf(rules.life_ends).label if rules.life_months else "",
        "shortfall": rules.get_shortfall_display(),
        "yuan_per_point": f"{rules.yuan_per_point.normalize():f}",
    }
    form = RulesForm()
    values = [
        (name, words.get(name, getattr(rules, name))) for name in form.fields if name not in ("reason", "starts_on")
    ]
    return [(str(form.fields[name].label), str(value)) for name, value in values if value]


def _chart(months: Iterable[tuple[date | None, int]]) -> dict[str, Any]:
    rows = list(months)
    return {
        "labels": [month.strftime("%Y-%m") if month else _("never") for month, _count in rows],
        "series": [{"name": _("Points that expire"), "data": [count for _month, count in rows]}],
    }
