"""What the mall is called, counts in, speaks, and where its midnight is.

From the mall's row, which `crm.flows.mall` writes; from the environment as long as there is none. The row is read again
when half a minute has passed, so that every process follows a change without being started again.
"""

import time
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from django.conf import settings
from django.db import DatabaseError, connection, transaction

READ_AGAIN_SECONDS = 30.0
SYMBOLS = {
    "CNY": "¥",
    "HKD": "HK$",
    "TWD": "NT$",
    "MOP": "MOP$",
    "SGD": "S$",
    "MYR": "RM",
    "JPY": "¥",
    "KRW": "₩",
    "THB": "฿",
    "VND": "₫",
    "IDR": "Rp",
    "PHP": "₱",
    "INR": "₹",
    "USD": "$",
    "EUR": "€",
    "GBP": "£",
    "CHF": "CHF ",
    "AUD": "A$",
    "NZD": "NZ$",
    "CAD": "C$",
}


@dataclass(frozen=True)
class Facts:
    """The currency is one of SYMBOLS, the time zone a name of the tz database, the region two letters (ISO 3166)."""

    name: str
    currency: str
    time_zone: str
    language: str
    phone_region: str

    @property
    def symbol(self) -> str:
        return SYMBOLS.get(self.currency, f"{self.currency} ")


# When the row was read, and what it said: None where there is none.
_known: tuple[float, Facts | None] | None = None


def facts() -> Facts:
    """The mall as it is, at most half a minute old; the environment's when nobody has set it up."""
    return _row() or of_environment()


def priced(amount: Decimal | int, decimals: int | None = None) -> str:
    """“¥1,234.50” in the mall's currency, for a sentence; without `decimals`, none where the amount is whole."""
    exact = Decimal(amount)
    if decimals is None:
        decimals = 0 if exact == exact.to_integral_value() else 2
    rounded = exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
    return f"{'−' if rounded < 0 else ''}{facts().symbol}{abs(rounded):,}"


def is_set_up() -> bool:
    """Whether the mall has a row, rather than an environment alone."""
    return _row() is not None


def _row() -> Facts | None:
    """What is known, read again when it is old: between transactions, so that one transaction knows one mall."""
    global _known
    is_old = _known is not None and time.monotonic() - _known[0] >= READ_AGAIN_SECONDS
    if _known is None or (is_old and not connection.in_atomic_block):
        _known = (time.monotonic(), stored_facts(_known[1] if _known else None))
    return _known[1]


def forget() -> None:
    """The next question asks the database."""
    global _known
    _known = None


def of_environment() -> Facts:
    return Facts(
        settings.MALL_NAME,
        settings.MALL_CURRENCY,
        settings.MALL_TIME_ZONE,
        settings.LANGUAGE_CODE,
        settings.PHONE_REGION,
    )


def stored_facts(before: Facts | None) -> Facts | None:
    """What the mall's row says, None when there is none; `before` when the database cannot be asked."""
    try:
        # In a transaction of its own, or a savepoint: a table that is not there yet must not end somebody's work.
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT name, currency, time_zone, language, phone_region FROM mall_mallsettings")
            row = cursor.fetchone()
    except DatabaseError:
        return before
    return Facts(*row) if row else None
