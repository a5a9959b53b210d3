"""Points set aside for something, and then redeemed or given back. Each hold ends exactly once."""

from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from core.accounts.models import User
from core.lib.errors import DomainError, Invalid, SameKey
from customers.models import Customer
from loyalty.models import HoldAllocation, PointHold
from loyalty.points.accounts import enough, refuse_frozen, refuse_impossible, refuse_merged, rules_of
from loyalty.points.ledger import Bucket, Kind, Ledger, allocate

MOST_ACTIVE = 3
State = PointHold.State


def hold(customer: Customer, points: int, *, purpose: str, ref: str, at: datetime, by: User | None = None) -> PointHold:
    """So many usable points are set aside until the rules' minutes are over. The same purpose and ref find the first hold.

    Raises DomainError when there are not enough points, the account is frozen, or three holds run already.
    """
    refuse_impossible(points)
    if purpose not in PointHold.Purpose.values or not ref.strip() or len(ref) > 80:
        raise Invalid(_("Say what the points are set aside for: a purpose and its number."), code="hold_purpose")
    rules = rules_of(at)
    with Ledger.opened([customer.pk], at=at) as ledger:
        book = ledger[customer.pk]
        known = PointHold.objects.filter(purpose=purpose, ref=ref, state__in=[State.ACTIVE, State.CAPTURED]).first()
        if known:
            if (known.account_id, known.points) != (customer.pk, points):
                raise SameKey()
            return known
        refuse_merged(book.account)
        refuse_frozen(book.account)
        if PointHold.objects.filter(account=book.account, state=State.ACTIVE).count() >= MOST_ACTIVE:
            raise DomainError(
                _("%(most)d redemptions of this customer are under way. Finish or give back one of them.")
                % {"most": MOST_ACTIVE},
                code="holds_too_many",
            )
        enough(book.account, points)
        made = PointHold.objects.create(
            account=book.account,
            purpose=purpose,
            ref=ref,
            points=points,
            created_at=book.at,
            by=by,
            expires_at=book.at + timedelta(minutes=rules.hold_minutes),
        )
        with book.entry(Kind.HOLD, hold=made, points=points, by=by):
            HoldAllocation.objects.bulk_create(allocate(made, book, points))
    return made


def capture(hold_id: int, *, at: datetime, by: User | None = None) -> PointHold:
    """What the points were set aside for has been handed over. Redeeming twice changes nothing."""
    with Ledger.opened([_account_of(hold_id)], at=at) as ledger:
        held = PointHold.objects.get(pk=hold_id)
        if held.state == State.CAPTURED:
            return held
        _refuse_ended(held)
        book = ledger[held.account_id]
        with book.entry(Kind.CAPTURE, hold=held, points=held.points, by=by):
            for allocation in held.allocations.all():
                book.move(book.lot(allocation.lot_id), Bucket.HELD, Bucket.REDEEMED, allocation.points)
        _end(held, State.CAPTURED, book.at)
    return held


def release(hold_id: int, *, at: datetime, by: User | None = None) -> PointHold:
    """The points are usable again, except those past their expiry. Giving back twice changes nothing."""
    with Ledger.opened([_account_of(hold_id)], at=at) as ledger:
        held = PointHold.objects.get(pk=hold_id)
        if held.state in (State.RELEASED, State.LAPSED):
            return held
        _refuse_ended(held)
        book = ledger[held.account_id]
        with book.entry(Kind.UNHOLD, hold=held, points=held.points, by=by):
            book.unhold([(book.lot(allocation.lot_id), allocation.points) for allocation in held.allocations.all()])
        _end(held, State.RELEASED, book.at)
    return held


def extend(hold_id: int, *, at: datetime) -> PointHold:
    """The hold runs once more as long as the rules say, counted from now. Once only."""
    rules = rules_of(at)
    with Ledger.opened([_account_of(hold_id)], at=at) as ledger:
        held = PointHold.objects.get(pk=hold_id)
        _refuse_ended(held)
        if held.extended:
            raise DomainError(_("This redemption was extended already."), code="hold_extended")
        held.extended = True
        held.expires_at = ledger[held.account_id].at + timedelta(minutes=rules.hold_minutes)
        held.save(update_fields=["extended", "expires_at"])
    return held


def give_back(hold_id: int, points: int, *, key: str, at: datetime, by: User | None = None, reason: str = "") -> None:
    """So many redeemed points come back into the lots they came from, the last used first.

    What comes back after the expiry of its lot lives for the grace days of the rules, never longer than that. Raises
    DomainError for more than was redeemed and has not come back. The same `key` gives them back once.
    """
    refuse_impossible(points)
    rules = rules_of(at)
    with Ledger.opened([_account_of(hold_id)], at=at) as ledger:
        held = PointHold.objects.get(pk=hold_id)
        book = ledger[held.account_id]
        if known := book.known(key):
            if (known.hold_id, known.kind, known.points) != (held.pk, Kind.RETURN, points):
                raise SameKey()
            return
        allocations = list(held.allocations.select_related("lot").order_by("-pk"))
        left = sum(allocation.points - allocation.returned for allocation in allocations)
        if held.state != State.CAPTURED or points > left:
            raise DomainError(
                _("%(left)d of these points can come back.") % {"left": left if held.state == State.CAPTURED else 0},
                code="return_too_many",
            )
        with book.entry(Kind.RETURN, hold=held, by=by, key=key, points=points, reason=reason.strip()[:300]):
            for allocation in allocations:
                back = min(points, allocation.points - allocation.returned)
                if not back:
                    continue
                lot = book.lot(allocation.lot_id)
                if book.is_over(lot):
                    book.move(lot, Bucket.REDEEMED, Bucket.VOIDED, back)
                    book.issue(
                        back,
                        source=lot.Source.RETURNED,
                        order=None,
                        earned_at=book.at,
                        available_from=book.at,
                        expires_at=book.at + timedelta(days=rules.grace_days),
                    )
                else:
                    book.move(lot, Bucket.REDEEMED, Bucket.AVAILABLE, back)
                allocation.returned += back
                points -= back
        HoldAllocation.objects.bulk_update(allocations, ["returned"])


def _account_of(hold_id: int) -> int:
    return PointHold.objects.values_list("account_id", flat=True).get(pk=hold_id)


def _refuse_ended(held: PointHold) -> None:
    if held.state != State.ACTIVE:
        raise DomainError(
            _("This redemption has ended already: %(how)s.") % {"how": held.get_state_display()}, code="hold_ended"
        )


def _end(held: PointHold, state: State, at: datetime) -> None:
    held.state, held.ended_at = state, at
    held.save(update_fields=["state", "ended_at"])
