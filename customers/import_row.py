"""One row of a file to one typed row of the staging table, or the reason why not. No database here."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _

from crm.lib.errors import Invalid
from customers import contact_points
from customers.contact_points import Kind, Sealed
from customers.import_file import Broken, Row
from customers.models import Order

LARGEST_MINOR = 10**15
STATUSES = {
    Order.Status.PAID: ("", "paid", "completed", "complete", "shipped", "delivered", "已付款", "已支付", "已完成", "交易成功",
                        "已发货", "已發貨", "已签收"),
    Order.Status.PENDING: ("pending", "unpaid", "待付款", "未付款", "等待付款", "待支付"),
    Order.Status.CANCELLED: ("cancelled", "canceled", "closed", "已取消", "取消", "交易关闭", "已关闭"),
}  # fmt: skip
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
    phone_index: bytes | None
    phone_tail: bytes | None
    phone_sealed: bytes | None
    phone_mask: str
    email_index: bytes | None
    email_sealed: bytes | None
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


class _Bad(Exception):
    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


@lru_cache(maxsize=20_000)
def moment(text: str) -> tuple[str, str]:
    """(instant, mall-local day). A time without offset is mall time; a day is its first minute; 26/11/22 is refused."""
    value = unicodedata.normalize("NFKC", text).strip().lstrip("'")
    value = re.sub(r"^(\d{4})[/.年](\d{1,2})[/.月](\d{1,2})日?", lambda m: f"{m[1]}-{m[2]:>02}-{m[3]:>02}", value)
    if not re.match(r"\d{4}-\d{2}-\d{2}|\d{8}$", value):
        raise Invalid(_("Write the date like 2026-11-17 or 2026-11-17 09:30."))
    zone = ZoneInfo(settings.MALL_TIME_ZONE)
    try:
        at = datetime.fromisoformat(value)
        at = at if at.tzinfo else at.replace(tzinfo=zone)
        local = at.astimezone(zone)
    except (ValueError, OverflowError):
        raise Invalid(_("There is no such day or time.")) from None
    if not date(1970, 1, 1) <= local.date() <= date(2100, 12, 31):
        raise Invalid(_("The time must lie between 1970 and 2100."))
    return at.astimezone(UTC).isoformat(), local.date().isoformat()


@lru_cache(maxsize=20_000)
def minor(text: str) -> int:
    """Minor units of 1234.5, 1,234.50, ¥12 or １２.５０; never negative, at most two decimals that say something."""
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


Parsed = Staged | Rejected


def parse(rows: Iterator[Row | Broken], names: list[str], mapping: dict[str, str]) -> Iterator[Parsed]:
    """Staged rows and refusals, one for each row of the file, in its order.

    Without order number one is made of customer, day and the how-manieth row of that day it is,
    so that the same file makes the same numbers however its other rows are sorted.
    """
    where = {field: names.index(column) for field, column in mapping.items()}
    seen: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if isinstance(row, Broken):
            yield Rejected(row.line_number, "", row.reason, row.line)
            continue
        try:
            yield _staged(row, where, seen)
        except _Bad as bad:
            number = contact_points.plain(row.cells[where["order_no"]]) if "order_no" in where else ""
            yield Rejected(row.line_number, mapping.get(bad.field, bad.field), str(bad)[:300], row.line, number)


def _staged(row: Row, where: dict[str, int], seen: Counter[tuple[str, str]]) -> Staged:
    def cell(field: str) -> str:
        return row.cells[where[field]].strip() if field in where else ""

    def read(field: str, how: Callable[..., Any], *limits: Any) -> Any:
        try:
            return how(cell(field), *limits)
        except Invalid as error:
            raise _Bad(field, str(error)) from None

    customer = read("customer", words, 80)
    try:
        phone = sealed(Kind.PHONE, cell("phone")) if cell("phone") else None
    except Invalid as error:
        raise _Bad("phone", str(error)) from None
    try:
        email = sealed(Kind.EMAIL, cell("email")) if cell("email") else None
    except Invalid as error:
        raise _Bad("email", str(error)) from None
    if not customer and not phone:
        raise _Bad("customer", _("Neither customer nor phone is given."))
    ordered_at, ordered_on = read("date", moment)
    external_id = read("order_no", words, 80)
    if "order_no" in where and not external_id:
        raise _Bad("order_no", _("The order number is missing."))
    if not external_id:
        who = customer or (phone.blind_index.hex()[:16] if phone else "")
        seen[who, ordered_on] += 1
        external_id = f"{who}/{ordered_on}/{seen[who, ordered_on]}"[-80:]
    of_lines = "line_paid" in where
    return Staged(
        line=row.line_number,
        external_id=external_id,
        version=read("version", whole, 2**63 - 1) if cell("version") else None,
        customer=customer,
        phone_index=phone and phone.blind_index,
        phone_tail=phone and phone.tail_index,
        phone_sealed=phone and phone.encrypted,
        phone_mask=phone.mask if phone else "",
        email_index=email and email.blind_index,
        email_sealed=email and email.encrypted,
        email_mask=email.mask if email else "",
        name=read("name", words, 120),
        region=read("region", words, 60),
        city=read("city", words, 60),
        status=read("status", status),
        ordered_at=ordered_at,
        ordered_on=ordered_on,
        paid=read("paid", minor) if cell("paid") or not of_lines else None,
        cost=read("cost", minor) if cell("cost") else 0,
        units=read("units", whole, 1_000_000) if cell("units") else 1,
        category=read("category", words, 80),
        product=read("product", words, 80),
        line_paid=read("line_paid", minor) if of_lines else None,
    )
