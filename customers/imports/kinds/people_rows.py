"""A row of a file of customers: what it tells of one person. What cannot be used is left out and noted."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from core.accounts.models import User
from core.lib.errors import Invalid
from customers import contact_points, keys, managers
from customers.contact_points import Kind, Sealed
from customers.imports.fields import CUSTOM
from customers.imports.kinds import birthdays
from customers.imports.kinds.passing import Cells, Pass, Refused
from customers.imports.reading.shape import Row
from customers.imports.row import full_name
from customers.imports.spellings import contacts, dates
from customers.imports.spellings.texts import value_of, words
from customers.record import fields as custom_fields
from customers.record.changes import BIRTHDAY
from customers.record.facts import Facts

SEVERAL = re.compile(r"[,，;；、|\n]+|(?<=\d)\s*/\s*(?=[\d+])")
_YES = {"1", "1.0", "y", "yes", "true", "t", "是", "√", "对", "经销商", "分销商", "批发"}
_NO = {"0", "0.0", "n", "no", "false", "f", "否", "×", "不是", "非经销商"}
_NO_DAY = re.compile(r"[-–—/:.0\s]*|n/?a|null|none|nan|无|無", re.IGNORECASE)
_MASK = re.compile(r"[*＊]")


@dataclass
class Told:
    """What one row tells: `groups` is field of the history -> columns of Customer that say it."""

    row: Row
    external_id: str
    points: list[Sealed] = field(default_factory=list)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    manager: User | None = None

    @property
    def key(self) -> str:
        """By which a question about the row is known."""
        if self.external_id:
            return self.external_id
        return contact_points.order_prefix(self.points[0].blind_index)


class Reader:
    """Reads the rows of one file."""

    def __init__(self, pass_: Pass) -> None:
        self.today, self.order, self.by = pass_.today, pass_.choices.date_order, pass_.by
        self.custom = {f"{CUSTOM}{row.key}": row for row in custom_fields.in_use()}
        self.custom = {name: row for name, row in self.custom.items() if name in pass_.choices.mapping}
        self.managers = _managers() if "manager" in pass_.choices.mapping else {}
        self.books: Counter[int] = Counter()

    def read(self, cells: Cells) -> Told:
        """Raises Refused where nobody could be recognised by what the row says."""
        external_id = cells.value("customer", contacts.customer(cells.text("customer")))
        told = Told(cells.row, external_id)
        self._phones(cells, told)
        self._emails(cells, told)
        if not (external_id or told.points):
            raise self._nobody(cells)
        self._addresses(cells, told)
        for name, value in self._plain(cells):
            self._tell(cells, told, name, value)
        for name, row in self.custom.items():
            self._answer(cells, told, name, row)
        told.manager = self._manager(cells)
        return told

    def _nobody(self, cells: Cells) -> Refused:
        if any(name.startswith(("phone", "email", "customer")) for name, _code in cells.notes):
            text = _("Nobody can be recognised: the customer id, phone or e-mail cannot be used.")
            return Refused(cells.notes[0][0], text)
        return Refused("customer", _("Neither customer nor phone is given."))

    # Contacts ---------------------------------------------------------------------------------------------------------

    def _phones(self, cells: Cells, told: Told) -> None:
        for name in ("phone", "phone_else"):
            text = cells.text(name)
            if not text or _NO_DAY.fullmatch(text):
                continue
            whole = contacts.phone(text)
            is_one = isinstance(whole, Sealed) or getattr(whole, "code", "") in ("phone_masked", "phone_damaged")
            for part in [text] if is_one else SEVERAL.split(text):
                self._point(cells, told, name, contacts.phone(part.strip()))

    def _emails(self, cells: Cells, told: Told) -> None:
        for name in ("email", "email_else"):
            text = cells.text(name)
            for part in re.split(r"[,，;；、|\s]+", text) if text and not _NO_DAY.fullmatch(text) else []:
                self._point(cells, told, name, contacts.email(part))

    def _point(self, cells: Cells, told: Told, name: str, read: Any) -> None:
        point: Sealed | None = cells.value(name, read)
        if point and all(point.blind_index != other.blind_index for other in told.points):
            told.points.append(point)

    def _addresses(self, cells: Cells, told: Told) -> None:
        parts = [_said(cells.text(name)) for name in ("region", "city", "district")]
        for name in ("address", "address_else"):
            street = _said(cells.text(name))
            if not street:
                continue
            above = list(dict.fromkeys(part for part in parts if part and part not in street))
            is_chinese = not street.isascii()
            whole = "".join([*above, street]) if is_chinese else ", ".join([street, *reversed(above)])
            try:
                self._point(cells, told, name, contact_points.seal(Kind.ADDRESS, whole))
            except Invalid:
                cells.note(name, "address_invalid")

    # Fields -----------------------------------------------------------------------------------------------------------

    def _plain(self, cells: Cells) -> Iterator[tuple[str, Any]]:
        name = self._name(cells)
        if name:
            yield "name", name
        for field_ in ("region", "city"):
            if text := _said(cells.text(field_)):
                yield field_, cells.value(field_, words(text, 60))
        if text := _said(cells.text("notes")):
            yield "notes", text
        interests = [
            part.strip() for part in re.split(r"[,，;；、|/\n]+", _said(cells.text("interests"))) if part.strip()
        ]
        if interests:
            yield "interests", tuple(interests)
        reseller = cells.text("is_reseller").casefold()
        if reseller in _YES | _NO:
            yield "is_reseller", reseller in _YES
        elif reseller:
            cells.note("is_reseller", "yes_no_unknown")
        if text := cells.text("registered_on"):
            yield from self._day(cells, text)
        if text := cells.text("birthday"):
            yield from self._birthday(cells, text)

    def _name(self, cells: Cells) -> str:
        first, last = (
            cells.value(name, words(cells.text(name), most)) for name, most in (("name", 120), ("last_name", 60))
        )
        name = full_name(first, last)
        if _MASK.search(name):
            cells.note("name", "name_masked")
            return ""
        return "" if keys.is_nobody(name) else name

    def _day(self, cells: Cells, text: str) -> Iterator[tuple[str, date]]:
        if _NO_DAY.fullmatch(text):
            return
        try:
            day = date.fromisoformat(dates.moment(text, self.order)[1])
        except Invalid:
            cells.note("registered_on", "registered_unknown")
            return
        if day > self.today:
            cells.note("registered_on", "registered_unknown")
        else:
            yield "registered_on", day

    def _birthday(self, cells: Cells, text: str) -> Iterator[tuple[str, Any]]:
        try:
            birthday = birthdays.read(text, cells.text("lunar"), self.order)
            if birthday:
                Facts(birthday=birthday).columns(today=self.today)
                yield BIRTHDAY, birthday
        except (Invalid, ValueError, KeyError):
            cells.note("birthday", "birthday_unknown")

    def _tell(self, cells: Cells, told: Told, name: str, value: Any) -> None:
        try:
            told.groups[name] = Facts(**{name: value}).columns(today=self.today)
        except Invalid:
            cells.note(name, "too_much")

    def _answer(self, cells: Cells, told: Told, name: str, row: Any) -> None:
        text: Any = _said(cells.text(name))
        if not text:
            return
        try:
            value = dates.day(text, self.order) if row.kind == custom_fields.Kind.DATE else text
            answer = custom_fields.answer(row, value)
        except Invalid:
            cells.note(name, "custom_unknown")
        else:
            told.groups[name] = {"custom": {row.key: answer}}

    # Managers ---------------------------------------------------------------------------------------------------------

    def _manager(self, cells: Cells) -> User | None:
        text = _said(cells.text("manager"))
        if not text:
            return None
        manager = self.managers.get(text.casefold())
        if manager is None:
            cells.note("manager", "manager_unknown")
        elif self.by and not managers.may_choose(manager, self.by):
            cells.note("manager", "manager_other_team")
            return None
        return manager


def _said(text: str) -> str:
    """The text, or nothing where it says that there is none."""
    value: str = value_of(words(text, 10_000))
    return "" if keys.is_nobody(value) and not value.isdigit() else value


def _managers() -> dict[str, User | None]:
    """Username or full name -> who looks after customers; None where two share it."""
    found: dict[str, User | None] = {}
    names: tuple[Callable[[User], str], ...] = (lambda user: user.full_name, lambda user: user.username)
    people = [user for user in User.objects.filter(is_active=True) if user.holds(*managers.LOOK_AFTER)]
    for name_of in names:
        seen: Counter[str] = Counter(name_of(user).casefold() for user in people)
        found |= {
            name_of(user).casefold(): user if seen[name_of(user).casefold()] == 1 else None
            for user in people
            if name_of(user)
        }
    return found
