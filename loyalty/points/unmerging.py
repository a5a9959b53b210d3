"""Two accounts that became one are two again, as far as the points are still there."""

from datetime import datetime
from typing import Any

from django.db.models import Max, Sum

from core.accounts.models import User
from customers.models import Customer
from loyalty.models import OrderPoints, PointAccount, PointLot
from loyalty.points.ledger import Book, Bucket, Kind, Ledger

State = PointAccount.State


def remember(loser: Customer, winner: Customer) -> dict[str, Any]:
    """What `unmerge` needs to know of the time before `accounts.merge`."""
    accounts = PointAccount.objects.in_bulk([loser.pk, winner.pk])
    theirs, own = accounts.get(loser.pk), accounts.get(winner.pk)
    if theirs is None or theirs.state == State.MERGED:
        return {"account": None}
    return {
        "account": {"state": theirs.state, "debt": theirs.debt},
        "winner_state": own.state if own else State.ACTIVE,
        "last_lot": PointLot.objects.aggregate(last=Max("pk"))["last"] or 0,
    }


def remember_after(winner: Customer, kept: dict[str, Any]) -> dict[str, Any]:
    """Which lots the merge has given to the winner."""
    if kept["account"] is None:
        return {}
    lots = PointLot.objects.filter(account=winner.pk, pk__gt=kept["last_lot"])
    return {"lots": list(lots.order_by("pk").values_list("pk", flat=True))}


def left_of(kept: dict[str, Any]) -> tuple[int, int]:
    """Of the points that came over: how many `unmerge` would give back, and how many were spent or expired since."""
    if kept["account"] is None:
        return 0, 0
    sums = PointLot.objects.filter(pk__in=kept["lots"]).aggregate(
        pending=Sum("pending"), available=Sum("available"), original=Sum("original")
    )
    back = (sums["pending"] or 0) + (sums["available"] or 0)
    return back, (sums["original"] or 0) - back


def unmerge(loser: Customer, winner: Customer, kept: dict[str, Any], *, by: User | None, at: datetime) -> None:
    """`loser` has an account again, with what the winner has not used of the points that came from it.

    Both histories stay and get a line. Call after the orders have gone back. Doing it again changes nothing.
    """
    if kept["account"] is None:
        return
    with Ledger.opened([loser.pk, winner.pk], at=at) as ledger:
        gone, stays = ledger[loser.pk], ledger[winner.pk]
        if gone.account.state != State.MERGED:
            return
        gone.account.merged_into, gone.account.state = None, kept["account"]["state"]
        if kept["winner_state"] != State.FROZEN and kept["account"]["state"] == State.FROZEN:
            stays.account.state = State.ACTIVE
        reason = f"{winner.pk}→{loser.pk}"
        with stays.entry(Kind.MERGE, by=by, reason=reason):
            lots = _taken_out(stays, kept["lots"])
            debt = min(stays.account.debt, kept["account"]["debt"])
            stays.owe(-debt)
        with gone.entry(Kind.MERGE, by=by, reason=reason):
            for lot, points in lots:
                gone.issue(
                    points,
                    source=lot.source,
                    order=lot.order,
                    earned_at=lot.earned_at,
                    available_from=lot.available_from,
                    expires_at=lot.expires_at,
                )
            gone.owe(debt)
        OrderPoints.objects.filter(order__customer=loser).update(account=gone.account)


def _taken_out(stays: Book, lot_ids: list[int]) -> list[tuple[PointLot, int]]:
    """What is open of these lots is void; returns the lots and how much that was."""
    out = []
    for lot in [stays.lot(pk) for pk in lot_ids]:
        points = lot.pending + lot.available
        stays.move(lot, Bucket.PENDING, Bucket.VOIDED, lot.pending)
        stays.move(lot, Bucket.AVAILABLE, Bucket.VOIDED, lot.available)
        if points:
            out.append((lot, points))
    return out
