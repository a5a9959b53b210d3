"""A customer's points: what they have, what is given and taken by hand, and two accounts that become one."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q, QuerySet, Sum
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import AuditEntry, User
from core.lib.errors import DomainError, Invalid, SameKey
from core.lib.periods import mall_day, mall_midnight
from core.outbox import webhooks
from core.outbox.webhooks import Event
from customers.models import Customer
from loyalty import notices
from loyalty.models import OrderPoints, PointAccount, PointLot, PointRules, PointTxn
from loyalty.models.points import OPEN_LOT
from loyalty.points import rules as point_rules
from loyalty.points.ledger import Asked, Bucket, Kind, Ledger, look

MOST_AT_ONCE = 10_000_000
SOON = timedelta(days=30)
ONE_DAY = timedelta(days=1)
FROZEN, THAWED = "points.frozen", "points.thawed"
Source = PointLot.Source


@dataclass(frozen=True)
class Balance:
    """Points at a moment. `expiring`: usable points by the last day on which they are good."""

    available: int = 0
    pending: int = 0
    held: int = 0
    debt: int = 0
    frozen: bool = False
    expiring: tuple[tuple[date, int], ...] = ()


def balance(customer: Customer, *, at: datetime, read: Asked | None = None) -> Balance:
    """What a write at this moment would find, whether or not the sweep has been; nothing is written."""
    book = look(customer.pk, at=at, read=read)
    if book is None:
        return Balance()
    account = book.account
    expiring: dict[date, int] = defaultdict(int)
    for lot in book.usable():
        if day := _last_day(lot.expires_at):
            expiring[day] += lot.available
    return Balance(
        account.available,
        account.pending,
        account.held,
        account.debt,
        account.state == PointAccount.State.FROZEN,
        tuple(expiring.items()),
    )


def owners(customer_ids: Iterable[int]) -> dict[int, int]:
    """Customer -> whose account has theirs now, for those whose account was merged."""
    rows = PointAccount.objects.filter(pk__in=customer_ids, merged_into__isnull=False)
    into = dict(rows.values_list("pk", "merged_into_id"))
    if not into:
        return {}
    further = owners(into.values())
    return {pk: further.get(stays, stays) for pk, stays in into.items()}


def owner(customer: Customer) -> Customer:
    """The customer, or the one whose account has theirs now."""
    stays = owners([customer.pk]).get(customer.pk)
    return customer if stays is None else Customer.objects.get(pk=stays)


def statement(customer: Customer) -> QuerySet[PointTxn]:
    """Every line of the ledger, the newest first, with the balance after it."""
    lines = PointTxn.objects.filter(account=customer.pk).select_related("order", "by", "hold__redemption__reward")
    return lines.order_by("-seq")


def grant(
    customer: Customer,
    points: int,
    *,
    source: str,
    key: str,
    at: datetime,
    by: User | None = None,
    reason: str = "",
) -> PointTxn:
    """The customer has so many points more, usable at once; a debt is repaid first. The same `key` gives them once."""
    refuse_impossible(points)
    rules = rules_of(at)
    with Ledger.opened([customer.pk], at=at) as ledger:
        book = ledger[customer.pk]
        if known := book.known(key):
            return same(known, customer, Kind.GRANT, points)
        refuse_merged(book.account)
        with book.entry(Kind.GRANT, key=key, points=points, reason=reason.strip()[:300], by=by) as txn:
            book.issue(
                points,
                source=source,
                earned_at=book.at,
                available_from=book.at,
                expires_at=point_rules.expiry(rules, book.at),
            )
    return txn


def take(customer: Customer, points: int, *, key: str, at: datetime, by: User | None, reason: str) -> PointTxn:
    """So many usable points are taken away. Raises DomainError when there are fewer. The same `key` takes them once."""
    return _take(customer, points, key=key, at=at, by=by, reason=reason, spent=False)


def spend(customer: Customer, points: int, *, key: str, at: datetime, by: User | None, reason: str) -> PointTxn:
    """`take` for what the customer gets at once. Raises DomainError for a frozen account too."""
    return _take(customer, points, key=key, at=at, by=by, reason=reason, spent=True)


def _take(
    customer: Customer, points: int, *, key: str, at: datetime, by: User | None, reason: str, spent: bool
) -> PointTxn:
    refuse_impossible(points)
    with Ledger.opened([customer.pk], at=at) as ledger:
        book = ledger[customer.pk]
        if known := book.known(key):
            return same(known, customer, Kind.TAKE, points)
        if spent:
            refuse_frozen(book.account)
        enough(book.account, points)
        with book.entry(Kind.TAKE, key=key, points=points, reason=reason.strip()[:300], by=by) as txn:
            book.take(points)
    return txn


def freeze(customer: Customer, *, frozen: bool, by: User, reason: str, at: datetime) -> None:
    """A frozen account earns, but nothing more is set aside or spent until somebody thaws it. Twice changes nothing.

    What is set aside already can still be handed over.
    """
    if not reason.strip():
        raise Invalid(_("Say why."), code="reason_missing")
    state = PointAccount.State.FROZEN if frozen else PointAccount.State.ACTIVE
    with Ledger.opened([customer.pk], at=at) as ledger:
        account = ledger[customer.pk].account
        refuse_merged(account)
        if account.state == state:
            return
        account.state = state
        audit.record(by, FROZEN if frozen else THAWED, customer, at=at, reason=reason.strip()[:200])


def frozen_by(customer: Customer) -> AuditEntry | None:
    """Who froze the account last, when and why; None for an account that is in use."""
    if not PointAccount.objects.filter(pk=customer.pk, state=PointAccount.State.FROZEN).exists():
        return None
    lines = AuditEntry.objects.filter(action=FROZEN, subject_type="customer", subject_id=customer.pk)
    return lines.select_related("actor").order_by("-at", "-pk").first()


def merge(loser: Customer, winner: Customer, *, by: User | None, at: datetime) -> None:
    """All points of `loser` are `winner`'s, each lot with its own expiry; both histories stay. A second time does nothing.

    Frozen stays frozen: if either account was, the one that stays is. Raises DomainError while points of `loser` are set aside.
    """
    if loser.pk == winner.pk:
        raise Invalid(_("A customer cannot be merged with themselves."), code="same_customer")
    if not PointAccount.objects.filter(pk=loser.pk).exists():
        return
    with Ledger.opened([loser.pk, winner.pk], at=at) as ledger:
        gone, stays = ledger[loser.pk], ledger[winner.pk]
        refuse_merged(stays.account)
        if gone.account.state == PointAccount.State.MERGED:
            return
        if gone.account.held:
            raise DomainError(
                _("Points of this customer are set aside. Finish or give back that redemption first."),
                code="points_held",
            )
        debt = gone.account.debt
        with stays.entry(Kind.MERGE, by=by, reason=f"{loser.pk}→{winner.pk}"):
            for lot in gone.lots:
                if points := lot.pending + lot.available:
                    stays.issue(
                        points,
                        source=lot.source,
                        order=lot.order,
                        earned_at=lot.earned_at,
                        available_from=lot.available_from,
                        expires_at=lot.expires_at,
                    )
            stays.owe(debt)
        with gone.entry(Kind.MERGE, by=by, reason=f"{loser.pk}→{winner.pk}"):
            for lot in gone.lots:
                gone.move(lot, Bucket.PENDING, Bucket.VOIDED, lot.pending)
                gone.move(lot, Bucket.AVAILABLE, Bucket.VOIDED, lot.available)
            gone.owe(-debt)
        if gone.account.state == PointAccount.State.FROZEN:
            stays.account.state = PointAccount.State.FROZEN
        gone.account.state, gone.account.merged_into = PointAccount.State.MERGED, stays.account
        OrderPoints.objects.filter(account=gone.account).update(account=stays.account)
        audit.record(by, "points.merged", winner, at=at, loser=loser.pk)


def liability(*, at: datetime) -> list[tuple[date | None, int]]:
    """Points the mall still owes its customers, by the first day of the month they expire in; None: never."""
    lots = PointLot.objects.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=at))
    rows = lots.filter(OPEN_LOT).values("expires_at").annotate(points=Sum("pending") + Sum("available") + Sum("held"))
    months: dict[date | None, int] = defaultdict(int)
    for row in rows:
        day = _last_day(row["expires_at"])
        months[day.replace(day=1) if day else None] += row["points"]
    return sorted(months.items(), key=lambda row: row[0] or date.max)


def tell_expiring(first: date, last: date, *, at: datetime) -> None:
    """For each of these nights, usable points that are good for 30 more days and no longer are told to the mall's systems."""

    def events() -> Iterator[Event]:
        lots = PointLot.objects.filter(
            available__gt=0,
            expires_at__gt=mall_midnight(first + SOON),
            expires_at__lte=mall_midnight(last + SOON + ONE_DAY),
        )
        sums: dict[tuple[str, date | None], int] = defaultdict(int)
        for number, expires_at, count in lots.values_list("account__customer__number", "expires_at", "available"):
            sums[number, _last_day(expires_at)] += count
        for (number, day), count in sorted(sums.items()):
            yield Event(
                notices.Kind.POINTS_EXPIRING_SOON,
                at,
                {"customer": number, "points": count, "last_day": str(day)},
                webhooks.id_of(notices.Kind.POINTS_EXPIRING_SOON, f"{number}:{day}"),
            )

    notices.tell(notices.Kind.POINTS_EXPIRING_SOON, events, at=at)


def enough(account: PointAccount, points: int) -> None:
    """Raises DomainError, with the present numbers, when fewer points can be used."""
    if account.available < points:
        raise DomainError(
            _("Only %(available)d points can be used, %(wanted)d are asked for.")
            % {"available": account.available, "wanted": points},
            code="points_insufficient",
        )


def rules_of(at: datetime) -> PointRules:
    rules = point_rules.in_force(at)
    if rules is None:
        raise DomainError(
            _("The mall gives no points yet. An administrator publishes the rules first."), code="no_point_rules"
        )
    return rules


def refuse_impossible(points: int) -> None:
    if not 0 < points <= MOST_AT_ONCE:
        raise Invalid(_("Points are a whole number from 1 to %(most)d.") % {"most": MOST_AT_ONCE}, code="points")


def refuse_merged(account: PointAccount) -> None:
    if account.state == PointAccount.State.MERGED:
        raise DomainError(_("This account was merged into another one. Use that customer."), code="points_merged")


def refuse_frozen(account: PointAccount) -> None:
    if account.state == PointAccount.State.FROZEN:
        raise DomainError(_("This account is frozen: points are earned, but not redeemed."), code="points_frozen")


def same(known: PointTxn, customer: Customer, kind: str, points: int) -> PointTxn:
    """The transaction of an earlier request with this key. Raises SameKey when that request was another one."""
    if (known.account_id, known.kind, known.points) != (customer.pk, kind, points):
        raise SameKey()
    return known


def _last_day(expires_at: datetime | None) -> date | None:
    if expires_at is None:
        return None
    return date.fromordinal(mall_day(expires_at).toordinal() - 1)
