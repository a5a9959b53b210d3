"""One row of a file to one typed row of the staging table, or the reason why not. No database here."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from core.lib.errors import Invalid
from core.lib.periods import mall_zone
from customers import contact_points
from customers.contact_points import Kind, Sealed
from customers.imports.reading.shape import Broken, Row
from customers.models import Order

LARGEST_MINOR = 10**15
STATUSES = {
    Order.Status.PAID: (
        "",
        "paid",
        "completed",
        "complete",
        "shipped",
        "delivered",
        "已付款",
        "已支付",
        "已完成",
        "交易成功",
        "已发货",
        "已發貨",
        "已签收",
    ),
    Order.Status.PENDING: ("pending", "unpaid", "待付款", "未付款", "等待付款", "待支付"),
    Order.Status.CANCELLED: ("cancelled", "canceled", "closed", "已取消", "取消", "交易关闭", "已关闭"),
}
_STATUS_OF = {word: str(status) for status, words in STATUSES.items() for word in words}


class Rejected(NamedTuple):
    line_number: int
    column: str
    reason: str
    line: str
    external_id: str = ""  # of the order, as far as the row says


class Staged(NamedTuple):
    """A row of the staging table, in its column order. `line_paid` is None where a row is a whole order."""

    line: int
    external_id: str
    version: int | None
    customer: str
    phone_index: str | None
    phone_tail: str | None
    phone_sealed: str | None
    phone_mask: str
    email_index: str | None
    email_sealed: str | None
    email_mask: str
    name: str
    region: str
    city: str
    status: str
    ordered_at: str
    ordered_on: str
    paid: int | None
    cost: int
    units: int
    category: str
    product: str
    line_paid: int | None
    # Money back of the order so far, in minor units, and when; None where the row says nothing of it.
    refunded: int | None = None
    refunded_at: str | None = None


_PLAIN_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?)?", re.ASCII)
# Up to the minute, the second, the offset: all seconds of one minute are of one day.
_SECOND_OF_MINUTE = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d):([0-5]\d)([+-]\d\d:\d\d)?", re.ASCII)
_PLAIN_AMOUNT = re.compile(r"(\d{1,12})(?:\.(\d{1,2}))?", re.ASCII)


def moment(text: str) -> tuple[str, str]:
    """(instant, mall-local day). A time without offset is mall time; a day is its first minute; 26/11/22 is refused."""
    if plain := _SECOND_OF_MINUTE.fullmatch(text):
        day, minute, second, offset = plain.groups("")
        at, local_day = _moment(f"{day}T{minute}:00{offset}")
        return f"{at[:17]}{second}{at[19:]}", local_day
    return _moment(text)


@lru_cache(maxsize=20_000)
def _moment(text: str) -> tuple[str, str]:
    value = text
    if not _PLAIN_TIME.fullmatch(text[:19]):
        value = unicodedata.normalize("NFKC", text).strip().lstrip("'")
        value = re.sub(r"^(\d{4})[/.年](\d{1,2})[/.月](\d{1,2})日?", lambda m: f"{m[1]}-{m[2]:>02}-{m[3]:>02}", value)
        if not re.match(r"\d{4}-\d{2}-\d{2}|\d{8}$", value):
            raise Invalid(_("Write the date like 2026-11-17 or 2026-11-17 09:30."))
    zone = mall_zone()
    try:
        at = datetime.fromisoformat(value)
        at = at if at.tzinfo else at.replace(tzinfo=zone)
        local = at.astimezone(zone)
    except (ValueError, OverflowError):
        raise Invalid(_("There is no such day or time.")) from None
    if not date(1970, 1, 1) <= local.date() <= date(2100, 12, 31):
        raise Invalid(_("The time must lie between 1970 and 2100."))
    return at.isoformat(), local.date().isoformat()


@lru_cache(maxsize=20_000)
def minor(text: str) -> int:
    """Minor units of 1234.5, 1,234.50, ¥12 or １２.５０; never negative, at most two decimals that say something."""
    if plain := _PLAIN_AMOUNT.fullmatch(text):
        return int(plain[1]) * 100 + int((plain[2] or "").ljust(2, "0"))
    value = unicodedata.normalize("NFKC", text).strip().lstrip("'").removesuffix("元").strip("¥$€£ ")
    if re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d+)?", value, re.ASCII):
        value = value.replace(",", "")
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", value, re.ASCII):
        raise Invalid(_("This is not an amount. Write it like 1234.50."))
    try:
        amount = Decimal(value) * 100
    except InvalidOperation:
        raise Invalid(_("This is not an amount. Write it like 1234.50.")) from None
    if amount < 0:
        raise Invalid(_("An amount is never negative; money back is a refund."))
    if amount != amount.to_integral_value() or amount >= LARGEST_MINOR:
        raise Invalid(_("The amount is too large or has more than two decimals."))
    return int(amount)


def _signed(text: str) -> int:
    """A line may be a discount."""
    return -minor(text[1:]) if text.startswith("-") else minor(text)


@lru_cache(maxsize=20_000)
def words(text: str, most: int) -> str:
    value = contact_points.plain(text)
    if len(value) > most:
        raise Invalid(_("The text is longer than %(most)d characters.") % {"most": most})
    return value


@lru_cache(maxsize=1_000)
def whole(text: str, most: int) -> int:
    value = unicodedata.normalize("NFKC", text).strip()
    if not re.fullmatch(r"\d{1,19}", value, re.ASCII) or int(value) > most:
        raise Invalid(_("This is not a whole number in range."))
    return int(value)


@lru_cache(maxsize=1_000)
def status(text: str) -> str:
    word = unicodedata.normalize("NFKC", text).strip().lower()
    if word not in _STATUS_OF:
        raise Invalid(_("This status is not known. Use paid, pending or cancelled."))
    return _STATUS_OF[word]


@lru_cache(maxsize=50_000)
def sealed(kind: str, text: str) -> Sealed:
    return contact_points.seal(kind, text)


def _or(empty: Any, read: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: read(text) if text else empty


# Field -> what makes its value of a stripped cell; a field without column reads "".
READERS: dict[str, Callable[[str], Any]] = {
    "order_no": lambda text: words(text, 80),
    "version": _or(None, lambda text: whole(text, 2**63 - 1)),
    "customer": lambda text: words(text, 80),
    "phone": _or(None, lambda text: sealed(Kind.PHONE, text)),
    "email": _or(None, lambda text: sealed(Kind.EMAIL, text)),
    "name": lambda text: words(text, 120),
    "region": lambda text: words(text, 60),
    "city": lambda text: words(text, 60),
    "status": status,
    "date": moment,
    "paid": _or(None, minor),
    "cost": _or(0, minor),
    "units": _or(1, lambda text: whole(text, 1_000_000)),
    "category": lambda text: words(text, 80),
    "product": lambda text: words(text, 80),
    "line_paid": _or(None, minor),
    "refunded": _or(None, minor),
    "refunded_at": _or(None, lambda text: moment(text)[0]),
}
Parsed = Staged | Rejected


def parse(rows: Iterator[Row | Broken], names: list[str], mapping: dict[str, str]) -> Iterator[Parsed]:
    """Staged rows and refusals, one for each row of the file, in its order.

    Without order number one is made of customer, day and the how-manieth row of that day it is,
    so that the same file makes the same numbers however its other rows are sorted.
    """
    readers = dict(READERS)
    if "line_paid" in mapping:
        readers |= {"line_paid": _signed}
    absent = {field: read("") for field, read in readers.items() if field not in mapping and field != "date"}
    columns = [(names.index(column), field, readers[field]) for field, column in mapping.items()]
    seen: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if isinstance(row, Broken):
            yield Rejected(row.line_number, "", row.reason, row.line)
            continue
        values = absent.copy()
        field = "customer"
        try:
            for index, field, read in columns:
                values[field] = read(row.cells[index].strip())
            if not (values["customer"] or values["phone"] or values["email"]) and not values["order_no"]:
                field = "customer"
                raise Invalid(_("Neither customer nor phone is given."))
            if values["paid"] is None and values["line_paid"] is None:
                field = "paid"
                if values["status"] != Order.Status.CANCELLED and not values["refunded"]:
                    raise Invalid(_("This is not an amount. Write it like 1234.50."))
            if "order_no" in mapping and not values["order_no"]:
                field = "order_no"
                raise Invalid(_("The order number is missing."))
        except Invalid as error:
            number = contact_points.plain(row.cells[names.index(mapping["order_no"])]) if "order_no" in mapping else ""
            yield Rejected(row.line_number, mapping.get(field, field), str(error)[:300], row.line, number)
            continue
        yield _staged(row.line_number, values, seen)


def _staged(line: int, values: dict[str, Any], seen: Counter[tuple[str, str]]) -> Staged:
    phone, email = values["phone"], values["email"]
    ordered_at, ordered_on = values["date"]
    external_id = values["order_no"]
    if not external_id:
        who = values["customer"] or contact_points.order_prefix((phone or email).blind_index)
        seen[who, ordered_on] += 1
        external_id = f"{who}/{ordered_on}/{seen[who, ordered_on]}"[-80:]
    vault: tuple[str | None, ...] = (None, None, None, "")
    post: tuple[str | None, ...] = (None, None, "")
    if phone:
        vault = (*map(_bytea, (phone.blind_index, phone.tail_index, phone.encrypted)), phone.mask)
    if email:
        post = (*map(_bytea, (email.blind_index, email.encrypted)), email.mask)
    return Staged._make(
        (
            line,
            external_id,
            values["version"],
            values["customer"],
            *vault,
            *post,
            values["name"],
            values["region"],
            values["city"],
            values["status"],
            ordered_at,
            ordered_on,
            values["paid"],
            values["cost"],
            values["units"],
            values["category"],
            values["product"],
            values["line_paid"],
            values["refunded"],
            values["refunded_at"],
        )
    )


def _bytea(value: bytes | None) -> str | None:
    return None if value is None else f"\\x{value.hex()}"
