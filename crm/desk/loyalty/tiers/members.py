"""Who holds which level, how that moved, and who is about to lose theirs."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import TruncMonth
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.accounts.models import User
from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission, rights_of
from crm.desk.acting import press
from crm.desk.paging import EMPTY, Page, page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import now, today
from customers.access import scope_filter, visible_to
from customers.models import Customer
from loyalty.maths.tiers import Basis
from loyalty.models import Membership, TierChange, TierOverride, TierRules
from loyalty.tier_rules import LevelTerms
from loyalty.tiers import explain, membership
from loyalty.tiers.explain import AtRisk

SHOWN = 100
MOVEMENT = timedelta(days=30)
YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Tile:
    """A level with how many hold it, and how many came to it and left it lately."""

    rank: int
    level: LevelTerms
    count: int
    came: int
    left: int


class Holder(NamedTuple):
    customer: Customer
    member: Membership | None
    promised: TierOverride | None


class Risk(NamedTuple):
    risk: AtRisk
    customer: Customer


def sees_names(user: User) -> bool:
    return rights_of(user).sees_customers


def answers_for_all(user: User) -> bool:
    """Who writes the rules knows by name everybody whom they move, in whoever's book they are."""
    return may(user, Permission.EDIT_RULES)


def _in_reach(user: User) -> QuerySet[Customer]:
    """The customers a page counts: those in reach, or for roles that see no customer everybody, without names."""
    return visible_to(user, today()) if sees_names(user) else Customer.objects.all()


@needs(Permission.VIEW_TIERS)
@takeable("levels")
def members(request: StaffRequest) -> HttpResponse:
    """How many hold each level and how that moved in 30 days; the holders of one level by falling value."""
    rules, people, names = membership.applied(), _in_reach(request.user), sees_names(request.user)
    context: dict[str, Any] = {"rules": rules, "names": names, "days": MOVEMENT.days}
    if rules is not None:
        tiles = _tiles(rules, people)
        chosen = next((tile for tile in tiles if tile.level["code"] == request.GET.get("level")), tiles[0])
        context |= {
            "levels": tiles,
            "chosen": chosen,
            "page": _holders(request, people, chosen.rank) if names else EMPTY,
            "movement": _movement(people),
        }
    return render(request, "desk/loyalty/tiers/members.html", context)


def _tiles(rules: TierRules, people: QuerySet[Customer]) -> list[Tile]:
    """The highest level first."""
    held: dict[int | None, int] = dict(people.values_list("membership__rank").annotate(n=Count("pk")))
    moved = TierChange.objects.filter(on__gt=today() - MOVEMENT, customer__in=people)
    moves = list(
        moved.exclude(level_before=F("level_after")).values_list("level_before", "level_after").annotate(n=Count("pk"))
    )
    return [
        Tile(
            rank,
            level,
            count=held.get(rank, 0) + (held.get(None, 0) if rank == 0 else 0),
            came=sum(n for _before, after, n in moves if after == level["code"]),
            left=sum(n for before, _after, n in moves if before == level["code"]),
        )
        for rank, level in reversed(list(enumerate(rules.levels)))
    ]


def _holders(request: StaffRequest, people: QuerySet[Customer], rank: int) -> Page:
    """By falling value. Who was never reviewed has the lowest level."""
    held = Q(membership__rank=rank)
    rows = people.filter(held if rank else held | Q(membership__isnull=True))
    rows = rows.select_related("standing", "manager", "membership").order_by("-standing__value", "pk")
    page = page_of(request, rows, SHOWN)
    promises = TierOverride.objects.filter(customer__in=page.rows, starts_on__lte=today(), ends_on__gt=today())
    promised = {promise.customer_id: promise for promise in promises}
    return page.of(
        [Holder(customer, getattr(customer, "membership", None), promised.get(customer.pk)) for customer in page.rows]
    )


def _movement(people: QuerySet[Customer]) -> dict[str, Any]:
    """Rises and falls by month for a year; what new rules did on their first night is left out."""
    moved = TierChange.objects.filter(on__gte=today() - YEAR, customer__in=people).exclude(reason=TierChange.Why.RULES)
    risen, fallen = Q(rank_after__gt=F("rank_before")), Q(rank_after__lt=F("rank_before"))
    months = list(
        moved.annotate(month=TruncMonth("on"))
        .values_list("month")
        .annotate(up=Count("pk", filter=risen), down=Count("pk", filter=fallen))
        .order_by("month")
    )
    return {
        "labels": [month.strftime("%Y-%m") for month, _up, _down in months],
        "stacked": True,
        "series": [
            {"name": _("Risen"), "data": [up for _month, up, _down in months]},
            {"name": _("Fallen"), "data": [-down for _month, _up, down in months]},
        ],
    }


# At risk ------------------------------------------------------------------------------------------------------------


@needs(Permission.WORK_ALERTS)
@takeable("levels-at-risk")
def at_risk(request: StaffRequest) -> HttpResponse:
    """Members in reach who lose their level unless they buy."""
    risks, rules = explain.at_risk(on=today(), among=_reviewed(request.user)), membership.applied()
    page = page_of(request, risks, SHOWN)
    people = Customer.objects.select_related("standing", "manager").in_bulk([risk.customer_id for risk in page.rows])
    context = {
        "page": page.of([Risk(risk, people[risk.customer_id]) for risk in page.rows]),
        "count": len(risks),
        "counts_orders": rules is not None and rules.content["basis"] == Basis.ORDERS,
    }
    return render(request, "desk/loyalty/tiers/at_risk.html", context)


@needs(Permission.WORK_ALERTS)
@require_POST
def open_todos(request: StaffRequest) -> HttpResponse:
    """They are to-dos of their managers."""
    mine = _reviewed(request.user)
    press(
        request,
        lambda: explain.open_todos(on=today(), at=now(), among=mine),
        lambda opened: _("%(count)d new to-dos in My day") % {"count": opened},
    )
    return redirect("desk:tiers_at_risk")


def _reviewed(user: User) -> QuerySet[Membership]:
    return Membership.objects.filter(scope_filter(user, today(), "customer__"), review_on__isnull=False)
