"""Points of purchases: what an order has earned follows what is known of it, however often and in whatever order it is told.

The target of an order is worked out from what the record says at this moment, under the lock of the account; the
ledger gets the difference to what was granted before. Telling the same again therefore changes nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import F, OuterRef, Q, Subquery, Sum

from core.lib import rows
from core.lib.periods import mall_day
from customers.models import Order, OrderLine, Refund
from loyalty.models import OrderPoints, PointHold, PointLot, PointRules, PointState
from loyalty.points import accounts
from loyalty.points import rules as point_rules
from loyalty.points.ledger import Book, Bucket, Kind, Ledger
from loyalty.tier_rules import LevelTerms
from loyalty.tiers import membership
from loyalty.tiers.then import Moment, levels_at

CHUNK = 500
# Orders whose transactions were still open when the last night looked.
OVERLAP = timedelta(days=1)
ONE = Decimal(1)
UPDATED = [
    *("account_id", "rules_id", "multiplier", "made_at"),
    *("granted", "most", "order_version", "order_file_changes"),
]
Day = tuple[int, date]


def reconcile(order_ids: Iterable[int], *, at: datetime) -> int:
    """These orders have earned what they should by now; returns how many changed anything.

    Paid and not refunded earns by the rules and the level of the moment the order was made, whenever it was told. What a day
    may earn is shared by its orders in the order of their times, as they were paid: a refund moves nothing of another
    one, and in which order they were told makes no difference. Goods of excluded categories do not count, nor their
    share of a refund. What was earned too much is taken back: not yet usable points of the order first, then its usable
    ones, then those of it that expired unused, then other usable points; what is left is a debt, or forgiven, as the
    rules say.
    """
    ids = sorted(set(order_ids))
    all_rules = PointRules.objects.all()
    concerned = Order.objects.filter(pk__in=ids).values_list(
        "customer_id", "points__account_id", "customer__points__merged_into_id"
    )
    rows.together(all_rules, concerned)
    versions = list(all_rules)
    if not versions:
        return 0
    before, merged = set(), {}
    for owner, had, into in concerned:
        before.add(owner if had is None else had)
        merged[owner] = owner if into is None else into
    further = accounts.owners(into for owner, into in merged.items() if into != owner)
    merged = {owner: further.get(into, into) for owner, into in merged.items()}
    with Ledger.opened(before - merged.keys() | set(merged.values()), at=at) as ledger:
        return _reconcile(ledger, ids, merged, versions, at)


def sweep(*, at: datetime) -> dict[str, int]:
    """What nobody came by to do: orders of imports, points that became usable or expired, holds that ran out."""
    changed = sum(reconcile(ids, at=at) for ids in chunks(arrived(at=at)))
    settled = sum(settle(ids, at=at) for ids in chunks(due(at=at)))
    looked_until(at)
    return {"orders": changed, "accounts": settled}


def chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """So many at a time that nobody waits for their accounts longer than about a second."""
    return rows.batches(ids, CHUNK)


def _reconcile(
    ledger: Ledger, ids: list[int], merged: Mapping[int, int], versions: list[PointRules], at: datetime
) -> int:
    if any(version.most_per_day is not None for version in versions):
        ids = _with_their_days(ids, ledger)
    # Read again under the locks: this is what the ledger will agree with.
    rows_ = Order.objects.filter(pk__in=ids).annotate(back=back_of()).select_related("customer", "points__rules")
    orders = list(rows_.order_by("ordered_at", "source", "external_id"))
    shares = shares_of([order.pk for order in orders], versions)
    levels = _levels(orders, merged)
    days: dict[Day, int] = defaultdict(int)  # what the orders of it so far would earn without refunds
    stored, fresh, changed = [], [], 0
    for order in orders:
        account_id = merged.get(order.customer_id, order.customer_id)
        row = _points_of(order)
        if account_id not in ledger or (row and row.account_id not in ledger):
            continue  # moved to somebody else just now: whoever moved it reconciles it, and so does the night
        rules = point_rules.of(versions, order.ordered_at)
        if row is None:
            if rules is None or order.status != Order.Status.PAID:
                continue
            row = OrderPoints(order=order, account_id=account_id, rules=rules, multiplier=_multiplier(order, levels))
            fresh.append(row)
        else:
            stored.append(row)
            if rules is not None and _is_another(row, order, account_id):
                row.rules, row.multiplier = rules, _multiplier(order, levels)
        target, day = 0, (account_id, order.ordered_on)
        if row.rules.most_per_day is not None:
            row.most = max(0, row.rules.most_per_day - days[day])
        if order.status == Order.Status.PAID and rules is not None:
            share = shares.get((order.pk, row.rules_id), ONE)
            days[day] += point_rules.earned(row.rules, row.multiplier, order.paid * share, most=row.most)
            net = (order.paid - (order.back or Decimal(0))) * share
            target = point_rules.earned(row.rules, row.multiplier, net, most=row.most)
        if row.account_id != account_id:
            changed += _earn(ledger[row.account_id], row, order, -row.granted)
            row.account_id, row.granted = account_id, 0
        delta = target - row.granted
        changed += _earn(ledger[account_id], row, order, delta)
        row.granted, row.made_at = target, order.ordered_at
        row.order_version, row.order_file_changes = order.version, order.file_changes
    OrderPoints.objects.bulk_create(fresh)
    rows.update(stored, UPDATED)
    return changed


def _points_of(order: Order) -> OrderPoints | None:
    return getattr(order, "points", None)


def _levels(orders: Sequence[Order], merged: Mapping[int, int]) -> Mapping[Moment, LevelTerms]:
    """The levels by which orders are to earn: those first seen paid, and those that are another's or of another time."""
    asked = []
    for order in orders:
        row, account_id = _points_of(order), merged.get(order.customer_id, order.customer_id)
        if _is_another(row, order, account_id) if row else order.status == Order.Status.PAID:
            asked.append((order.customer_id, order.ordered_at))
    return levels_at(asked) if asked else {}


def _is_another(row: OrderPoints, order: Order, account_id: int) -> bool:
    """Whether the order was first seen as somebody else's, or as made at another time."""
    return row.account_id != account_id or row.made_at not in (None, order.ordered_at)


def back_of() -> Subquery:
    """The money that went back of an order, beside it: a sum over a join would need every column of the order again."""
    refunds = Refund.objects.filter(order=OuterRef("pk")).order_by().values("order")
    return Subquery(refunds.annotate(sum=Sum("amount")).values("sum"))


def _earn(book: Book, row: OrderPoints, order: Order, delta: int) -> int:
    if not delta:
        return 0
    with book.entry(Kind.EARN, order=order, order_delta=delta, points=abs(delta)) as txn:
        if delta > 0:
            book.issue(
                delta,
                source=PointLot.Source.ORDER,
                order=order,
                earned_at=order.ordered_at,
                available_from=point_rules.usable_from(row.rules, order.ordered_at),
                expires_at=point_rules.expiry(row.rules, order.ordered_at),
            )
        else:
            missing = _take_back(book, order, -delta)
            if row.rules.shortfall == PointRules.Shortfall.DEBT:
                book.owe(missing)
            else:
                txn.forgiven = missing
    return 1


def _take_back(book: Book, order: Order, points: int) -> int:
    """Returns how many points there were not."""
    own = [lot for lot in book.lots if lot.order_id == order.pk]
    for lot in own:
        taken = min(points, lot.pending)
        book.move(lot, Bucket.PENDING, Bucket.VOIDED, taken)
        points -= taken
    usable = [lot for lot in own if not book.is_over(lot)]
    taken = min(points, sum(lot.available for lot in usable))
    book.take(taken, first=usable)
    points -= taken
    if points:
        for lot_id, expired in _expired_of(order, book):
            gone = min(points, expired)
            book.move(book.lot(lot_id), Bucket.EXPIRED, Bucket.VOIDED, gone)
            points -= gone
    return book.take(points)


def _expired_of(order: Order, book: Book) -> Iterable[tuple[int, int]]:
    """(lot, points) of the order that expired unused: nobody is charged for what they never had the use of."""
    lots = PointLot.objects.filter(order=order, account=book.account, expires_at__isnull=False)
    return (
        lots.annotate(expired=Sum("postings__points", filter=Q(postings__bucket=Bucket.EXPIRED)))
        .filter(expired__gt=0)
        .order_by("pk")
        .values_list("pk", "expired")
    )


def _multiplier(order: Order, levels: Mapping[Moment, LevelTerms]) -> Decimal:
    """That of the level which the customer had when the order was made."""
    level = levels.get((order.customer_id, order.ordered_at))
    years = membership.seniority_years(order.customer, mall_day(order.ordered_at))
    benefits = level["benefits"] if level else []
    amounts = [row["amount"] for row in benefits if row["kind"] == "multiplier" and years >= row["after_years"]]
    return Decimal(amounts[-1]) if amounts else ONE


def shares_of(order_ids: Sequence[int], versions: Sequence[PointRules]) -> dict[tuple[int, int], Decimal]:
    """(order, id of the rules) -> the share of the order's goods that count, where that is not all of them."""
    excluding = [version for version in versions if version.excluded_categories]
    if not excluding:
        return {}
    amounts: dict[int, dict[int | None, Decimal]] = defaultdict(dict)
    lines = OrderLine.objects.filter(order__in=order_ids)
    for order_id, category_id, amount in lines.values_list("order_id", "product__category").annotate(Sum("amount")):
        amounts[order_id][category_id] = amount
    return {
        (order_id, version.pk): sum(count for key, count in goods.items() if key not in version.excluded_categories)
        / total
        for order_id, goods in amounts.items()
        if (total := sum(goods.values(), Decimal(0)))
        for version in excluding
    }


def _with_their_days(ids: Sequence[int], ledger: Ledger) -> list[int]:
    """These orders, the others of their days, and those of days of which the cap has left one too little until now.

    What the cap leaves for one depends on the others, also on one that was of its day and is of another now.
    """
    days = set(Order.objects.filter(pk__in=ids).values_list("customer_id", "ordered_on"))
    short = OrderPoints.objects.filter(account__in=list(ledger.books), most__lt=F("rules__most_per_day"))
    days |= set(short.values_list("order__customer_id", "order__ordered_on"))
    near = Order.objects.filter(customer__in={owner for owner, _day in days}, ordered_on__in={day for _, day in days})
    of_days = near.values_list("pk", "customer_id", "ordered_on")
    return sorted({*ids, *(pk for pk, *day in of_days if tuple(day) in days)})


def arrived(*, at: datetime) -> list[int]:
    """Ids of orders that came since the last night, by import or while something was broken, by customer."""
    first = PointRules.objects.order_by("starts_at").first()
    if first is None:
        return []
    state = PointState.objects.filter(pk=1).first()
    since = state.orders_until - OVERLAP if state else first.at
    waiting = Order.objects.filter(received_at__gte=since, received_at__lte=at, ordered_at__gte=first.starts_at).filter(
        Q(points__isnull=True, status=Order.Status.PAID)
        | Q(points__isnull=False) & ~Q(points__order_version=F("version"), points__order_file_changes=F("file_changes"))
    )
    return list(waiting.order_by("customer_id", "pk").values_list("pk", flat=True))


def looked_until(at: datetime) -> None:
    """All orders that arrived up to this moment have been reconciled: the next night looks at later ones."""
    if PointRules.objects.exists():
        PointState.objects.update_or_create(pk=1, defaults={"orders_until": at})


def due(*, at: datetime) -> list[int]:
    """Ids of accounts with points that became usable or expired, or with holds that ran out."""
    lots = PointLot.objects.filter(
        Q(pending__gt=0, available_from__lte=at) | Q(available__gt=0, expires_at__lte=at)
    ).values_list("account_id", flat=True)
    holds = PointHold.objects.filter(state=PointHold.State.ACTIVE, expires_at__lte=at).values_list(
        "account_id", flat=True
    )
    return sorted({*lots, *holds})


def settle(account_ids: Sequence[int], *, at: datetime) -> int:
    """These accounts show what time has done to them; returns how many that were."""
    with Ledger.opened(account_ids, at=at):
        return len(account_ids)  # opening is what settles them
