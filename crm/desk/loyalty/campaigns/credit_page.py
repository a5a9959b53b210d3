"""Credit accounts in rows and figures: what is owed by when, what is late, how the limit came about."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import QuerySet, Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts.models import User
from core.accounts.permissions import StaffRequest, may
from core.accounts.roles import Permission
from core.lib.periods import mall_day
from crm.desk.paging import EMPTY, Page, page_of
from crm.desk.today import today
from customers.access import scope_filter
from customers.models import Customer
from loyalty.campaigns import credit
from loyalty.campaigns.credit import OpenItem
from loyalty.models import CreditAccount, CreditAuthorisation, CreditEntry, CreditLimitChange
from loyalty.tiers import membership

SHOWN = 100
CHANGES_SHOWN = 20
USUAL_TERM = 30
TONES = {"open": "green", "hold": "amber", "closed": "grey"}
AGES = ((0, 0), (1, 30), (31, 60), (61, 100_000))
Change = CreditLimitChange.Status
DECIDED: dict[str, Any] = {
    Change.APPROVED: gettext_lazy("approved by %(who)s on %(day)s"),
    Change.DECLINED: gettext_lazy("turned down by %(who)s on %(day)s"),
    Change.WITHDRAWN: gettext_lazy("taken back by %(who)s on %(day)s"),
}
ICONS = {Change.APPROVED: "check", Change.PROPOSED: "clock"}


@dataclass(frozen=True)
class AccountRow:
    """One account of the list: how much of it is used, and how late the oldest payment is."""

    account: CreditAccount
    overdue: Decimal
    days: int
    tone: str
    used: Decimal
    meter: str
    label: str
    stopped: bool


class EntryRow(NamedTuple):
    """An entry, and what was owed after it."""

    entry: CreditEntry
    owed: Decimal


class ChangeRow(NamedTuple):
    """How the limit changed, and who proposed and decided it."""

    change: CreditLimitChange
    icon: str
    by: str


@dataclass(frozen=True)
class Card:
    """The account on the page of its customer; empty where there is none yet but may be one."""

    account: CreditAccount | None = None
    tone: str = ""
    overdue: Decimal = Decimal(0)
    days: int = 0
    next: OpenItem | None = None
    used: Decimal = Decimal(0)
    label: str = ""
    stopped: bool = False


def _late(items: list[OpenItem]) -> int:
    return max((item.days_late for item in items), default=0)


def _is_stopped(account: CreditAccount, items: list[OpenItem]) -> bool:
    """An open account on which nothing can be bought until a late payment has come in."""
    return account.status == CreditAccount.Status.OPEN and credit.is_blocked(account, _late(items))


def _used(account: CreditAccount) -> Decimal:
    return Decimal(account.exposure + account.authorised)


def _label(account: CreditAccount, places: int = 0) -> str:
    return f"{_used(account):,.{places}f} / {account.credit_limit:,.{places}f}"


def account_list(request: StaffRequest) -> dict[str, Any]:
    """Accounts in reach, the most overdue first; and the limits that wait for a second person."""
    rows = _account_rows(request.user)
    waiting = CreditLimitChange.objects.filter(
        scope_filter(request.user, today(), "account__customer__"), status=Change.PROPOSED
    ).select_related("account__customer", "proposed_by")
    return {
        "page": page_of(request, rows, SHOWN),
        "count": len(rows),
        "waiting": waiting.order_by("proposed_at"),
        "owed": sum((row.account.exposure for row in rows), Decimal(0)),
        "overdue": sum((row.overdue for row in rows), Decimal(0)),
        "late": sum(1 for row in rows if row.days),
        "limits": sum((row.account.credit_limit for row in rows), Decimal(0)),
    }


def _account_rows(user: User) -> list[AccountRow]:
    mine = CreditAccount.objects.filter(scope_filter(user, today(), "customer__"))
    accounts = list(mine.exclude(status="closed").select_related("customer__manager", "customer__standing"))
    items = credit.open_items(accounts, on=today())
    rows = [
        AccountRow(
            account=account,
            overdue=credit.overdue(items[account.pk]),
            days=_late(items[account.pk]),
            tone=TONES[account.status],
            used=_used(account),
            meter="red" if account.is_over else "blue",
            label=_label(account),
            stopped=_is_stopped(account, items[account.pk]),
        )
        for account in accounts
    ]
    return sorted(rows, key=lambda row: (-row.days, -row.account.exposure, row.account.pk))


def context(request: StaffRequest, customer: Customer, account: CreditAccount | None) -> dict[str, Any]:
    """What is owed by when, every entry, reservations, and how the limit came about."""
    items = credit.open_items([account], on=today())[account.pk] if account else []
    waiting = account.limit_changes.filter(status=Change.PROPOSED).select_related("proposed_by") if account else None
    return {
        "customer": customer,
        "account": account,
        "tone": TONES[account.status] if account else "grey",
        "label": _label(account, 2) if account else "",
        "items": items,
        "overdue": credit.overdue(items),
        "days": _late(items),
        "stopped": account is not None and _is_stopped(account, items),
        "ages": _ages(items),
        "entries": _with_balance(request, account) if account else EMPTY,
        "authorisations": _authorisations(account) if account else [],
        "changes": _changes(request, account) if account else EMPTY,
        "waiting": waiting.first() if waiting else None,
        "alone": credit.decides_alone(request.user),
    }


def _authorisations(account: CreditAccount) -> list[CreditAuthorisation]:
    held = account.authorisations.filter(status=CreditAuthorisation.Status.AUTHORISED)
    return list(held.order_by("expires_at"))


def _changes(request: StaffRequest, account: CreditAccount) -> Page:
    newest = account.limit_changes.select_related("proposed_by", "decided_by").order_by("-proposed_at", "-pk")
    page = page_of(request, newest, CHANGES_SHOWN, "changes")
    return page.of([ChangeRow(row, ICONS.get(Change(row.status), "ban"), _people(row)) for row in page.rows])


def _people(change: CreditLimitChange) -> str:
    """Who proposed it, and who decided it how and on which day."""
    proposed = _("Proposed by %(who)s") % {"who": change.proposed_by}
    if change.decided_by is None or change.decided_at is None:
        return proposed
    how = DECIDED[Change(change.status)] % {"who": change.decided_by, "day": mall_day(change.decided_at).isoformat()}
    return f"{proposed} · {how}" + (f" ({change.alone_because})" if change.alone_because else "")


def usual_term(customer: Customer) -> int:
    """The days to pay that the customer's level promises, else thirty."""
    standing = membership.standing(customer, on=today())
    promised = [row["amount"] for row in standing.benefits if row["kind"] == "credit_terms"] if standing else []
    return int(Decimal(promised[0])) if promised and promised[0] else USUAL_TERM


def _ages(items: list[OpenItem]) -> list[tuple[str, Decimal]]:
    words = (_("not due yet"), _("1–30 days late"), _("31–60 days late"), _("more than 60 days late"))
    return [
        (word, sum((item.amount for item in items if first <= item.days_late <= last), Decimal(0)))
        for word, (first, last) in zip(words, AGES, strict=True)
    ]


def _with_balance(request: StaffRequest, account: CreditAccount) -> Page:
    """The newest entries with what was owed after each."""
    page = page_of(request, account.entries.select_related("by").order_by("-seq"), SHOWN)
    owed, rows = account.exposure, []
    if page.prev and page.rows:
        owed -= account.entries.filter(seq__gt=page.rows[0].seq).aggregate(total=Sum("amount"))["total"]
    for entry in page.rows:
        rows.append(EntryRow(entry, owed))
        owed -= entry.amount
    return page.of(rows)


class Asked(NamedTuple):
    accounts: QuerySet[CreditAccount]
    owed: QuerySet[CreditEntry, tuple[int, date | None, Decimal]]


def asked(customer: Customer) -> Asked:
    """What `card` shows, to be read with the rest of the page."""
    entries = CreditEntry.objects.filter(account__customer=customer)
    return Asked(CreditAccount.objects.filter(customer=customer), credit.owed(entries))


def card(user: User, rows: Asked, on: date) -> Card | None:
    """What the customer page shows of the account; None for those who may not look or where there is nothing."""
    if not may(user, Permission.VIEW_CREDIT):
        return None
    account = next(iter(rows.accounts), None)
    if account is None:
        return Card() if may(user, Permission.PROPOSE_CREDIT) else None
    items = credit.open_items([account], on=on, read=rows.owed)[account.pk]
    return Card(
        account=account,
        tone=TONES[account.status],
        overdue=credit.overdue(items),
        days=_late(items),
        next=next((item for item in items if not item.days_late), None),
        used=_used(account),
        label=_label(account),
        stopped=_is_stopped(account, items),
    )
