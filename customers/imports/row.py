"""One row of a file to one typed row of the staging table, or the reason why not. No database here."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from core.lib.errors import Invalid
from core.lib.periods import mall_zone
from customers import contact_points, keys
from customers.contact_points import Sealed
from customers.imports import fields
from customers.imports.choices import Choices
from customers.imports.profiles import PROFILES
from customers.imports.reading.shape import Broken, Row
from customers.imports.spellings import amounts, contacts, dates, statuses
from customers.imports.spellings.statuses import Meaning
from customers.imports.spellings.texts import Noted, title, value_of, words

NOTHING_MONEY = re.compile(r"[-–—/.\s]*|n/?a|null|none|nan|[无無未没沒]\w{0,8}", re.IGNORECASE)
NO_TIME = re.compile(r"[-–—/:.0\s]*|n/?a|null|none|无|無|nan", re.IGNORECASE)
TOTALS = re.compile(
    r"(?:合\s*计|总\s*计|小\s*计|共\s*计|汇\s*总|合計|總計|小計|grand total|sub-?total|totals?|sum|gesamt|summe)\b.*",
    re.IGNORECASE,
)
# What is of an order, not of a line of it: blank in a line, it means as above.
OF_ORDER = (
    "order_no",
    "customer",
    "phone",
    "email",
    "name",
    "last_name",
    "region",
    "city",
    "date",
    "date_else",
    "status",
    "pay_status",
    "cancelled_at",
    "currency",
    "version",
    "modified",
)
ONE = Decimal(1)
NO_CONTACTS = (None, None, None, "", None, None, "")


class Rejected(NamedTuple):
    line_number: int
    column: str
    reason: str
    line: str
    external_id: str = ""  # of the order, as far as the row says


class Note(NamedTuple):
    """Something of a row that was left out or changed; `code` is one of notes.TEXTS. The row itself goes in."""

    line_number: int
    column: str
    code: str


class Staged(NamedTuple):
    """A row of the staging table, in its column order. `line_paid` is None where a row is a whole order.

    `paid` is None where the row does not say it. `refunded` is the money that went back of the order so far, as far
    as the rows of the order up to this one say.
    """

    line: int
    external_id: str
    version: int | None
    modified: str | None  # when the shop had last changed the order
    customer: str
    phone_index: str | None
    phone_tail: str | None
    phone_sealed: str | None
    phone_mask: str
    email_index: str | None
    email_sealed: str | None
    email_mask: str
    person: str | None  # whom the row means, by the best that it names them by
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


Parsed = Staged | Rejected | Note
Reader = Callable[[str], Any]


def parse(rows: Iterator[Row | Broken], names: list[str], choices: Choices) -> Iterator[Parsed]:
    """Staged rows and refusals, one for each row of the file, in its order, with notes before the row they are of.

    Without order number one is made of customer, day and the how-manieth row of that day it is,
    so that the same file makes the same numbers however its other rows are sorted.
    """
    table = _Table(names, choices)
    for row in rows:
        if isinstance(row, Broken):
            yield Rejected(row.line_number, "", row.reason, row.line)
        else:
            yield from table.read(row)


class _Refused(Exception):
    """The row does not go in because of this field."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


class _Table:
    """Reads the rows of one file, of which some mean what stands above them."""

    def __init__(self, names: list[str], choices: Choices) -> None:
        self.mapping = choices.mapping
        self.of_lines = "line_paid" in choices.mapping
        self.amount = "line_paid" if self.of_lines else "paid"
        self.by_piece = choices.price == "piece"
        profile = PROFILES.get(choices.profile)
        self.day_in_number = re.compile(profile.day_in_number) if profile and profile.day_in_number else None
        # The total of an order stands in one of its rows, and nothing of what each line is of it.
        self.of_total = self.of_lines and choices.mapping["line_paid"] == choices.mapping.get("paid")
        self.are_accounts = bool(
            re.search(r"[账帐帳][号號]|account|login", choices.mapping.get("customer", "").lower())
        )
        # Where no total stands beside the lines, and the name does not say otherwise, each line says what it gave back.
        self.each_gives_back = "paid" not in choices.mapping and not fields.is_of_order(
            choices.mapping.get("refunded", "")
        )
        self.says_more = not choices.mapping.keys().isdisjoint(("pay_status", "after_sales", "cancelled_at"))
        self.may_be_asked = fields.key(choices.mapping.get("refunded", "")) in fields.MAYBE_ASKED
        readers = _readers(choices)
        self.absent = {field: value_of(read("")) for field, read in readers.items()}
        # The first of two columns of one name is the one that is meant.
        self.columns = [(names.index(column), field, readers[field]) for field, column in choices.mapping.items()]
        self.place = {field: index for index, field, _read in self.columns}
        self.heads = [self.place[field] for field in OF_ORDER if field in self.place]
        self.number = self.place.get("order_no")
        self.above: list[str] | None = None
        self.seen: Counter[tuple[str, str]] = Counter()
        self.back: Counter[str] = Counter()  # money back of orders whose lines say so one by one
        self.first_said: dict[str, int] = {}  # what the first line of an order says of money back
        self.told_total = ""  # the order whose total the rows above have said
        self.sum = 0

    def read(self, row: Row) -> Iterator[Parsed]:
        cells = row.cells
        number = "" if self.number is None else cells[self.number].strip()
        if self.number is not None and not number[:1].isdigit() and self._is_totals(cells, number):
            yield Note(row.line_number, "", "totals")
            return
        cells = self._as_above(cells)
        if self.number is not None and cells[self.number].strip():
            self.above = cells  # also of a row that is refused: what goes on below it is of its order
        notes: list[tuple[str, str]] = []
        try:
            staged = self._staged(row.line_number, self._values(cells, notes), notes)
        except _Refused as refusal:
            number = "" if self.number is None else keys.order_key(cells[self.number])
            column = self.mapping.get(refusal.field, refusal.field)
            yield Rejected(row.line_number, column, str(refusal)[:300], row.line, number[: contacts.LONGEST_KEY])
            return
        self.sum += (staged.line_paid if self.of_lines else staged.paid) or 0
        for field, code in notes:
            yield Note(row.line_number, self.mapping.get(field, field), code)
        yield staged

    def _is_totals(self, cells: list[str], number: str) -> bool:
        """Whether a row without order number adds up the rows above it."""
        if number and not TOTALS.fullmatch(number):
            return False
        heads = [cells[index] for index in self.heads if index != self.place.get("name")]
        if any(cell.strip() and not TOTALS.match(cell.strip()) for cell in heads):
            return False
        if any(TOTALS.fullmatch(cell.strip()) for cell in cells):
            return True
        says = [self.place[field] for field in ("product", "category") if field in self.place]
        if any(cells[index].strip() for index in says) or self.amount not in self.place:
            return False
        try:
            return self.sum > 0 and value_of(amounts.minor(cells[self.place[self.amount]].strip())) == self.sum
        except Invalid:
            return False

    def _as_above(self, cells: list[str]) -> list[str]:
        """The cells of a line with what it leaves blank of its order: cells were merged, or only its first row says it."""
        above = self.above
        if above is None or not self.of_lines or self.number is None:
            return cells
        number = cells[self.number].strip()
        if number and number != above[self.number].strip():
            return cells
        if all(cells[index].strip() for index in self.heads):
            return cells
        if not number and any(cells[i].strip() not in ("", above[i].strip()) for i in self.heads):
            return cells
        filled = list(cells)
        for index in self.heads:
            filled[index] = cells[index] if cells[index].strip() else above[index]
        return filled

    def _values(self, cells: Sequence[str], notes: list[tuple[str, str]]) -> dict[str, Any]:
        values = self.absent.copy()
        field = ""
        try:
            for index, field, read in self.columns:
                value = read(cells[index].strip())
                if value.__class__ is Noted:
                    notes.append((field, value.code))
                    value = value.value
                values[field] = value
        except Invalid as error:
            raise _Refused(field, str(error)) from None
        return values

    def _staged(self, line: int, values: dict[str, Any], notes: list[tuple[str, str]]) -> Staged:
        if self.are_accounts or "@" in values["customer"]:
            self._accounts(values)
        phone, email = values["phone"], values["email"]
        who = values["customer"]
        if self.number is not None and not values["order_no"]:
            raise _Refused("order_no", _("The order number is missing."))
        if not (who or phone or email or values["order_no"]):
            raise self._nobody(notes)
        moment = values["date"] or values["date_else"] or self._day_of(values["order_no"], notes)
        if not moment:
            raise _Refused("date", _("The date is missing."))
        ordered_at, ordered_on = moment
        external_id = values["order_no"]
        if not external_id:
            who = who or contact_points.order_prefix((phone or email).blind_index)
            self.seen[who, ordered_on] += 1
            external_id = f"{who}/{ordered_on}/{self.seen[who, ordered_on]}"[-80:]
        meaning: str = values["status"]
        if self.says_more or meaning in (statuses.ASKED_BACK, statuses.NOT_GIVEN_BACK):
            meaning = self._meaning(values, notes)
        if self.of_total and values["line_paid"] is None and external_id == self.told_total:
            values["line_paid"] = 0
        elif values["line_paid"] is not None:
            self.told_total = external_id
        units, paid, line_paid = self._amounts(values, meaning, notes)
        if not self.of_lines and paid is not None and paid < 0:
            if self.number is None:
                raise _Refused("paid", _("Money went back, but the row does not say of which order."))
            values["refunded"], paid, units = values["refunded"] or -paid, None, 0
        left = values["paid_after"]
        if left is not None and paid is not None and 0 <= left < paid:
            values["refunded"] = values["refunded"] or paid - left
        refunded = self._refunded(external_id, values, meaning, paid, line_paid, notes)
        return Staged._make(
            (
                line,
                external_id,
                values["version"],
                values["modified"] and values["modified"][0],
                values["customer"],
                *_vault(phone, email),
                _person(values["customer"], phone, email),
                full_name(values["name"], values["last_name"]),
                values["region"],
                values["city"],
                meaning if meaning in (Meaning.PENDING, Meaning.CANCELLED) else Meaning.PAID,
                ordered_at,
                ordered_on,
                paid,
                values["cost"],
                units,
                values["category"],
                values["product"],
                line_paid,
                refunded,
                values["refunded_at"][0] if refunded and values["refunded_at"] else None,
            )
        )

    def _accounts(self, values: dict[str, Any]) -> None:
        """Who is known by an e-mail or, as an account, by a phone is known by these: they stand in the vault alone."""
        who: str = values["customer"]
        if "@" in who and isinstance(email := contacts.email(who), Sealed):
            values["customer"], values["email"] = "", email
        elif self.are_accounts and contacts.MOBILE.fullmatch(who) and isinstance(phone := contacts.phone(who), Sealed):
            values["customer"], values["phone"] = "", phone

    def _day_of(self, order_no: str, notes: list[tuple[str, str]]) -> tuple[str, str] | None:
        """What the number of the order says of its day, where the platform's numbers do."""
        found = self.day_in_number.fullmatch(order_no) if self.day_in_number else None
        if not found:
            return None
        try:
            moment = dates.moment("20{}-{}-{}".format(*found.groups()))
        except Invalid:
            return None
        notes.append(("order_no", "day_of_number"))
        return moment

    def _meaning(self, values: dict[str, Any], notes: list[tuple[str, str]]) -> str:
        """What the columns of the status say together; money that is only asked back has not gone back."""
        meaning: str = values["status"]
        after_sales: str = values["after_sales"]
        not_back = after_sales if after_sales in (Meaning.PENDING, Meaning.CANCELLED) else ""
        if meaning in (statuses.ASKED_BACK, statuses.NOT_GIVEN_BACK):
            not_back = not_back or (Meaning.PENDING if meaning == statuses.ASKED_BACK else Meaning.CANCELLED)
            meaning = Meaning.PAID
        meaning = _with_payment(meaning, values["pay_status"])
        if values["cancelled_at"] and meaning in (Meaning.PAID, Meaning.PENDING):
            meaning = Meaning.CANCELLED
        if meaning == Meaning.PAID and after_sales in (Meaning.REFUNDED, Meaning.PARTIALLY_REFUNDED):
            meaning = after_sales
        if not_back and self.may_be_asked and values["refunded"]:
            values["refunded"] = None
            notes.append(("refunded", "refund_open" if not_back == Meaning.PENDING else "refund_closed"))
        return meaning

    def _nobody(self, notes: list[tuple[str, str]]) -> _Refused:
        for field, code in notes:
            if field in ("phone", "email", "customer") and code not in ("cut",):
                return _Refused(field, _("Nobody can be recognised: the customer id, phone or e-mail cannot be used."))
        return _Refused("customer", _("Neither customer nor phone is given."))

    def _amounts(
        self, values: dict[str, Any], meaning: str, notes: list[tuple[str, str]]
    ) -> tuple[int, int | None, int | None]:
        """(units, paid, paid for the line), in minor units; negative for money back."""
        quantity: Decimal = values["units"]
        units = 1
        if quantity is not ONE:
            units = int(quantity.to_integral_value(ROUND_HALF_UP))
            if units != quantity:
                notes.append(("units", "quantity"))
        amount = values[self.amount]
        if amount is not None and self.by_piece:
            try:
                amount = amounts.rounded(amount * quantity)
            except Invalid as error:
                raise _Refused(self.amount, str(error)) from None
            if amount.__class__ is Noted:
                notes.append((self.amount, amount.code))
                amount = amount.value
        elif amount is not None and quantity < 0 < amount:
            amount = -amount
        paid = values["paid"] if self.of_lines else amount
        if paid is not None and values["balance"]:
            paid += values["balance"]  # what was paid with money that lay with the platform
        is_silent = meaning in (Meaning.PENDING, Meaning.CANCELLED) or values["refunded"]
        if amount is None and values["paid"] is None and not is_silent:
            raise _Refused(self.amount, _("The amount is missing."))
        return max(units, 0), paid, (amount or 0) if self.of_lines else None

    def _refunded(
        self,
        external_id: str,
        values: dict[str, Any],
        meaning: str,
        paid: int | None,
        line_paid: int | None,
        notes: list[tuple[str, str]],
    ) -> int | None:
        """What of the order has gone back, by its column, else by its status; None where the row does not say it."""
        refunded: int | None = values["refunded"]
        if refunded is not None and self.of_lines and meaning != Meaning.CANCELLED:
            refunded = self._refunded_of_lines(external_id, refunded, line_paid or 0)
        if refunded:
            return refunded
        if meaning == Meaning.REFUNDED:
            if paid is None and line_paid is not None and line_paid > 0:
                self.back[external_id] += line_paid
                return self.back[external_id]
            return paid or None
        if meaning == Meaning.PARTIALLY_REFUNDED:
            if not self.first_said.get(external_id):  # the line above has said it of the order
                notes.append(("status", "refund_unknown"))
            return None
        # That nothing went back is news only from a version that is newer than another.
        return None if values["version"] is None else refunded

    def _refunded_of_lines(self, external_id: str, refunded: int, line_paid: int) -> int:
        """Of the order so far: the sum of what each line says of itself, or what all of them say of the order."""
        first = self.first_said.setdefault(external_id, refunded)
        self.back[external_id] += refunded
        is_of_line = self.each_gives_back and refunded <= line_paid
        return refunded if refunded == first and not is_of_line else self.back[external_id]


def _with_payment(status: str, payment: str) -> str:
    """Of an order and of its payment; the latter is "" where no column says it."""
    if not payment or status in (Meaning.CANCELLED, Meaning.REFUNDED, Meaning.PARTIALLY_REFUNDED):
        return status
    return Meaning.PAID if payment in (statuses.ASKED_BACK, statuses.NOT_GIVEN_BACK) else payment


def full_name(first: str, last: str) -> str:
    """Both parts as they are written: the family name first in Chinese, last elsewhere."""
    if first and keys.is_nobody(first):
        first = ""
    if not (first and last):
        return first or last
    return (f"{first} {last}" if last.isascii() else f"{last}{first}")[:120]


def _vault(phone: Sealed | None, email: Sealed | None) -> tuple[str | None, ...]:
    if not (phone or email):
        return NO_CONTACTS
    number: tuple[str | None, ...] = (None, None, None, "")
    post: tuple[str | None, ...] = (None, None, "")
    if phone:
        number = (*map(_bytea, (phone.blind_index, phone.tail_index, phone.encrypted)), phone.mask)
    if email:
        post = (*map(_bytea, (email.blind_index, email.encrypted)), email.mask)
    return (*number, *post)


def _person(customer: str, phone: Sealed | None, email: Sealed | None) -> str | None:
    if customer:
        return f"e{customer}"
    if phone:
        return f"p{phone.blind_index.hex()}"
    return f"m{email.blind_index.hex()}" if email else None


def _bytea(value: bytes | None) -> str | None:
    return None if value is None else f"\\x{value.hex()}"


# Readers ------------------------------------------------------------------------------------------------------------


def _readers(choices: Choices) -> dict[str, Reader]:
    """Field -> what makes its value of a stripped cell; a field without column reads ""."""
    order, decimal, zone = choices.date_order, choices.decimal, mall_zone()
    by_piece = choices.price == "piece"
    amount_field = "line_paid" if "line_paid" in choices.mapping else "paid"
    said = {statuses.word(text): meaning for text, meaning in choices.statuses.items()}

    def money(field: str) -> Reader:
        return _money(choices.mapping.get(field, ""), decimal, exactly=by_piece and field == amount_field)

    def moment(text: str) -> tuple[str, str] | None:
        if not text or (text[0] not in "123456789" and NO_TIME.fullmatch(text)):
            return None
        return dates.moment(text, order, zone)

    return {
        "order_no": contacts.order_no,
        "version": _or(None, lambda text: amounts.whole(text, 2**63 - 1)),
        "modified": _soft(None, "modified_unknown", moment),
        "customer": contacts.customer,
        "phone": contacts.phone,
        "email": contacts.email,
        "name": lambda text: words(text, 120),
        "last_name": lambda text: words(text, 60),
        "region": _place,
        "city": _place,
        "status": lru_cache(1_000)(lambda text: _status(text, said)),
        "pay_status": lru_cache(1_000)(_or("", lambda text: _status(text, said, choices.mapping["pay_status"]))),
        "after_sales": lru_cache(1_000)(lambda text: _after_sales(text, said, choices.mapping.get("after_sales", ""))),
        "paid_after": _soft(None, "refund_unknown", _or(None, money("paid_after"))),
        "cancelled_at": lambda text: not NO_TIME.fullmatch(text),
        "date": moment,
        "date_else": _soft(None, "", moment),
        "currency": _currency,
        "paid": _said(money("paid")),
        "line_paid": _said(money("line_paid")),
        "balance": _soft(0, "amount_unknown", _positive(money("balance"))),
        "cost": _soft(0, "cost_unknown", _positive(money("cost"))),
        "refunded": _or(None, _soft(None, "refund_unknown", _positive(money("refunded")))),
        "refunded_at": _soft(None, "refund_day", moment),
        "units": lambda text: _quantity(text, strictly=by_piece),
        "category": lambda text: words(text, 80),
        "product": lambda text: title(text, 80),
    }


def _or(empty: Any, read: Reader) -> Reader:
    return lambda text: read(text) if text else empty


def _said(read: Reader) -> Reader:
    """None for a cell that says in a word that it says nothing: -, N/A, 无."""

    def said(text: str) -> Any:
        if not text:
            return None
        try:
            return read(text)
        except Invalid:
            if NOTHING_MONEY.fullmatch(text):
                return None
            raise

    return said


@lru_cache(maxsize=20_000)
def _place(text: str) -> str | Noted:
    return Noted("", "masked") if "*" in text or "＊" in text else words(text, 60)


def _soft(otherwise: Any, code: str, read: Reader) -> Reader:
    """What is read; where that is not possible, the other value with a note: the row goes in without it."""

    def softly(text: str) -> Any:
        try:
            return read(text)
        except Invalid:
            return Noted(otherwise, code) if code else otherwise

    return softly


def _money(column: str, decimal: str, *, exactly: bool) -> Reader:
    """Reads amounts below this header; in major units and unrounded where they are to be multiplied."""
    try:
        factor = amounts.header_unit(column)
    except Invalid as refusal:
        reason = refusal
        return lambda text: _refuse(reason)
    if exactly:
        return lambda text: amounts.exact(text, decimal) * factor
    return amounts.reader(decimal, factor)


def _refuse(reason: Invalid) -> Any:
    raise Invalid(str(reason), code=reason.code)


def _positive(read: Reader) -> Reader:
    def positive(text: str) -> Any:
        if not text[:1].isdigit() and NOTHING_MONEY.fullmatch(text):
            return 0
        amount = read(text)
        return Noted(abs(amount.value), amount.code) if amount.__class__ is Noted else abs(amount)

    return positive


@lru_cache(maxsize=1_000)
def _quantity(text: str, *, strictly: bool) -> Decimal | Noted:
    if not text:
        return ONE
    try:
        return amounts.quantity(text)
    except Invalid:
        if strictly:
            raise
        return Noted(Decimal(1), "quantity_unknown")


def _currency(text: str) -> str:
    if text and not amounts.is_own(text):
        raise Invalid(_("This currency is not known."), code="other_currency")
    return text


def _after_sales(text: str, said: dict[str, str], column: str) -> str:
    """What the word says of money that went back, or was to; nothing where it says something else."""
    asked = statuses.of_column(column, text)
    meaning = said.get(statuses.word(asked)) or statuses.meaning_of_after_sales(text)
    if not meaning:
        raise _unknown(asked)
    return "" if meaning == Meaning.PAID else meaning


def _status(text: str, said: dict[str, str], column: str = "") -> str:
    """What the word means in the column of the status, or in the one that is named."""
    asked = statuses.of_column(column, text) if column else text
    meaning = said.get(statuses.word(asked), "")
    if not meaning:
        meaning = statuses.meaning(text)
        meaning = (meaning == Meaning.PAID and statuses.asks_back(text)) or meaning
    if not meaning:
        raise _unknown(asked)
    return meaning


def _unknown(word: str) -> Invalid:
    return Invalid(_("This status is not known. Say what “%(word)s” means.") % {"word": word[:40]})
