"""The ledger of points: accounts under their locks, brought up to date, changed by moves, and written out in one go.

`Ledger.opened` locks the accounts and first does what time has done since, each thing at its own instant: pending points
become usable, holds that ran out are given back, points past their expiry are gone, debts are repaid. Whatever a verb then
finds does not depend on whether or when a sweep has run. Consumption is first expired, first out.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from django.db import connection, models
from django.db.models import QuerySet

from core.lib import rows, sql
from core.lib.deadlock import joining
from customers.models import Order
from loyalty import notices
from loyalty.models import HoldAllocation, PointAccount, PointHold, PointLot, PointTxn, Posting
from loyalty.models.points import OPEN_LOT

Bucket = Posting.Bucket
Kind = PointTxn.Kind
NEVER = datetime.max.replace(tzinfo=UTC)
ACCOUNT = ("state", "merged_into_id", "pending", "available", "held", "debt", "earned", "last_seq")
NEW_LOT = (
    *("account_id", "source", "order_id", "original", "pending", "available", "held"),
    *("earned_at", "available_from", "expires_at"),
)
OLDER_LOT = ("id", "pending", "available", "held")
NEW_TXN = (
    *("account_id", "seq", "kind", "key", "points", "order_id", "order_delta", "forgiven", "hold_id", "by_id"),
    *("reason", "change", "balance", "at"),
)
# The caches a lot and an account keep of three buckets; the others are only in the postings.
CACHED = {Bucket.PENDING: "pending", Bucket.AVAILABLE: "available", Bucket.HELD: "held"}


def first_out(lot: PointLot) -> tuple[datetime, datetime, float]:
    """The order in which points are used: what expires first, then what was earned first."""
    return lot.expires_at or NEVER, lot.earned_at, lot.pk or float("inf")


class Entry:
    """A transaction being put together: one sum of points per lot (None: the account itself) and bucket."""

    def __init__(self, txn: PointTxn) -> None:
        self.txn = txn
        # By identity: a lot that is not stored yet has no key to be hashed by.
        self._sums: dict[tuple[int, int], int] = defaultdict(int)
        self._lots: dict[int, PointLot | None] = {}

    def add(self, lot: PointLot | None, bucket: Bucket, points: int) -> None:
        self._lots[id(lot)] = lot
        self._sums[id(lot), bucket] += points

    def postings(self) -> Iterator[Posting]:
        for (key, bucket), points in self._sums.items():
            if points:
                yield Posting(
                    txn=self.txn, account_id=self.txn.account_id, lot=self._lots[key], bucket=bucket, points=points
                )

    def __bool__(self) -> bool:
        return any(self._sums.values())


class Book:
    """One account with every lot that still has points and every running hold, at a time that never runs backwards."""

    def __init__(self, account: PointAccount, lots: list[PointLot], holds: list[PointHold]) -> None:
        self.account = account
        self.lots = sorted(lots, key=first_out)
        self.holds = holds
        self.at = account.settled_at
        self.entries: list[Entry] = []
        self.new_lots: list[PointLot] = []
        self.lapsed: list[PointHold] = []
        self._entry: Entry | None = None
        self._found = self._state()

    def has_changed(self) -> bool:
        return self._state() != self._found

    def _state(self) -> list[Any]:
        return [getattr(self.account, name) for name in ACCOUNT]

    # Putting a transaction together ---------------------------------------------------------------------------------

    @contextmanager
    def entry(self, kind: Kind, **detail: Any) -> Iterator[PointTxn]:
        """A transaction of what is moved inside; one that moved nothing and gives no key is not written.

        Usable points that came about repay a debt before anything else.
        """
        before = self.account.available
        txn = PointTxn(account=self.account, kind=kind, at=self.at, **detail)
        self._entry = Entry(txn)
        yield txn
        self._repay()
        entry, self._entry = self._entry, None
        if entry or txn.key or txn.order_delta:
            self.account.last_seq += 1
            txn.seq, txn.balance = self.account.last_seq, self.account.available
            txn.change = self.account.available - before
            self.entries.append(entry)

    def move(self, lot: PointLot, source: Bucket, target: Bucket, points: int) -> None:
        if points <= 0:
            return
        for bucket, moved in ((source, -points), (target, points)):
            self._post(lot, bucket, moved)
            if name := CACHED.get(bucket):
                setattr(lot, name, getattr(lot, name) + moved)
                setattr(self.account, name, getattr(self.account, name) + moved)
        if source == Bucket.ISSUED:
            self.account.earned += points

    def issue(
        self,
        points: int,
        *,
        source: str,
        earned_at: datetime,
        available_from: datetime,
        expires_at: datetime | None,
        order: Order | None = None,
    ) -> PointLot:
        """A new lot. What is past its expiry already goes straight there."""
        lot = PointLot(
            account=self.account,
            source=source,
            order=order,
            original=points,
            earned_at=earned_at,
            available_from=available_from,
            expires_at=expires_at,
        )
        self.lots.append(lot)
        self.lots.sort(key=first_out)
        self.new_lots.append(lot)
        target = Bucket.AVAILABLE if available_from <= self.at else Bucket.PENDING
        self.move(lot, Bucket.ISSUED, Bucket.EXPIRED if self.is_over(lot) else target, points)
        return lot

    def is_over(self, lot: PointLot) -> bool:
        return lot.expires_at is not None and lot.expires_at <= self.at

    def usable(self) -> list[PointLot]:
        """Lots with usable points, in the order of their use."""
        return [lot for lot in self.lots if lot.available and not self.is_over(lot)]

    def take(self, points: int, *, first: Iterable[PointLot] = ()) -> int:
        """Usable points are taken back, of the lots in `first` before others; returns how many there were not."""
        chosen = list(first)
        for lot in [*chosen, *(lot for lot in self.usable() if lot not in chosen)]:
            taken = min(points, lot.available)
            self.move(lot, Bucket.AVAILABLE, Bucket.VOIDED, taken)
            points -= taken
        return points

    def owe(self, points: int) -> None:
        """The account is in debt by so many points more; fewer if negative."""
        if points:
            self._post(None, Bucket.DEBT, -points)
            self._post(None, Bucket.OWED, points)
            self.account.debt += points

    def unhold(self, allocations: Iterable[tuple[PointLot, int]]) -> None:
        """Held points are usable again, or expired if their lot is over."""
        for lot, points in allocations:
            self.move(lot, Bucket.HELD, Bucket.EXPIRED if self.is_over(lot) else Bucket.AVAILABLE, points)

    def known(self, key: str) -> PointTxn | None:
        """The transaction that was written with this key, by whatever request."""
        return PointTxn.objects.filter(key=key).first() if key else None

    def lot(self, pk: int) -> PointLot:
        """A lot by its id, read in if all its points had gone."""
        for lot in self.lots:
            if lot.pk == pk:
                return lot
        missing = PointLot.objects.get(pk=pk, account=self.account)
        self.lots.append(missing)
        self.lots.sort(key=first_out)
        return missing

    def _post(self, lot: PointLot | None, bucket: Bucket, points: int) -> None:
        if self._entry is None:
            raise RuntimeError("points are moved inside an entry")
        self._entry.add(lot, bucket, points)

    def _repay(self) -> None:
        if self.account.debt and self.account.available:
            paid = min(self.account.debt, self.account.available)
            self.take(paid)
            self.owe(-paid)

    # What time does -------------------------------------------------------------------------------------------------

    def settle(self, at: datetime) -> None:
        """Everything due up to `at` has happened, each at its own instant; the book stands at `at`."""
        while (due := min(self._deadlines(), default=NEVER)) <= at:
            self.at = max(self.at, due)
            self._fall_due()
        self.at = max(self.at, at)

    def _deadlines(self) -> Iterator[datetime]:
        yield from (hold.expires_at for hold in self.holds)
        for lot in self.lots:
            if lot.pending:
                yield lot.available_from
            if lot.expires_at and (lot.pending or lot.available):
                yield lot.expires_at

    def _fall_due(self) -> None:
        """Holds that ran out end, points past their expiry are gone, pending points become usable: in this order."""
        for hold in [hold for hold in self.holds if hold.expires_at <= self.at]:
            with self.entry(Kind.UNHOLD, hold=hold, reason="lapsed"):
                self.unhold((self.lot(allocation.lot_id), allocation.points) for allocation in hold.allocations.all())
            hold.state, hold.ended_at = PointHold.State.LAPSED, self.at
            self.holds.remove(hold)
            self.lapsed.append(hold)
        with self.entry(Kind.EXPIRE):
            for lot in self.lots:
                if self.is_over(lot):
                    self.move(lot, Bucket.AVAILABLE, Bucket.EXPIRED, lot.available)
                    self.move(lot, Bucket.PENDING, Bucket.EXPIRED, lot.pending)
        with self.entry(Kind.RELEASE):
            for lot in self.lots:
                if lot.available_from <= self.at:
                    self.move(lot, Bucket.PENDING, Bucket.AVAILABLE, lot.pending)


class Ledger:
    """Several accounts, locked in the order of their customers' ids."""

    def __init__(self, books: dict[int, Book], at: datetime) -> None:
        self.books = books
        self.at = at

    def __getitem__(self, customer_id: int) -> Book:
        return self.books[customer_id]

    def __contains__(self, customer_id: int) -> bool:
        return customer_id in self.books

    @classmethod
    @contextmanager
    def opened(cls, customer_ids: Iterable[int], *, at: datetime) -> Iterator["Ledger"]:
        """The accounts of these customers, made if missing, locked and settled; written when the block ends well."""
        wanted = sorted(set(customer_ids))
        with joining():
            ledger = cls(_books(wanted, at), at)
            yield ledger
            ledger._write()

    def _write(self) -> None:
        """Everything in one statement, for one account as for five hundred."""
        books = [book for book in self.books.values() if book.has_changed()]
        if not books:
            return
        for book in books:
            book.account.settled_at = book.at
        entries = [entry for book in books for entry in book.entries]
        postings = [posting for entry in entries for posting in entry.postings()]
        new_lots = [lot for book in books for lot in book.new_lots]
        _store([book.account for book in books], new_lots, [entry.txn for entry in entries], postings)
        notices.points_moved(postings, at=self.at)


def _books(customer_ids: list[int], at: datetime) -> dict[int, Book]:
    accounts = _locked(customer_ids)
    if len(accounts) < len(customer_ids):
        known = {account.pk for account in accounts}
        PointAccount.objects.bulk_create(
            (PointAccount(customer_id=pk, settled_at=at) for pk in customer_ids if pk not in known),
            ignore_conflicts=True,
        )
        accounts = _locked(customer_ids)
    books = _read(accounts)
    for book in books.values():
        book.settle(at)
    # At once: the verbs ask for the state of a hold by its id.
    rows.update([hold for book in books.values() for hold in book.lapsed], ["state", "ended_at"])
    return books


def _store(
    accounts: Sequence[PointAccount], lots: Sequence[PointLot], txns: Sequence[PointTxn], postings: Sequence[Posting]
) -> None:
    """New lots and transactions are stored and have their ids, so are the postings; accounts and older lots are as told.

    One statement: an order waits for the database once instead of five times.
    """
    lot_places = {id(lot): place for place, lot in enumerate(lots, start=1)}
    txn_places = {id(txn): place for place, txn in enumerate(txns, start=1)}
    older = {posting.lot.pk: posting.lot for posting in postings if posting.lot is not None and posting.lot.pk}
    told = {
        **_told("lot", PointLot, NEW_LOT, lots),
        **_told("txn", PointTxn, NEW_TXN, txns),
        **_told("older", PointLot, OLDER_LOT, older.values()),
        **_told("account", PointAccount, ("customer_id", *ACCOUNT, "settled_at"), accounts),
        "txn_places": [txn_places[id(posting.txn)] for posting in postings],
        "lot_ids": [posting.lot.pk if posting.lot else None for posting in postings],
        "lot_places": [lot_places.get(id(posting.lot)) for posting in postings],
        "buckets": [int(posting.bucket) for posting in postings],
        "points": [posting.points for posting in postings],
    }
    with connection.cursor() as cursor:
        cursor.execute(_statement(), told)
        stored = cursor.fetchall()
    for kind, place, pk in stored:
        new = lots[place - 1] if kind == "lot" else txns[place - 1]
        new.pk, new._state.adding, new._state.db = pk, False, connection.alias


def _told(
    name: str, model: type[models.Model], fields: Sequence[str], objects: Collection[models.Model]
) -> dict[str, list[Any]]:
    named = {field.attname: field for field in model._meta.concrete_fields}
    return {
        f"{name}_{attname}": [named[attname].get_db_prep_save(getattr(row, attname), connection) for row in objects]
        for attname in fields
    }


@cache
def _statement() -> str:
    def arrays(name: str, model: type[models.Model], fields: Sequence[str]) -> str:
        types = {
            field.attname: field.rel_db_type(connection) if field.primary_key else field.db_type(connection)
            for field in model._meta.concrete_fields
        }
        return ", ".join(f"%({name}_{attname})s::{types[attname]}[]" for attname in fields)

    def names(fields: Sequence[str]) -> str:
        return ", ".join(connection.ops.quote_name(attname) for attname in fields)

    account = (*ACCOUNT, "settled_at")
    return sql.load(__file__, "write").format(
        lots=arrays("lot", PointLot, NEW_LOT),
        lot_columns=names(NEW_LOT),
        txns=arrays("txn", PointTxn, NEW_TXN),
        txn_columns=names(NEW_TXN),
        older=arrays("older", PointLot, OLDER_LOT),
        accounts=arrays("account", PointAccount, ("customer_id", *account)),
        account_columns=names(account),
        account_sets=", ".join(f'"{attname}" = told."{attname}"' for attname in account),
    )


class Asked(NamedTuple):
    """What `look` reads of a customer, to be read with other things."""

    account: QuerySet[PointAccount]
    lots: QuerySet[PointLot]
    holds: QuerySet[PointHold]


def asked(customer_id: int) -> Asked:
    lots = PointLot.objects.filter(OPEN_LOT, account=customer_id)
    return Asked(PointAccount.objects.filter(pk=customer_id), lots, _active([customer_id]))


def look(customer_id: int, *, at: datetime, read: Asked | None = None) -> Book | None:
    """The book as a write at this moment would find it, without a lock and not to be written; None without an account."""
    if read is None:
        books = _read(list(PointAccount.objects.filter(pk=customer_id)))
    else:
        books = {account.pk: Book(account, list(read.lots), list(read.holds)) for account in read.account}
    for book in books.values():
        book.settle(at)
    return books.get(customer_id)


def _read(accounts: list[PointAccount]) -> dict[int, Book]:
    lots: dict[int, list[PointLot]] = defaultdict(list)
    full = [account.pk for account in accounts if account.pending or account.available or account.held]
    for lot in PointLot.objects.filter(OPEN_LOT, account__in=full) if full else ():
        lots[lot.account_id].append(lot)
    holds: dict[int, list[PointHold]] = defaultdict(list)
    holding = [account.pk for account in accounts if account.held]
    for hold in _active(holding) if holding else ():
        holds[hold.account_id].append(hold)
    return {account.pk: Book(account, lots[account.pk], holds[account.pk]) for account in accounts}


def _locked(customer_ids: list[int]) -> list[PointAccount]:
    accounts = PointAccount.objects.select_for_update(no_key=True, of=("self",)).select_related("customer")
    return list(accounts.filter(pk__in=customer_ids).order_by("pk"))


def _active(account_ids: list[int]) -> QuerySet[PointHold]:
    return (
        PointHold.objects.filter(account__in=account_ids, state=PointHold.State.ACTIVE)
        .order_by("expires_at", "pk")
        .prefetch_related("allocations")
    )


def allocate(hold: PointHold, book: Book, points: int) -> list[HoldAllocation]:
    """Usable points become held ones, in the order of their use; the caller has seen that there are enough."""
    allocations = []
    for lot in book.usable():
        taken = min(points, lot.available)
        if taken:
            book.move(lot, Bucket.AVAILABLE, Bucket.HELD, taken)
            allocations.append(HoldAllocation(hold=hold, lot=lot, points=taken))
            points -= taken
    return allocations
