"""What a file says of itself before anybody is asked: its profile, its columns, and what is still open.

A person decides only what the file leaves open; what it proves, or what was chosen for its source before, stands.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.translation import gettext as _

from core.lib.errors import Invalid
from customers import keys
from customers.imports import fields, profiles, saved
from customers.imports.choices import Choices
from customers.imports.reading.shape import Broken, Row
from customers.imports.spellings import amounts, dates, statuses

SAMPLES = 5
# Rows that are looked at for what they prove; whatever comes later is read as they say, or refused.
SURVEYED = 200_000
MOST_WORDS = 200
# A profile with this share of its headers decides what a file is of.
CERTAIN = 0.8
DATES = ("date", "date_else", "refunded_at", "modified", "registered_on", "birthday")
BESIDE_STATUS = ("pay_status", "after_sales")
AMOUNTS = ("paid", "line_paid", "refunded", "cost", "price", "amount")
# As most amounts are: the point of these stands before the decimals, `amounts.decimal_of` says so of each.
_PLAIN = re.compile(r"\d+\.\d\d?", re.ASCII)


@dataclass
class Findings:
    """What was found, as it is stored with the import: no personal data.

    `ties` are profiles that fit equally well, `missing` fields without a column, `lost` columns that the source's
    files had before. `date_orders` and `decimals` are what is still possible, with samples, where that is more than
    one. `unknown` is status word -> how often. `doubts` are encodings.
    """

    rows: int = 0
    kinds: list[str] = field(default_factory=list)  # what it can be a file of, where that is open
    ties: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    lost: dict[str, str] = field(default_factory=dict)
    date_orders: list[str] = field(default_factory=list)
    date_samples: list[str] = field(default_factory=list)
    decimals: list[str] = field(default_factory=list)
    decimal_samples: list[str] = field(default_factory=list)
    price_column: str = ""
    repeated: list[str] = field(default_factory=list)  # order numbers whose rows all say the same amount
    unknown: dict[str, int] = field(default_factory=dict)
    known: dict[str, list[Any]] = field(default_factory=dict)  # status word -> [how often, meaning]
    other_currency: str = ""
    doubts: list[str] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether a person is asked anything."""
        return any(
            (
                self.kinds,
                self.ties,
                self.missing,
                self.date_orders,
                self.decimals,
                self.price_column,
                self.repeated,
                self.unknown,
                self.doubts,
                self.lost,
            )
        )

    @property
    def refuses(self) -> bool:
        """Whether rows are refused as long as nobody answers."""
        return any((self.date_orders, self.decimals, self.price_column, self.unknown))

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if value}

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> "Findings":
        """Without what this version does not know."""
        return cls(**{name: said[name] for name in cls.__dataclass_fields__ if name in said})


def kinds(names: Sequence[str], source: str) -> list[str]:
    """What a file with these columns can be of: as the source's files were, by its profile, by the names alone."""
    before = {kind: saved.of_source(source, kind) for kind in fields.KINDS}
    same = [kind for kind, row in before.items() if row and row.columns == list(names)]
    if len(same) == 1:
        return same
    best = max(
        (match for kind in fields.KINDS for match in profiles.matches(names, kind)), key=lambda m: m.score, default=None
    )
    if best and best.score >= CERTAIN:
        return [best.profile.kind]
    return fields.kinds_of(names) or ([best.profile.kind] if best else list(fields.KINDS))


def columns(
    names: Sequence[str],
    sample: Sequence[Sequence[str]],
    choices: Choices,
    saved: Choices | None,
    columns_before: Sequence[str] = (),
) -> tuple[Choices, Findings]:
    """The choices with a column for each field that has one: as chosen, as saved, by profile, or guessed."""
    findings = Findings()
    if choices.mapping:
        result = choices
    elif choices.profile:
        result = of_profile(choices, names, sample)
    elif saved and _fits(saved, names):
        result, findings.lost = _as_saved(choices, saved, names, sample, columns_before)
    else:
        found = profiles.recognised(names, choices.kind)
        if len(found) > 1:
            findings.ties = [profile.key for profile in found]
        if found:
            result = of_profile(replace(choices, profile=found[0].key), names, sample)
        else:
            result = _priced(choices.with_mapping(fields.guess(names, sample, choices.kind)))
    findings.missing = fields.missing_fields(result.mapping, result.kind)
    return result, findings


def of_profile(choices: Choices, names: Sequence[str], sample: Sequence[Sequence[str]]) -> Choices:
    """The choices with what their profile says; what was chosen otherwise stays. Raises Invalid for no such profile."""
    profile = profiles.PROFILES.get(choices.profile)
    if profile is None:
        raise Invalid(
            _("There is no profile “%(name)s”. Choose one of: %(names)s.")
            % {"name": choices.profile, "names": ", ".join(profiles.PROFILES)},
            code="bad_profile",
        )
    return replace(
        choices,
        mapping=profiles.mapping(profile, names, sample) | dict(choices.mapping),
        price=choices.price or profile.price,
        date_order=choices.date_order or profile.date_order,
        statuses=dict(profile.statuses) | dict(choices.statuses),
    )


def _fits(saved: Choices, names: Sequence[str]) -> bool:
    here = sum(column in names for column in saved.mapping.values())
    return here * 2 > len(saved.mapping)


def _as_saved(
    choices: Choices,
    saved: Choices,
    names: Sequence[str],
    sample: Sequence[Sequence[str]],
    before: Sequence[str],
) -> tuple[Choices, dict[str, str]]:
    """As the source's files were read before. A column that is gone is looked for anew, and told; one that came is used."""
    mapping = {field: column for field, column in saved.mapping.items() if column in names}
    lost = {field: column for field, column in saved.mapping.items() if column not in names}
    guessed = fields.guess(names, sample, saved.kind)
    if saved.profile in profiles.PROFILES:
        guessed |= profiles.mapping(profiles.PROFILES[saved.profile], names, sample)
    for field_, column in guessed.items():
        is_new = field_ not in mapping and (field_ in lost or column not in before)
        if is_new and column not in mapping.values() and not (field_ == "paid" and "line_paid" in mapping):
            mapping[field_] = column
    return (
        replace(
            choices,
            profile=saved.profile,
            mapping=mapping,
            price=choices.price or saved.price,
            date_order=choices.date_order or saved.date_order,
            decimal=choices.decimal or saved.decimal,
            statuses=dict(saved.statuses) | dict(choices.statuses),
        ),
        lost,
    )


def _priced(choices: Choices) -> Choices:
    """With the price of a piece meant where the header says so."""
    column = choices.mapping.get("line_paid") or choices.mapping.get("paid", "")
    if choices.price or fields.key(column) in fields.MAYBE_PIECE:
        return choices
    return replace(choices, price="piece" if fields.key(column) in fields.PIECE else "line")


def remapped(choices: Choices, mapping: Mapping[str, str]) -> Choices:
    """The choices with other columns; what was found out about columns that are no longer meant is forgotten."""
    before, result = choices.mapping, choices.with_mapping(mapping)
    if any(before.get(name) != mapping.get(name) for name in DATES):
        result = replace(result, date_order="")
    if any(before.get(name) != mapping.get(name) for name in ("paid", "line_paid")):
        result = _priced(replace(result, decimal="", price=""))
    return result


def survey(
    rows: Iterable[Row | Broken],
    names: Sequence[str],
    choices: Choices,
    findings: Findings,
    *,
    is_guess: bool,
) -> Choices:
    """The choices with what the whole column proves; what it leaves open stands in the findings.

    `is_guess`: no person has said which column is what, so amounts that differ within an order are those of its lines.
    """
    look = _Look(names, choices)
    for row in rows:
        if isinstance(row, Row):
            look.take(row.cells)
            if look.rows == SURVEYED:
                break
    findings.rows = look.rows
    findings.unknown, findings.known = look.words()
    column = choices.mapping.get("paid", "")
    if is_guess and look.differ and column:
        mapping = {field: name for field, name in choices.mapping.items() if field != "paid"}
        choices = choices.with_mapping(mapping | {"line_paid": column})
    elif is_guess and (look.equal or look.goes_on) and column and look.piece and not look.is_price_times_pieces:
        choices = replace(choices.with_mapping(dict(choices.mapping) | {"line_paid": look.piece}), price="piece")
    elif is_guess and look.goes_on and column:
        choices = choices.with_mapping(dict(choices.mapping) | {"line_paid": column})
    elif is_guess and look.equal and column:
        findings.repeated = look.equal[:SAMPLES]
    if not choices.price and choices.kind == "orders":
        priced = choices.mapping.get("line_paid") or column
        if look.several and fields.key(priced) in fields.MAYBE_PIECE:
            findings.price_column = priced
        else:
            choices = replace(choices, price="line")
    choices = replace(choices, date_order=look.date_order(choices.date_order, findings))
    findings.other_currency = look.other_currency
    return replace(choices, decimal=look.decimal(choices.decimal, findings))


class _Look:
    """What the cells of the columns that matter have in common."""

    def __init__(self, names: Sequence[str], choices: Choices) -> None:
        place = {field: names.index(column) for field, column in choices.mapping.items() if column in names}
        self.dates = [place[field] for field in DATES if field in place]
        self.amounts = [place[field] for field in AMOUNTS if field in place]
        self.status, self.units = place.get("status"), place.get("units")
        self.beside = [(choices.mapping[field], place[field]) for field in BESIDE_STATUS if field in place]
        self.heads = [place[field] for field in ("customer", "phone", "email", "name", "date") if field in place]
        self.item = [place[field] for field in ("product", "units") if field in place]
        self.product = place.get("product", -1)
        self.order_no = place.get("order_no")
        self.paid = place.get("paid") if "line_paid" not in place and "version" not in place else None
        self.said = {statuses.word(text): meaning for text, meaning in choices.statuses.items()}
        self.meaning = statuses.meaning_of_refund if choices.kind == "refunds" else statuses.meaning
        self.rows = 0
        self.days: Counter[str] = Counter()
        self.numbers: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.words_beside: Counter[tuple[str, str]] = Counter()  # (column, word)
        self.pay_status = choices.mapping.get("pay_status", "")
        self.several = self.differ = self.proved_point = False
        self.goes_on = False  # rows that leave blank what the row above says of the order
        self.equal: list[str] = []
        self.piece = self._piece(names, choices)
        self.price = names.index(self.piece) if self.piece else None
        self.is_price_times_pieces = False  # of a row whose amount is that of the row above
        self.above: list[str] = []
        self.other_currency = _other_currency(choices)

    def take(self, cells: list[str]) -> None:
        self.rows += 1
        for index in self.dates:
            if (text := cells[index].strip()) and not _is_iso(text):
                self.days[text] += 1
        for index in self.amounts:
            text = cells[index].strip()
            if _PLAIN.fullmatch(text):
                self.proved_point = True
            elif not text.isdigit():
                self.numbers[text] += 1
        if self.status is not None:
            self.statuses[cells[self.status].strip()] += 1
        for column, index in self.beside:
            if text := cells[index].strip():
                self.words_beside[column, text] += 1
        if self.units is not None and not self.several:
            self.several = cells[self.units].strip() not in ("", "0", "1", "1.0")
        if self.order_no is not None and self.paid is not None:
            self._compare(cells, self.order_no, self.paid)
        self.above = cells

    def _compare(self, cells: list[str], order_no: int, paid: int) -> None:
        """With the row above: is the amount of an order, or of a line?"""
        number = cells[order_no].strip()
        is_same = bool(self.above) and number in ("", self.above[order_no].strip())
        if is_same and not cells[paid].strip() and any(cells[index].strip() for index in self.item):
            self.goes_on |= not any(cells[index].strip() not in ("", self.above[index].strip()) for index in self.heads)
        if not cells[paid].strip() or (self.above and not self.above[paid].strip()):
            return
        if not self.above or not number or number != self.above[order_no].strip() or keys.damaged(number):
            return
        changed = [index for index in range(len(cells)) if cells[index].strip() != self.above[index].strip()]
        if any(index in changed for index in self.dates):
            return  # the order once more, at a later time
        if self.status in changed and self.product not in changed:
            return  # the same goods, in a later state
        if paid in changed and len(changed) > 1:
            self.differ = True
        elif changed and paid not in changed:
            self.equal.append(number)
            if self.price is not None and self.units is not None:
                self.is_price_times_pieces |= any(
                    self._is_amount_of_row(row, paid, self.price, self.units) for row in (cells, self.above)
                )

    def _piece(self, names: Sequence[str], choices: Choices) -> str:
        """The column with the price of a piece, where rows count pieces."""
        if self.units is None or "line_paid" in choices.mapping:
            return ""
        return fields.choose((*fields.PIECE_NAMES, *fields.MAYBE_PIECE_NAMES), names, [])

    def _is_amount_of_row(self, cells: list[str], paid: int, price: int, units: int) -> bool:
        """Whether the amount may be that of the row alone: price times pieces, as far as both can be read."""
        try:
            amount, piece = (amounts.exact(cells[index].strip()) for index in (paid, price))
            return amount <= piece * amounts.quantity(cells[units].strip() or "1")
        except Invalid:
            return True

    def words(self) -> tuple[dict[str, int], dict[str, list[Any]]]:
        """(words nobody knows, how often), (words that are known, how often and what they mean)"""
        unknown: dict[str, int] = {}
        known: dict[str, list[Any]] = {}
        for text, count in self.statuses.most_common(MOST_WORDS):
            meaning = self.said.get(statuses.word(text)) or self.meaning(text)
            if meaning:
                known[text] = [count, meaning]
            else:
                unknown[text] = count
        for (column, text), count in self.words_beside.most_common(MOST_WORDS):
            asked = statuses.of_column(column, text)
            read = statuses.meaning if column == self.pay_status else statuses.meaning_of_after_sales
            said = self.said.get(statuses.word(asked), "")
            if said:
                known[asked] = [count, said]
            elif not read(text):
                unknown[asked] = count
        return unknown, known

    def date_order(self, chosen: str, findings: Findings) -> str:
        """What every value that is open agrees on; else what was chosen, else nothing and a question."""
        readings = {text: found for text in self.days if (found := dates.readings(text))}
        if not readings:
            return chosen
        possible = [order for order in dates.ORDERS if all(order in found for found in readings.values())]
        if len(possible) == 1:
            return possible[0]
        if chosen and (chosen in possible or not possible):
            return chosen
        either = [order for order in dates.ORDERS if any(order in found for found in readings.values())]
        findings.date_orders = possible or either
        findings.date_samples = list(readings)[:SAMPLES]
        return ""

    def decimal(self, chosen: str, findings: Findings) -> str:
        proofs = {text: amounts.decimal_of(text) for text in self.numbers}
        said = (set(proofs.values()) | {"." if self.proved_point else ""}) - {"", "?"}
        if len(said) == 1:
            return said.pop()
        unclear = [text for text, proof in proofs.items() if proof == "?"]
        if chosen or not unclear:
            return chosen
        findings.decimals = list(amounts.DECIMALS)
        findings.decimal_samples = unclear[:SAMPLES]
        return ""


def _is_iso(text: str) -> bool:
    return text[:4].isdigit() and text[4:5] == "-"


def _other_currency(choices: Choices) -> str:
    """The column whose header says another currency than the mall's."""
    for field_ in AMOUNTS:
        column = choices.mapping.get(field_, "")
        try:
            amounts.header_unit(column)
        except Invalid:
            return column
    return ""
