"""What the page of a customer's points shows: the balance, the ledger in words, what can be done now."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from django.utils.translation import gettext as _

from core.accounts.permissions import StaffRequest
from crm.desk.loyalty.points.forms import AdjustForm, RedeemForm, ReferrerForm, affordable
from crm.desk.paging import page_of
from crm.desk.today import today
from customers.models import Customer
from loyalty.campaigns import draws
from loyalty.models import Lottery, LotteryTicket, PointAdjustment, PointHold, PointTxn, Redemption, Referral
from loyalty.points import accounts, adjustments, forfeit
from loyalty.points.accounts import Balance

LINES = 50
LATEST = 10
NEXT_TO_EXPIRE = 6
Kind = PointTxn.Kind
TONES = {
    Kind.EARN: "green",
    Kind.GRANT: "green",
    Kind.RETURN: "green",
    Kind.CAPTURE: "blue",
    Kind.HOLD: "amber",
    Kind.EXPIRE: "grey",
    Kind.TAKE: "red",
    Kind.RELEASE: "green",
}


class Line(NamedTuple):
    """`waiting`: points of an order that nobody could use before or can use after this line."""

    line: PointTxn
    tone: str
    what: str
    waiting: int


class Offer(NamedTuple):
    """A draw the balance is enough for; the key makes a form sent twice buy one ticket."""

    lottery: Lottery
    key: UUID


def context_of(
    request: StaffRequest,
    customer: Customer,
    *,
    redeem: RedeemForm | None,
    adjust: AdjustForm | None,
    at: datetime,
) -> dict[str, Any]:
    balance = accounts.balance(customer, at=at)
    page = page_of(request, accounts.statement(customer), LINES)
    waiting = PointAdjustment.objects.filter(account=customer.pk, state=PointAdjustment.State.WAITING)
    limit = max((once for once, _a_day in adjustments.limits_of(request.user)), default=0)
    return {
        "customer": customer,
        "balance": balance,
        "expiring": balance.expiring[:NEXT_TO_EXPIRE],
        "page": page,
        "rows": [_line(txn) for txn in page.rows],
        "waiting": waiting.select_related("by"),
        "decided": list(
            PointAdjustment.objects.filter(account=customer.pk, decided_at__isnull=False)
            .select_related("by", "decided_by")
            .order_by("-decided_at", "-pk")[:LATEST]
        ),
        "redeem_form": redeem or RedeemForm(available=balance.available, initial={"key": uuid4()}),
        "can_redeem": affordable(balance.available).exists() and not balance.frozen,
        "adjust_form": adjust or AdjustForm(initial={"key": uuid4()}),
        "limit": limit,
        "losses": forfeit.of(customer, on=today(), at=at),
        **_redemptions(request, customer),
        **_tickets(customer, balance, at=at),
        **_friends(request, customer),
    }


def _redemptions(request: StaffRequest, customer: Customer) -> dict[str, Any]:
    rows = Redemption.objects.filter(hold__account=customer.pk).select_related("hold", "reward")
    running = rows.filter(state=Redemption.State.RESERVED, hold__state=PointHold.State.ACTIVE)
    return {
        "running": running.order_by("hold__expires_at"),
        "done": page_of(request, rows.filter(state=Redemption.State.DONE).order_by("-at", "-pk"), LATEST, "redeemed"),
    }


def _tickets(customer: Customer, balance: Balance, *, at: datetime) -> dict[str, Any]:
    offered = [] if balance.frozen else draws.for_points(at=at)
    unused = LotteryTicket.objects.filter(
        customer=customer, source=LotteryTicket.Source.POINTS, status=LotteryTicket.Status.ISSUED
    )
    return {
        "lotteries": [Offer(lottery, uuid4()) for lottery in offered if lottery.points_cost <= balance.available],
        "tickets": unused.count(),
    }


def _friends(request: StaffRequest, customer: Customer) -> dict[str, Any]:
    brought = Referral.objects.filter(referrer=customer).select_related("referred").order_by("-at", "-pk")
    return {
        "brought_by": Referral.objects.filter(referred=customer).select_related("referrer").first(),
        "brought": page_of(request, brought, LATEST, "friends"),
        "referrer_form": ReferrerForm(),
    }


def _line(txn: PointTxn) -> Line:
    waiting = 0 if txn.change else txn.order_delta
    return Line(txn, TONES.get(Kind(txn.kind), "grey"), wording(txn), waiting)


def wording(line: PointTxn) -> str:
    """What happened, in words a customer would understand."""
    if line.order_id and line.order:
        if line.forgiven:
            return _("Refund of order %(order)s, %(points)d points forgiven") % {
                "order": line.order.external_id,
                "points": line.forgiven,
            }
        if line.order_delta < 0:
            return _("Refund of order %(order)s") % {"order": line.order.external_id}
        return _("Order %(order)s") % {"order": line.order.external_id}
    hold = line.hold
    if hold is not None:
        redemption = getattr(hold, "redemption", None)
        what = str(redemption.reward) if redemption else f"{hold.get_purpose_display()} {hold.ref}"
        return _("time ran out: %(what)s") % {"what": what} if line.reason == "lapsed" else what
    return line.reason
