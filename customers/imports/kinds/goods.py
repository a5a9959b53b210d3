"""Files of products, with category, price, cost and picture. What a person has written here stays."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from core.accounts.models import AuditEntry
from core.lib import rows
from core.lib.errors import Invalid
from core.lib.money import from_minor
from customers import keys, locks
from customers.imports.kinds import passing
from customers.imports.kinds.passing import ASKED, CREATED, UNCHANGED, UPDATED, Cells, Pass, Refused
from customers.imports.reading.shape import Row
from customers.imports.spellings import amounts, contacts
from customers.imports.spellings.texts import bare, title, words
from customers.models import Category, ImportQuestion, Product
from customers.record import goods

Answer = ImportQuestion.Answer
LONGEST_PICTURE = 400
TOLD = ("name", "category", "price", "cost", "picture")
COLUMNS = ("name", "category_id", "price", "cost", "picture")


@dataclass
class Told:
    """What one row tells of a product; "" and None say nothing."""

    row: Row
    code: str
    name: str = ""
    category: str = ""
    picture: str = ""
    price: Decimal | None = None
    cost: Decimal | None = None


@dataclass
class Known:
    """A product as this pass knows it."""

    product: Product
    typed: set[str] = field(default_factory=set)  # fields that a person has written here
    before: dict[str, Any] | None = None  # None: made by this pass
    is_changed: bool = False


class Goods:
    """What rows of products mean. Outside a run, what the file has said so far is remembered from batch to batch."""

    def __init__(self, pass_: Pass) -> None:
        self.on, self.source = pass_, pass_.run.source
        self.known: dict[str, Known] = {}
        self.categories: dict[str, Category] = {}
        self.mine: set[int] = set()  # made by this pass

    def read(self, cells: Cells) -> Told:
        """Raises Refused for a row that names no product."""
        code = contacts.order_no(cells.text("product"))
        name = cells.value("name", words(cells.text("name"), 200))
        name = "" if keys.is_nobody(name) and not name.isdigit() else name
        code = code or cells.value("name", title(name, 80))
        if not code:
            raise Refused("product", _("The row names no product."))
        category = cells.value("category", words(cells.text("category"), 80))
        told = Told(cells.row, code, name, "" if keys.is_nobody(category) else category)
        if currency := cells.text("currency"):
            try:
                amounts.is_own(currency)
            except Invalid as refusal:
                raise Refused("currency", str(refusal)) from None
        told.price, told.cost = (self._money(cells, name) for name in ("price", "cost"))
        told.picture = self._picture(cells)
        return told

    def _money(self, cells: Cells, name: str) -> Decimal | None:
        text = cells.text(name)
        if not text or (keys.is_nobody(text) and not any(sign.isdigit() for sign in text)):
            return None
        column = self.on.choices.mapping.get(name, "")
        try:
            minor = cells.value(name, amounts.minor(text, self.on.choices.decimal, amounts.header_unit(column)))
        except Invalid:
            cells.note(name, "amount_unknown")
            return None
        if minor < 0:
            cells.note(name, "amount_unknown")
            return None
        return from_minor(minor)

    def _picture(self, cells: Cells) -> str:
        text = bare(cells.text("picture"))
        address = next(
            (part for part in text.replace("|", ",").replace("，", ",").split(",") if part.strip()), ""
        ).strip()
        address = f"https:{address}" if address.startswith("//") else address
        if not address:
            return ""
        if not address.startswith("https://") or len(address) > LONGEST_PICTURE or " " in address:
            cells.note("picture", "picture_not_https")
            return ""
        return address

    def take(self, items: list[Told]) -> None:
        """The pass knows what these rows do to the record; in a run it is done."""
        if self.on.is_run:
            locks.hold_off_everyone()
            self.known = {}
        self._look_up(items)
        for told in items:
            known = self.known.get(told.code)
            names = self._differs(told, known) if known else list(TOLD)
            if self._is_held(told, known, names):
                self.on.count(ASKED)
                continue
            outcome = self._change(told, known, names) if known else self._make(told)
            self.on.count(outcome, self.known[told.code].product.pk)
        if self.on.is_run:
            self._store([known for known in self.known.values() if known.is_changed])

    def _look_up(self, items: list[Told]) -> None:
        codes = {told.code for told in items} - self.known.keys()
        stored = Product.objects.filter(source=self.source, external_id__in=codes).order_by("pk")
        stored = stored.select_related("category")
        products = list(stored.select_for_update(of=["self"]) if self.on.is_run else stored)
        for product in products:
            before = {name: getattr(product, name) for name in COLUMNS}
            self.known[product.external_id] = Known(product, set(product.by_hand), before)
        of_id = {known.product.pk: known for known in self.known.values()}
        lines = AuditEntry.objects.filter(
            action__in=goods.BY_HAND, subject_type="product", subject_id__in=[product.pk for product in products]
        )
        for pk, detail in lines.values_list("subject_id", "detail"):
            of_id[pk or 0].typed |= set(detail.get("fields", ()))
        names = {told.category for told in items if told.category} - self.categories.keys()
        self.categories |= {row.name: row for row in Category.objects.filter(name__in=names)}

    def _category(self, name: str) -> Category:
        """The category of this name; a new one is stored by a run alone."""
        if name not in self.categories:
            self.categories[name] = Category(name=name)
            if self.on.is_run:
                self.categories[name] = Category.objects.get_or_create(name=name)[0]
        return self.categories[name]

    def _make(self, told: Told) -> str:
        product = Product(source=self.source, external_id=told.code, name=told.name or told.code)
        self.known[told.code] = Known(product)
        self._fill(product, told, ("category", "price", "cost", "picture"))
        self.known[told.code].is_changed = True
        return CREATED

    def _differs(self, told: Told, known: Known) -> list[str]:
        """What the row changes of the product."""
        differs = []
        for name in TOLD:
            value, stored = getattr(told, name), getattr(known.product, name)
            if value in ("", None) or value == (stored.name if isinstance(stored, Category) else stored):
                continue
            if name in known.typed and stored not in ("", None):
                self.on.note(told.row, name, "by_hand")
            else:
                differs.append(name)
        return differs

    def _is_held(self, told: Told, known: Known | None, names: list[str]) -> bool:
        """Whether the row would do something that a check has planned otherwise, and nobody has said yes to it."""
        was = {name: str(getattr(known.product, name) or "") if known else "" for name in names}
        will = {name: str(getattr(told, name) or "") for name in names}
        is_mine = known is None or known.before is None or known.product.pk in self.mine
        is_other = self.on.is_other(None if is_mine else told.code, sorted(was.items()), sorted(will.items()))
        if not (is_other and names):
            return False
        stored = {"customer_id": None, "fields": was}
        return self.on.ask(told.row, told.code, [ImportQuestion.Kind.CHANGED], stored, {"fields": will}) != Answer.YES

    def _change(self, told: Told, known: Known, names: list[str]) -> str:
        if not names:
            return UNCHANGED
        self._fill(known.product, told, names)
        known.is_changed = True
        return UPDATED

    def _fill(self, product: Product, told: Told, names: Any) -> None:
        for name in names:
            value = getattr(told, name)
            if value not in ("", None):
                setattr(product, name, self._category(value) if name == "category" else value)

    def _store(self, changed: list[Known]) -> None:
        made = [known for known in changed if known.before is None]
        rows.insert([known.product for known in made])
        self.mine |= {known.product.pk for known in made}
        old = [known.product for known in changed if known.before is not None]
        moved = [k.product.pk for k in changed if k.before and k.before["category_id"] != k.product.category_id]
        rows.update(old, COLUMNS)
        goods.remask(moved)
        passing.remember(self.on, {known.product.pk: self._kept(known) for known in changed})

    def _kept(self, known: Known) -> tuple[bool, dict[str, Any], dict[str, Any]]:
        now = {name: getattr(known.product, name) for name in COLUMNS}
        before = known.before or {}
        names = [name for name in COLUMNS if not before or before[name] != now[name]]
        return (
            known.before is None,
            {name: _plain(before[name]) for name in names if before},
            {name: _plain(now[name]) for name in names},
        )


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value
