"""Goods on account: reserved, charged, paid; never beyond the limit, which is checked whenever more is to be owed.

Every verb holds the account's row first and lets what has run out expire under the same lock, so nothing depends on
whether the nightly sweep has run.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import F, QuerySet, Sum, Value
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.deciding import second_person
from core.accounts.models import Role, User
from core.accounts.permissions import may
from core.accounts.roles import Permission
from core.lib import sql
from core.lib.deadlock import joining
from core.lib.errors import DomainError, Invalid, SameKey, Unknown
from core.lib.money import MoneyField, from_minor, to_minor
from core.lib.periods import mall_day
from customers import locks
from customers.models import Customer, Order
from loyalty import colleagues
from loyalty.campaigns import chasing
from loyalty.campaigns.order_refs import names
from loyalty.models import CreditAccount, CreditAuthorisation, CreditEntry, CreditLimitChange
from loyalty.models.credit import LONGEST_TERM

NOTHING = Decimal("0.00")
HOLD = timedelta(days=7)
LONGEST_HOLD = timedelta(days=30)
# A payment that is a few days late does not stop the next order.
OVERDUE_BLOCKS_AFTER = 7
# Up to here one person decides; above it a second one.
DECIDES_ALONE = {Role.TEAM_LEAD: Decimal("20000.00")}

Kind = CreditEntry.Kind
Status = CreditAuthorisation.Status


# Limits -------------------------------------------------------------------------------------------------------------


def decides_alone(user: User) -> Decimal:
    """Up to which limit this person decides without a second one."""
    return max((most for role, most in DECIDES_ALONE.items() if user.holds(role)), default=NOTHING)


@transaction.atomic
def propose_limit(
    customer: Customer, *, limit: Decimal | int | str, term_days: int, reason: str, by: User, at: datetime
) -> CreditLimitChange:
    """The customer's limit and term are to be these. In force at once when lower, or within what the role decides alone.

    Otherwise it waits for a second person. A lowered limit blocks new charges only.
    """
    amount = from_minor(to_minor(limit))
    if amount < 0:
        raise Invalid(_("Amounts are not negative."), code="limit")
    if not 1 <= term_days <= LONGEST_TERM:
        raise Invalid(_("Give between 1 and %(most)d days to pay.") % {"most": LONGEST_TERM}, code="term_days")
    if not reason.strip():
        raise Invalid(_("Say why this customer gets this limit."), code="reason")
    locks.hold_customers([customer.pk])
    CreditAccount.objects.get_or_create(customer=customer, defaults={"opened_at": at})
    account = hold_account(customer, at)
    if account.status == CreditAccount.Status.CLOSED:
        raise DomainError(_("This credit account is closed."), code="closed")
    if account.limit_changes.filter(status=CreditLimitChange.Status.PROPOSED).exists():
        raise DomainError(_("A change of this limit waits for a second person already."), code="waiting")
    lower = amount <= account.credit_limit and term_days <= account.term_days
    alone = lower or amount <= decides_alone(by)
    change = CreditLimitChange.objects.create(
        account=account,
        limit_before=account.credit_limit,
        limit_after=amount,
        term_before=account.term_days,
        term_after=term_days,
        reason=reason.strip()[:200],
        within_own_limit=alone,
        proposed_by=by,
        proposed_at=at,
    )
    audit.record(by, "credit.limit_proposed", customer, at=at, limit=str(amount), days=term_days, reason=change.reason)
    if alone:
        return _approve(change, account, by=by, at=at)
    colleagues.limit_waits(change, at=at)
    return change


@transaction.atomic
def decide_limit(
    change_id: int, *, approve: bool, by: User, at: datetime, note: str = "", because: str = ""
) -> CreditLimitChange:
    """The second person's word. The proposer cannot give it.

    `because`: why the only person who may decide does so alone, about what they proposed themselves.
    """
    change, account = _held_change(change_id, at)
    own, refusal = change.proposed_by_id == by.pk, _("Somebody else has to decide what you proposed.")
    if not may(by, Permission.DECIDE_CREDIT):
        if own:
            raise DomainError(refusal, code="second_person")
        raise DomainError(_("Your role does not decide about credit limits."), code="not_yours")
    if own:
        others = colleagues.deciders(Permission.DECIDE_CREDIT, account.customer, apart_from=by, at=at)
        change.alone_because = second_person(by, by.pk, others, refusal=refusal, because=because)
    change.note = note.strip()[:200]
    if approve:
        return _approve(change, account, by=by, at=at)
    return _close(change, CreditLimitChange.Status.DECLINED, by=by, at=at)


@transaction.atomic
def withdraw_limit(change_id: int, *, by: User, at: datetime) -> CreditLimitChange:
    """The proposal is taken back by who made it; the account stays as it is."""
    change, _account = _held_change(change_id, at)
    if change.proposed_by_id != by.pk:
        raise DomainError(_("Only who proposed this limit takes it back."), code="not_yours")
    return _close(change, CreditLimitChange.Status.WITHDRAWN, by=by, at=at)


def _approve(change: CreditLimitChange, account: CreditAccount, *, by: User, at: datetime) -> CreditLimitChange:
    account.credit_limit, account.term_days = change.limit_after, change.term_after
    account.save(update_fields=["credit_limit", "term_days"])
    return _close(change, CreditLimitChange.Status.APPROVED, by=by, at=at)


def _close(change: CreditLimitChange, status: str, *, by: User, at: datetime) -> CreditLimitChange:
    change.status, change.decided_by, change.decided_at = status, by, at
    change.save(update_fields=["status", "decided_by", "decided_at", "note", "alone_because"])
    colleagues.limit_decided(change, at=at)
    alone = {"alone_because": change.alone_because} if change.alone_because else {}
    audit.record(by, f"credit.limit_{status}", change.account.customer, at=at, limit=str(change.limit_after), **alone)
    return change


def _held_change(change_id: int, at: datetime) -> tuple[CreditLimitChange, CreditAccount]:
    change = CreditLimitChange.objects.select_related("account__customer").get(pk=change_id)
    account = hold_account(change.account.customer, at)
    change = (
        CreditLimitChange.objects.select_for_update(of=("self",)).select_related("account__customer").get(pk=change_id)
    )
    if change.status != CreditLimitChange.Status.PROPOSED:
        raise DomainError(_("This change is decided already."), code="decided")
    return change, account


@transaction.atomic
def set_status(customer: Customer, status: str, *, reason: str, by: User, at: datetime) -> CreditAccount:
    """Put on hold (no new charges), opened again, or closed for good once nothing is owed."""
    account = hold_account(customer, at)
    if not reason.strip():
        raise Invalid(_("Say why."), code="reason")
    if account.status == CreditAccount.Status.CLOSED:
        raise DomainError(_("This credit account is closed."), code="closed")
    if status == CreditAccount.Status.CLOSED and (account.exposure or account.authorised):
        raise DomainError(
            _("%(amount)s is still owed or reserved. Close the account when it is settled.")
            % {"amount": account.exposure + account.authorised},
            code="still_owed",
        )
    account.status, account.status_reason = status, reason.strip()[:200]
    account.save(update_fields=["status", "status_reason"])
    audit.record(by, f"credit.{status}", customer, at=at, reason=account.status_reason)
    return account


# Orders on account --------------------------------------------------------------------------------------------------


@transaction.atomic
def authorise(
    customer: Customer,
    order_ref: str,
    amount: Decimal | int | str,
    *,
    idem_key: str,
    at: datetime,
    hold: timedelta = HOLD,
) -> CreditAuthorisation:
    """The amount is reserved for this order until `at + hold`. The same key with the same order finds it again.

    Raises DomainError when the account does not exist, is on hold, is long overdue, or the limit would be passed.
    """
    wanted = from_minor(to_minor(amount))
    if wanted <= 0:
        raise Invalid(_("Give an amount above zero."), code="amount")
    if not timedelta(0) < hold <= LONGEST_HOLD:
        raise Invalid(_("An amount is reserved for at most 30 days."), code="hold")
    account = hold_account(customer, at)
    if known := account.authorisations.filter(idem_key=idem_key).first():
        if (known.order_ref, known.amount) != (order_ref, wanted):
            raise SameKey()
        return known
    if account.status != CreditAccount.Status.OPEN:
        raise DomainError(_("This credit account takes no new charges."), code="credit_on_hold")
    if account.authorisations.filter(order_ref=order_ref, status__in=(Status.AUTHORISED, Status.CAPTURED)).exists():
        raise DomainError(_("This order is on account already."), code="order_on_account")
    today = mall_day(at)
    late = overdue_days(account, on=today)
    if is_blocked(account, late):
        raise DomainError(
            _("A payment is overdue by %(days)d days. New orders on account wait until it has come in.")
            % {"days": late},
            code="credit_overdue",
        )
    if wanted > account.left:
        raise DomainError(
            _("%(left)s of the limit of %(limit)s is left; the order needs %(amount)s.")
            % {"left": account.left, "limit": account.credit_limit, "amount": wanted},
            code="credit_limit",
        )
    _move(account, authorised=wanted)
    return CreditAuthorisation.objects.create(
        account=account, order_ref=order_ref, amount=wanted, idem_key=idem_key, at=at, expires_at=at + hold
    )


@transaction.atomic
def capture(authorisation_id: int, *, at: datetime, amount: Decimal | int | str | None = None) -> CreditAuthorisation:
    """What was reserved (or less of it) is owed from now on, due after the account's term. Twice is harmless."""
    account, authorisation = _held_authorisation(authorisation_id, at)
    charged = authorisation.amount if amount is None else from_minor(to_minor(amount))
    if authorisation.status == Status.CAPTURED:
        if charged != authorisation.captured and amount is not None:
            raise DomainError(
                _("This order is charged with %(amount)s already.") % {"amount": authorisation.captured},
                code="captured",
            )
        return authorisation
    if authorisation.status != Status.AUTHORISED:
        raise DomainError(_("This reservation is over. Reserve the amount again."), code="reservation_over")
    if not 0 < charged <= authorisation.amount:
        raise Invalid(
            _("Charge more than zero and at most the %(amount)s reserved.") % {"amount": authorisation.amount},
            code="amount",
        )
    due_on = mall_day(at) + timedelta(days=account.term_days)
    _post(
        account,
        Kind.CHARGE,
        charged,
        key=f"capture:{authorisation.pk}",
        at=at,
        order_ref=authorisation.order_ref,
        due_on=due_on,
        authorised=-authorisation.amount,
    )
    authorisation.status, authorisation.captured, authorisation.ended_at = Status.CAPTURED, charged, at
    authorisation.save(update_fields=["status", "captured", "ended_at"])
    return authorisation


@transaction.atomic
def void(authorisation_id: int, *, at: datetime) -> CreditAuthorisation:
    """What was reserved is free again. Twice is harmless."""
    account, authorisation = _held_authorisation(authorisation_id, at)
    if authorisation.status in (Status.VOIDED, Status.EXPIRED):
        return authorisation
    if authorisation.status == Status.CAPTURED:
        raise DomainError(_("This order is charged. Book a refund instead."), code="captured")
    return _give_back(account, authorisation, Status.VOIDED, at)


@transaction.atomic
def pay(
    customer: Customer, amount: Decimal | int | str, *, idem_key: str, at: datetime, by: User | None, reason: str = ""
) -> CreditEntry:
    """A payment has come in; it settles what is due first. The same key finds the first entry again."""
    paid = from_minor(to_minor(amount))
    if paid <= 0:
        raise Invalid(_("Give an amount above zero."), code="amount")
    account = hold_account(customer, at)
    if known := _known(account, f"pay:{idem_key}", -paid):
        return known
    if paid > account.exposure:
        raise DomainError(
            _("Only %(owed)s is owed. Pay the rest back or book it elsewhere.") % {"owed": account.exposure},
            code="overpaid",
        )
    entry = _post(account, Kind.PAYMENT, -paid, key=f"pay:{idem_key}", at=at, by=by, reason=reason)
    if by is not None:
        audit.record(by, "credit.paid", customer, at=at, amount=str(paid))
    return entry


@transaction.atomic
def adjust(
    customer: Customer, amount: Decimal | int | str, *, reason: str, by: User, at: datetime, idem_key: str
) -> CreditEntry:
    """A correction with its reason: positive raises what is owed (due after the term), negative lowers it."""
    value = from_minor(to_minor(amount))
    if not reason.strip():
        raise Invalid(_("Say why."), code="reason")
    if value == 0:
        raise Invalid(_("A correction is more or less than zero."), code="amount")
    account = hold_account(customer, at)
    if known := _known(account, f"adjust:{idem_key}", value):
        return known
    if account.exposure + value < 0:
        raise DomainError(_("Only %(owed)s is owed.") % {"owed": account.exposure}, code="overpaid")
    if value > account.left:
        raise DomainError(_("Only %(left)s of the limit is left.") % {"left": account.left}, code="credit_limit")
    due_on = mall_day(at) + timedelta(days=account.term_days) if value > 0 else None
    entry = _post(account, Kind.ADJUST, value, key=f"adjust:{idem_key}", at=at, by=by, reason=reason, due_on=due_on)
    audit.record(by, "credit.adjusted", customer, at=at, amount=str(value), reason=reason.strip()[:200])
    return entry


def of_orders(*orders: Order) -> QuerySet[CreditAuthorisation]:
    """What the orders have reserved of a credit account, or were charged to it."""
    return CreditAuthorisation.objects.filter(names(*orders), status__in=(Status.AUTHORISED, Status.CAPTURED))


@joining()
def follow_order(order: Order, *, at: datetime) -> int:
    """A cancelled order gives back what it had reserved; refunds of a charged one lower what is owed. How many changed.

    What the customer had paid for already is paid back outside: what is owed never falls below zero.
    """
    return sum(_follow(pk, order, at) for pk in list(of_orders(order).order_by("pk").values_list("pk", flat=True)))


def _follow(authorisation_id: int, order: Order, at: datetime) -> int:
    account, authorisation = _held_authorisation(authorisation_id, at)
    if authorisation.order_id is None:
        authorisation.order = order
        authorisation.save(update_fields=["order"])
    cancelled = order.status == Order.Status.CANCELLED
    if authorisation.status == Status.AUTHORISED:
        if cancelled:
            _give_back(account, authorisation, Status.VOIDED, at)
        return int(cancelled)
    if authorisation.status != Status.CAPTURED:
        return 0
    back = order.refunds.aggregate(sum=Sum("amount"))["sum"] or NOTHING
    taken_back = authorisation.captured if cancelled else min(authorisation.captured, back)
    more = taken_back - authorisation.returned
    if more <= 0:
        return 0
    booked = min(more, account.exposure)
    if booked > 0:
        charge = account.entries.get(idem_key=f"capture:{authorisation.pk}")
        key = f"order:{authorisation.pk}:{to_minor(taken_back)}"
        _post(account, Kind.REFUND, -booked, key=key, at=at, order_ref=authorisation.order_ref, due_on=charge.due_on)
    authorisation.returned = taken_back
    authorisation.save(update_fields=["returned"])
    return 1


def follow_orders(*, at: datetime) -> int:
    """`follow_order` for every order on account that has changed without being told of one by one."""
    with connection.cursor() as cursor:
        cursor.execute(sql.load(__file__, "credit_unfollowed"))
        ids = [row[0] for row in cursor.fetchall()]
    return sum(follow_order(order, at=at) for order in Order.objects.filter(pk__in=ids).order_by("pk"))


@transaction.atomic
def expire_due(*, at: datetime) -> int:
    """Reservations whose time is over are free again."""
    due = CreditAuthorisation.objects.filter(status=Status.AUTHORISED, expires_at__lte=at)
    accounts = CreditAccount.objects.filter(pk__in=due.values("account")).select_related("customer").order_by("pk")
    count = due.count()
    for account in accounts:
        hold_account(account.customer, at)
    return count


@transaction.atomic
def merge(loser: Customer, winner: Customer) -> None:
    """Two records become one and keep the account. Two accounts are not joined: one has to be settled and closed."""
    locks.hold_customers([loser.pk, winner.pk])
    theirs = CreditAccount.objects.filter(customer=loser).first()
    if theirs is None:
        return
    if CreditAccount.objects.filter(customer=winner).exists():
        raise DomainError(
            _("Both customers have a credit account. Settle and close one of them first."), code="two_credit_accounts"
        )
    theirs.customer = winner
    theirs.save(update_fields=["customer"])


# Reading ------------------------------------------------------------------------------------------------------------


class OpenItem(NamedTuple):
    """What is still owed of the charges that fall due on one day; payments settle the earliest day first."""

    due_on: date
    amount: Decimal
    days_late: int


Owed = Iterable[tuple[int, date | None, Decimal]]


def owed(entries: QuerySet[CreditEntry]) -> QuerySet[CreditEntry, tuple[int, date | None, Decimal]]:
    """(account, due day or None for what was paid, amount) of these entries, the earliest day of each account first."""
    sums = entries.values_list("account", "due_on").annotate(sum=Sum("amount"))
    return sums.order_by("account", F("due_on").asc(nulls_first=True))


def open_items(accounts: Iterable[CreditAccount], *, on: date, read: Owed | None = None) -> dict[int, list[OpenItem]]:
    """What each account owes, by due day, the earliest first; in one query, or by what was `read` of `owed`."""
    ids = [account.pk for account in accounts]
    sums = owed(CreditEntry.objects.filter(account__in=ids)) if read is None else read
    items: dict[int, list[OpenItem]] = {pk: [] for pk in ids}
    covered: dict[int, Decimal] = dict.fromkeys(ids, NOTHING)
    for account_id, due_on, amount in sums:
        if due_on is None:
            covered[account_id] = -amount
            continue
        settled = min(covered[account_id], amount)
        covered[account_id] -= settled
        if amount > settled:
            items[account_id].append(OpenItem(due_on, amount - settled, max(0, (on - due_on).days)))
    return items


def overdue(items: Iterable[OpenItem]) -> Decimal:
    return sum((item.amount for item in items if item.days_late), NOTHING)


def is_blocked(account: CreditAccount, late: int) -> bool:
    """Whether nothing more can be bought on account: it takes no charges, or a payment is overdue by so many days."""
    return account.status != CreditAccount.Status.OPEN or late > OVERDUE_BLOCKS_AFTER


def overdue_days(account: CreditAccount, *, on: date) -> int:
    """Days by which the oldest unpaid charge is late; 0 when everything is in time."""
    return max((item.days_late for item in open_items([account], on=on)[account.pk]), default=0)


def chase(*, on: date, at: datetime) -> int:
    """Every overdue payment is somebody's work, and no other is; returns how many tasks are new."""
    accounts = list(CreditAccount.objects.filter(exposure__gt=0))
    late = _late_by_customer(accounts, on=on)
    chasing.follow(chasing.customers_with_work(), late, at=at)
    return chasing.open_work(late, on=on, at=at)


def _late_by_customer(accounts: list[CreditAccount], *, on: date) -> dict[int, chasing.Late]:
    items = open_items(accounts, on=on)
    return {
        account.customer_id: chasing.Late(account.pk, overdue(items[account.pk]), items[account.pk][0].due_on)
        for account in accounts
        if overdue(items[account.pk])
    }


# Inside -------------------------------------------------------------------------------------------------------------


def hold_account(customer: Customer, at: datetime) -> CreditAccount:
    """The customer's account, locked to the end of the transaction; what has run out by now is free again."""
    rows = CreditAccount.objects.select_for_update(no_key=True, of=("self",)).select_related("customer")
    account = rows.filter(customer=customer).first()
    if account is None:
        raise Unknown(_("This customer has no credit account."), code="no_credit")
    for late in account.authorisations.filter(status=Status.AUTHORISED, expires_at__lte=at).order_by("pk"):
        _give_back(account, late, Status.EXPIRED, at)
    return account


def _held_authorisation(authorisation_id: int, at: datetime) -> tuple[CreditAccount, CreditAuthorisation]:
    authorisation = CreditAuthorisation.objects.select_related("account__customer").filter(pk=authorisation_id).first()
    if authorisation is None:
        raise Unknown(_("There is no such reservation."), code="authorisation_unknown")
    account = hold_account(authorisation.account.customer, at)
    return account, CreditAuthorisation.objects.get(pk=authorisation_id)


def _give_back(
    account: CreditAccount, authorisation: CreditAuthorisation, status: str, at: datetime
) -> CreditAuthorisation:
    _move(account, authorised=-authorisation.amount)
    authorisation.status, authorisation.ended_at = status, at
    authorisation.save(update_fields=["status", "ended_at"])
    return authorisation


def _move(account: CreditAccount, *, exposure: Decimal = NOTHING, authorised: Decimal = NOTHING) -> None:
    CreditAccount.objects.filter(pk=account.pk).update(
        exposure=F("exposure") + Value(exposure, MoneyField()),
        authorised=F("authorised") + Value(authorised, MoneyField()),
    )
    account.exposure += exposure
    account.authorised += authorised


def _known(account: CreditAccount, key: str, amount: Decimal) -> CreditEntry | None:
    entry = account.entries.filter(idem_key=key).first()
    if entry is not None and entry.amount != amount:
        raise SameKey()
    return entry


def _post(
    account: CreditAccount,
    kind: str,
    amount: Decimal,
    *,
    key: str,
    at: datetime,
    order_ref: str = "",
    due_on: date | None = None,
    by: User | None = None,
    reason: str = "",
    authorised: Decimal = NOTHING,
) -> CreditEntry:
    account.last_seq += 1
    account.save(update_fields=["last_seq"])
    entry = CreditEntry.objects.create(
        account=account,
        seq=account.last_seq,
        kind=kind,
        amount=amount,
        order_ref=order_ref,
        due_on=due_on,
        idem_key=key,
        at=at,
        by=by,
        reason=reason.strip()[:200],
    )
    _move(account, exposure=amount, authorised=authorised)
    if amount < 0:
        chasing.follow([account.customer_id], _late_by_customer([account], on=mall_day(at)), at=at)
    return entry
