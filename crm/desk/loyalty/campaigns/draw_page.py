"""Prize draws in words and rows: where each stands, what fell, and what is still to be handed over."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.accounts.permissions import StaffRequest
from core.accounts.roles import rights_of
from core.lib.periods import mall_day
from crm.desk.paging import EMPTY, Page, page_of
from crm.desk.today import now, today
from customers.access import scope_filter
from loyalty.campaigns import draws
from loyalty.models import Draw, Lottery, LotteryPrize
from loyalty.points import rules as point_rules

SHOWN = 20
LOTTERIES_SHOWN = 100
Status, Kind, State = Lottery.Status, LotteryPrize.Kind, Draw.State
TONES = {
    State.NOTHING: "grey",
    State.WON: "amber",
    State.CLAIMED: "blue",
    State.FULFILLED: "green",
    State.FORFEITED: "grey",
}
# Prizes of points are credited by themselves.
WAITING = Q(state__in=(State.WON, State.CLAIMED)) & ~Q(prize__kind=Kind.POINTS)


@dataclass(frozen=True)
class Stage:
    """Where a draw stands now: a tone, a word, and whether one can take part."""

    tone: str
    words: str
    is_running: bool = False


@dataclass(frozen=True)
class LotteryRow:
    lottery: Lottery
    last_on: date
    stage: Stage
    waiting: int


@dataclass(frozen=True)
class DrawRow:
    draw: Draw
    tone: str


def last_day(lottery: Lottery) -> date:
    return mall_day(lottery.ends_at - timedelta(microseconds=1))


def stage(lottery: Lottery) -> Stage:
    at = now()
    if lottery.status == Status.DRAFT:
        return Stage("grey", _("Draft"))
    if lottery.status == Status.ENDED or lottery.ends_at <= at:
        return Stage("grey", _("Over"))
    return Stage("blue", _("Published")) if lottery.starts_at > at else Stage("green", _("Running"), is_running=True)


def lottery_list(request: StaffRequest) -> Page:
    """The newest draws, with how many took part and what is still to be handed over."""
    waiting = dict(Draw.objects.filter(WAITING).values_list("lottery").annotate(n=Count("pk")))
    newest = Lottery.objects.annotate(drawn=Count("draws")).order_by("-starts_at", "-pk")
    page = page_of(request, newest, LOTTERIES_SHOWN)
    return page.of([LotteryRow(row, last_day(row), stage(row), waiting.get(row.pk, 0)) for row in page.rows])


def terms(lottery: Lottery) -> dict[str, Any]:
    """What the form shows of a draft that is changed."""
    return {name: getattr(lottery, name) for name in ("code", *draws.TERMS)} | {
        "starts_on": mall_day(lottery.starts_at),
        "last_on": last_day(lottery),
    }


def prize_rows(lottery: Lottery) -> list[dict[str, Any]]:
    """What the table of prizes begins with; a new draw has the row of those who win nothing."""
    rows: list[dict[str, Any]] = [
        {
            "name": prize.name,
            "kind": prize.kind,
            "percent": Decimal(prize.ppm) / 10_000,
            "total": prize.total,
            "value": prize.value or None,
            "points": prize.points or None,
            "coupons": prize.coupons_id,
        }
        for prize in lottery.prizes.order_by("rank")
    ]
    return rows or [{}] * 3 + [{"name": _("Thanks for taking part"), "kind": Kind.THANKS}]


def points_waiting(lottery: Lottery) -> str:
    """What the prizes of points that nobody has yet wait for; empty when there are none."""
    waiting = draws.points_to_grant(lottery).count()
    if not waiting:
        return ""
    if point_rules.in_force(now()) is not None:
        words = ngettext(
            "%(n)s prize of points is credited by itself.",
            "%(n)s prizes of points are credited by themselves.",
            waiting,
        )
    else:
        words = ngettext(
            "%(n)s prize of points is credited by itself once the mall gives points.",
            "%(n)s prizes of points are credited by themselves once the mall gives points.",
            waiting,
        )
    return words % {"n": waiting}


def context(request: StaffRequest, lottery: Lottery) -> dict[str, Any]:
    """A draft with its checklist, or a published draw with live stock and what is to be handed over."""
    checks = draws.checklist(lottery, at=now()) if lottery.status == Status.DRAFT else []
    odds = draws.odds(lottery)
    return {
        "lottery": lottery,
        "last_on": last_day(lottery),
        "stage": stage(lottery),
        "checks": checks,
        "ready": bool(checks) and all(check.ok for check in checks),
        "may_publish": request.user.pk != lottery.by_id,
        "can_call_off": lottery.status == Status.PUBLISHED and lottery.starts_at > now(),
        "odds": odds,
        "drawn": sum(row.rolled for row in odds),
        "tickets": dict(lottery.tickets.values_list("status").annotate(n=Count("pk"))),
        "won": sum(row.given for row in odds if row.prize.kind != Kind.THANKS),
        "waiting": lottery.draws.filter(WAITING).count(),
        "points_waiting": points_waiting(lottery),
        "wrong": draws.disagreements(lottery) if lottery.status == Status.ENDED else [],
        "secret": secret(lottery),
        **_people(request, lottery),
    }


def _people(request: StaffRequest, lottery: Lottery) -> dict[str, Any]:
    """Who won and who drew, of the customers in the user's reach."""
    mine = Draw.objects.filter(scope_filter(request.user, today(), "customer__"), lottery=lottery)
    rows = mine.select_related("customer", "prize", "rolled")
    waiting = rows.filter(WAITING)
    names = rights_of(request.user).sees_customers
    return {
        "names": names,
        "to_hand_over": _rows(request, waiting.order_by("claim_by", "pk"), "waiting") if names else EMPTY,
        "newest": _rows(request, rows.order_by("-pk"), "page") if names else EMPTY,
    }


def _rows(request: StaffRequest, rows: QuerySet[Draw], name: str) -> Page:
    page = page_of(request, rows, SHOWN, name)
    return page.of([DrawRow(draw, TONES[State(draw.state)]) for draw in page.rows])


def secret(lottery: Lottery) -> str:
    """The secret once everybody may know it."""
    return draws.secret_shown(lottery) if lottery.published_at else ""
